/// The lines in which two small texts differ, for people: what stands between the first and the
/// last line that are not the same, `-` before what was there and `+` before what is there now.
package enum TextDifference {
  /// What is larger is not shown line by line.
  package static let largest = 64 << 10
  /// Of each of the two.
  private static let mostLines = 10

  /// `nil` if one of them is no text: too large, not UTF-8, or with bytes that no text has.
  package static func lines(from before: [UInt8], to after: [UInt8]) -> [String]? {
    guard let before = text(before), let after = text(after) else { return nil }
    var (old, new) = (before[...], after[...])
    while let first = old.first, first == new.first {
      old.removeFirst()
      new.removeFirst()
    }
    while let last = old.last, last == new.last {
      old.removeLast()
      new.removeLast()
    }
    return shown(old, "-") + shown(new, "+")
  }

  private static func shown(_ lines: ArraySlice<Substring>, _ mark: String) -> [String] {
    let left = lines.count - mostLines
    return lines.prefix(mostLines).map { "\(mark) \($0)" }
      + (left > 0 ? ["\(mark) and \(left) more"] : [])
  }

  /// Its lines; the last one is empty if the text ends with a line end.
  private static func text(_ bytes: [UInt8]) -> [Substring]? {
    guard bytes.count <= largest, !bytes.contains(0),
      let text = String(validating: bytes, as: UTF8.self)
    else { return nil }
    return text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
      .map(Substring.init)
  }
}
