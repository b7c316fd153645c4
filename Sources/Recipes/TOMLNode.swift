internal import TOMLKit

/// A TOML value with its place.
struct TOMLNode {
  indirect enum Value {
    case string(String)
    case integer(Int64)
    case boolean(Bool)
    case array([TOMLNode])
    case table([String: TOMLNode])
    /// Numbers with a fraction, dates, times: nothing of ours is written with them.
    case other(String)
  }

  let value: Value
  fileprivate let mark: TOMLScanner.Mark
  /// Shared by all nodes of a text: places are worked out for mistakes only.
  fileprivate let places: PlaceTable

  /// Where the value begins.
  var place: TextPlace { places[mark.value] }

  /// Where its key begins; for an element of an array, where the element begins.
  var keyPlace: TextPlace { places[mark.key] }

  /// As a sentence names it.
  var typeName: String {
    switch value {
    case .string: "a string"
    case .integer: "an integer"
    case .boolean: "true or false"
    case .array: "an array"
    case .table: "a table"
    case .other(let name): "a \(name)"
    }
  }
}

/// Text → tree of values with places.
enum TOMLDocument {
  /// The root table. Line ends may be CR LF; they mean the same as LF, in strings too, so that a
  /// checkout's line ends change no step.
  static func parse(_ text: String, path: String, limit: Int) throws(RecipeErrors)
    -> [String: TOMLNode]
  {
    let original = Array(text.utf8)
    guard original.count <= limit else {
      throw RecipeErrors(
        path: path, place: .beginning,
        message: "the text has \(original.count) bytes, more than the \(limit) that it may have")
    }
    let bytes = withoutCarriageReturns(original)
    let places = PlaceTable(bytes)
    if let nul = bytes.firstIndex(of: 0) {
      throw RecipeErrors(path: path, place: places[nul], message: "a text must not hold a NUL")
    }
    // Only what the scanner took, and so bounded, is shown to the parser.
    var scanner = TOMLScanner(bytes)
    do {
      try scanner.scan()
    } catch {
      throw RecipeErrors(
        path: path, place: places[error.offset], message: "not valid TOML: \(error.message)")
    }
    let table: TOMLTable
    do {
      table = try TOMLTable(string: String(decoding: bytes, as: UTF8.self))
    } catch {
      throw RecipeErrors([mistake(for: error, path: path)])
    }
    return Converter(marks: scanner.marks, places: places).convert(
      table, at: [], near: TOMLScanner.Mark(key: 0, value: 0))
  }

  private static func withoutCarriageReturns(_ bytes: [UInt8]) -> [UInt8] {
    guard bytes.contains(0x0D) else { return bytes }
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    for (index, byte) in bytes.enumerated()
    where byte != 0x0D || index + 1 == bytes.count || bytes[index + 1] != 0x0A {
      result.append(byte)
    }
    return result
  }

  private static func mistake(for error: any Error, path: String) -> RecipeMistake {
    guard let error = error as? TOMLParseError else {
      return RecipeMistake(path: path, place: .beginning, message: "not valid TOML: \(error)")
    }
    let begin = error.source.begin
    var sentence = error.description
    while sentence.hasSuffix(".") { sentence.removeLast() }
    let preface = "Error while parsing "
    if sentence.hasPrefix(preface) { sentence.removeFirst(preface.count) }
    return RecipeMistake(
      path: path, place: TextPlace(line: max(1, begin.line), column: max(1, begin.column)),
      message: "not valid TOML: " + Names.printable(sentence))
  }
}

/// Byte offsets → lines and columns.
final class PlaceTable: Sendable {
  private let bytes: [UInt8]
  /// The offset at which each line begins.
  private let lines: [Int]

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    var lines = [0]
    for (index, byte) in bytes.enumerated() where byte == 0x0A { lines.append(index + 1) }
    self.lines = lines
  }

  subscript(offset: Int) -> TextPlace {
    var low = 0
    var high = lines.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if lines[middle] <= offset { low = middle } else { high = middle }
    }
    // Every byte of UTF-8 but the continuing ones begins a scalar.
    let column = bytes[lines[low]..<min(offset, bytes.count)].count { $0 & 0xC0 != 0x80 }
    return TextPlace(line: low + 1, column: column + 1)
  }
}

/// The parser's tree as ours.
private struct Converter {
  let marks: [[TOMLScanner.Part]: TOMLScanner.Mark]
  let places: PlaceTable

  func convert(_ table: TOMLTable, at path: [TOMLScanner.Part], near mark: TOMLScanner.Mark)
    -> [String: TOMLNode]
  {
    var result: [String: TOMLNode] = [:]
    for key in table.keys {
      guard let value = table[key] else { continue }
      result[key] = convert(value, at: path + [.key(key)], near: mark)
    }
    return result
  }

  /// What the scanner did not mark gets the mark of what it stands in.
  private func convert(
    _ source: any TOMLValueConvertible, at path: [TOMLScanner.Part], near parent: TOMLScanner.Mark
  ) -> TOMLNode {
    let mark = marks[path] ?? parent
    return TOMLNode(
      value: value(of: source, at: path, near: mark) ?? .other(source.type.description),
      mark: mark, places: places)
  }

  private func value(
    of source: any TOMLValueConvertible, at path: [TOMLScanner.Part], near mark: TOMLScanner.Mark
  ) -> TOMLNode.Value? {
    switch source.type {
    case .string: return source.string.map { .string($0) }
    case .int: return source.int.map { .integer(Int64($0)) }
    case .bool: return source.bool.map { .boolean($0) }
    case .table: return source.table.map { .table(convert($0, at: path, near: mark)) }
    case .array:
      guard let array = source.array else { return nil }
      var nodes: [TOMLNode] = []
      for index in 0..<array.count {
        nodes.append(convert(array[index], at: path + [.index(index)], near: mark))
      }
      return .array(nodes)
    default: return nil
    }
  }
}
