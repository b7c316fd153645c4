/// The key that a person probably meant.
enum NearestKey {
  /// `did you mean "memory"?`, or all the known keys if none is near.
  static func hint(for unknown: String, among known: [String]) -> String {
    let text = Array(unknown.unicodeScalars.prefix(64))
    let ranked = known.map { (distance(text, Array($0.unicodeScalars)), $0) }.sorted { $0 < $1 }
    if let (distance, key) = ranked.first, distance <= max(2, key.count / 3), distance < key.count {
      return "did you mean \"\(key)\"?"
    }
    return "known here: " + known.joined(separator: ", ")
  }

  /// Edits of one character (insert, remove, replace) and swaps of two neighbours between the two:
  /// the optimal string alignment distance.
  static func distance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
    var rows = [Array(0...right.count)]
    for (index, scalar) in left.enumerated() {
      let above = rows[index]
      var row = [index + 1]
      for (other, candidate) in right.enumerated() {
        let replaced = above[other] + (scalar == candidate ? 0 : 1)
        var best = min(above[other + 1] + 1, row[other] + 1, replaced)
        if index > 0, other > 0, scalar == right[other - 1], left[index - 1] == candidate {
          best = min(best, rows[index - 1][other - 1] + 1)
        }
        row.append(best)
      }
      rows.append(row)
    }
    return rows[left.count][right.count]
  }
}
