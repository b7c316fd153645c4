package import Vocabulary

/// What the layer of a step depends on, all of it, readable: sorted lines `key = value`. The digest
/// of the text is the step's key; the text is kept beside the layer, so that a later miss can say
/// what differs.
package struct StepRecord: Sendable, Hashable, CustomStringConvertible {
  package struct Field: Sendable, Hashable {
    package let key: String
    package let value: String
  }

  /// Sorted by the bytes of the keys, each key once.
  package let fields: [Field]

  /// Changes when the same step must be built anew because records mean something else.
  package static let format = 1

  /// Parts that come from outside must be escaped already; what is left of line ends and the like
  /// is escaped here, so that a field always is one line.
  init(_ values: [String: String]) {
    fields = values.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      .map { Field(key: $0.key, value: Escape.line($0.value)) }
  }

  /// Reads what `text` gave; `nil` for anything else.
  package init?(text: String) {
    var fields: [Field] = []
    guard text.utf8.count <= 16 << 20, text.isEmpty || text.hasSuffix("\n") else { return nil }
    for line in text.split(separator: "\n", omittingEmptySubsequences: true) {
      guard let range = line.firstRange(of: " = ") else { return nil }
      fields.append(
        Field(key: String(line[..<range.lowerBound]), value: String(line[range.upperBound...])))
    }
    self.fields = fields
    let isSorted = zip(fields, fields.dropFirst()).allSatisfy {
      $0.key.utf8.lexicographicallyPrecedes($1.key.utf8)
    }
    guard isSorted, self.text == text else { return nil }
  }

  package var text: String { fields.map { "\($0.key) = \($0.value)\n" }.joined() }

  package var key: StepKey { StepKey(Digest.of(text)) }

  package var description: String { text }

  package subscript(key: String) -> String? { fields.first { $0.key == key }?.value }

  /// Why a step with the record `new` is not the one with `old`: one line for each field that
  /// differs, in the order of the keys; none if the records are equal. Long lists of inputs are cut.
  package static func missExplanation(new: StepRecord, old: StepRecord) -> [String] {
    let before = Dictionary(old.fields.map { ($0.key, $0.value) }) { first, _ in first }
    let after = Dictionary(new.fields.map { ($0.key, $0.value) }) { first, _ in first }
    var lines: [String] = []
    for key in Set(before.keys).union(after.keys).sorted() {
      switch (before[key], after[key]) {
      case (let old?, let new?) where old != new: lines.append("\(key): was \(old), is \(new)")
      case (let old?, nil): lines.append("\(key): was \(old), is gone")
      case (nil, let new?): lines.append("\(key): is new, \(new)")
      default: break
      }
    }
    let limit = 20
    guard lines.count > limit else { return lines }
    return lines.prefix(limit) + ["and \(lines.count - limit) more"]
  }
}

/// Bytes and texts in a record: printable ASCII as it is, all else as `%XX`.
enum Escape {
  private static let digits = Array("0123456789ABCDEF".utf8)

  /// For a whole value of parts that are escaped already: spaces and `%` stay.
  static func line(_ text: String) -> String {
    escape(Array(text.utf8)) { 0x20...0x7E ~= $0 }
  }

  /// For a part of a key or of a value: spaces, `=` and `%` are escaped, too.
  static func word(_ bytes: [UInt8]) -> String {
    escape(bytes) { 0x21...0x7E ~= $0 && $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: "%") }
  }

  private static func escape(_ bytes: [UInt8], plain: (UInt8) -> Bool) -> String {
    var result: [UInt8] = []
    for byte in bytes {
      if plain(byte) {
        result.append(byte)
      } else {
        result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
