/// Names that a person may have meant.
package enum NearNames {
  /// At most three, nearest first: few letters apart (Levenshtein distance), or beginning alike.
  package static func of(_ name: String, in names: [Substring]) -> [String] {
    let wanted = Array(name.utf8)
    var found: [(distance: Int, name: String)] = []
    for candidate in names {
      let bytes = Array(candidate.utf8)
      guard abs(bytes.count - wanted.count) <= 2, bytes.first == wanted.first else { continue }
      let distance = distance(wanted, bytes)
      if distance <= max(1, min(3, wanted.count / 3)) {
        found.append((distance, String(candidate)))
      }
    }
    return found.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.prefix(3).map(\.name)
  }

  private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var row = Array(0...right.count)
    for (index, byte) in left.enumerated() {
      var diagonal = row[0]
      row[0] = index + 1
      for column in 0..<right.count {
        let change = diagonal + (byte == right[column] ? 0 : 1)
        diagonal = row[column + 1]
        row[column + 1] = min(change, row[column] + 1, row[column + 1] + 1)
      }
    }
    return row[right.count]
  }
}
