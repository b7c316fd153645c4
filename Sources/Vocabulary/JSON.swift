/// A JSON value (RFC 8259) whose rendering is canonical: one value, one sequence of bytes.
///
/// Objects are printed with their keys in byte order and without white space. Numbers are whole:
/// nothing of ours has fractions.
package enum JSON: Hashable, Sendable {
  case null
  case bool(Bool)
  case integer(Int64)
  case string(String)
  case array([JSON])
  case object([String: JSON])

  package static func optional(_ text: String?) -> JSON { text.map(JSON.string) ?? .null }

  /// The member of an object; `nil` for everything else.
  package subscript(key: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    return members[key]
  }

  package var string: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }

  package var integer: Int64? {
    guard case .integer(let number) = self else { return nil }
    return number
  }

  package var bool: Bool? {
    guard case .bool(let value) = self else { return nil }
    return value
  }

  package var array: [JSON]? {
    guard case .array(let elements) = self else { return nil }
    return elements
  }

  package var object: [String: JSON]? {
    guard case .object(let members) = self else { return nil }
    return members
  }
}

// MARK: Rendering

extension JSON: CustomStringConvertible {
  package var description: String { String(decoding: rendered, as: UTF8.self) }

  /// Canonical bytes, no newline at the end.
  package var rendered: [UInt8] {
    var bytes: [UInt8] = []
    render(into: &bytes, indentation: nil)
    return bytes
  }

  /// For people: two spaces a level, a newline at the end.
  package var indented: String {
    var bytes: [UInt8] = []
    render(into: &bytes, indentation: 0)
    return String(decoding: bytes, as: UTF8.self) + "\n"
  }

  private func render(into bytes: inout [UInt8], indentation: Int?) {
    switch self {
    case .null: bytes += "null".utf8
    case .bool(let value): bytes += (value ? "true" : "false").utf8
    case .integer(let number): bytes += String(number).utf8
    case .string(let text): Self.quote(text, into: &bytes)
    case .array(let elements):
      Self.list(elements, "[", "]", into: &bytes, indentation) { element, bytes, deeper in
        element.render(into: &bytes, indentation: deeper)
      }
    case .object(let members):
      let sorted = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      Self.list(sorted, "{", "}", into: &bytes, indentation) { member, bytes, deeper in
        Self.quote(member.key, into: &bytes)
        bytes += (deeper == nil ? ":" : ": ").utf8
        member.value.render(into: &bytes, indentation: deeper)
      }
    }
  }

  private static func list<Element>(
    _ elements: [Element], _ open: String, _ close: String, into bytes: inout [UInt8],
    _ indentation: Int?, _ render: (Element, inout [UInt8], Int?) -> Void
  ) {
    bytes += open.utf8
    let deeper = indentation.map { $0 + 2 }
    for (index, element) in elements.enumerated() {
      if index > 0 { bytes += ",".utf8 }
      if let deeper { bytes += ("\n" + String(repeating: " ", count: deeper)).utf8 }
      render(element, &bytes, deeper)
    }
    if let indentation, !elements.isEmpty {
      bytes += ("\n" + String(repeating: " ", count: indentation)).utf8
    }
    bytes += close.utf8
  }

  private static func quote(_ text: String, into bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""): bytes += "\\\"".utf8
      case UInt8(ascii: "\\"): bytes += "\\\\".utf8
      case 0x0A: bytes += "\\n".utf8
      case 0x09: bytes += "\\t".utf8
      case 0x0D: bytes += "\\r".utf8
      case 0..<0x20: bytes += "\\u00".utf8 + Array(Hex.encode([byte]).utf8)
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}

// MARK: Parsing

/// Why a text is not JSON that we read, and at which byte.
package struct JSONError: Error, Sendable, Hashable, CustomStringConvertible {
  package let offset: Int
  package let reason: String
  package var description: String { "\(reason) at byte \(offset)" }
}

extension JSON {
  /// Strict: no duplicate keys, no fractions or exponents, nothing after the value, at most 64
  /// levels. The caller bounds the size.
  package init(parsing bytes: [UInt8]) throws(JSONError) {
    var parser = JSONParser(bytes)
    self = try parser.parseWhole()
  }
}

private struct JSONParser {
  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func parseWhole() throws(JSONError) -> JSON {
    let value = try parse(depth: 0)
    skipSpace()
    if position < bytes.count { throw error("more after the value") }
    return value
  }

  private func error(_ reason: String) -> JSONError { JSONError(offset: position, reason: reason) }

  private mutating func skipSpace() {
    while position < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[position]) {
      position += 1
    }
  }

  private mutating func take(_ byte: Character) -> Bool {
    skipSpace()
    guard position < bytes.count, bytes[position] == byte.asciiValue else { return false }
    position += 1
    return true
  }

  private mutating func take(word: String) -> Bool {
    guard bytes[position...].starts(with: word.utf8) else { return false }
    position += word.utf8.count
    return true
  }

  private mutating func parse(depth: Int) throws(JSONError) -> JSON {
    if depth > 64 { throw error("nested too deeply") }
    skipSpace()
    guard position < bytes.count else { throw error("the text ends early") }
    switch bytes[position] {
    case UInt8(ascii: "{"): return try parseObject(depth: depth)
    case UInt8(ascii: "["): return try parseArray(depth: depth)
    case UInt8(ascii: "\""): return .string(try parseString())
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try parseNumber()
    default:
      if take(word: "true") { return .bool(true) }
      if take(word: "false") { return .bool(false) }
      if take(word: "null") { return .null }
      throw error("no value")
    }
  }

  private mutating func parseObject(depth: Int) throws(JSONError) -> JSON {
    position += 1
    var members: [String: JSON] = [:]
    if take("}") { return .object(members) }
    repeat {
      skipSpace()
      guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
        throw error("no key")
      }
      let key = try parseString()
      guard take(":") else { throw error("no colon after a key") }
      let value = try parse(depth: depth + 1)
      if members.updateValue(value, forKey: key) != nil { throw error("a key twice") }
    } while take(",")
    guard take("}") else { throw error("an object does not end") }
    return .object(members)
  }

  private mutating func parseArray(depth: Int) throws(JSONError) -> JSON {
    position += 1
    var elements: [JSON] = []
    if take("]") { return .array(elements) }
    repeat { elements.append(try parse(depth: depth + 1)) } while take(",")
    guard take("]") else { throw error("an array does not end") }
    return .array(elements)
  }

  private mutating func parseNumber() throws(JSONError) -> JSON {
    let start = position
    if bytes[position] == UInt8(ascii: "-") { position += 1 }
    while position < bytes.count, (0x30...0x39).contains(bytes[position]) { position += 1 }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    let digits = text.drop(while: { $0 == "-" })
    guard !digits.isEmpty, digits == "0" || digits.first != "0", let number = Int64(text) else {
      throw error("no whole number of 64 bits")
    }
    if position < bytes.count, [0x2E, 0x65, 0x45].contains(bytes[position]) {
      throw error("a number with a fraction")
    }
    return .integer(number)
  }

  private mutating func parseString() throws(JSONError) -> String {
    position += 1
    var text: [UInt8] = []
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let string = String(validating: text, as: UTF8.self) else {
          throw error("a string that is not UTF-8")
        }
        return string
      case UInt8(ascii: "\\"): try parseEscape(into: &text)
      case 0..<0x20: throw error("a control character in a string")
      default: text.append(byte)
      }
    }
    throw error("a string does not end")
  }

  private mutating func parseEscape(into text: inout [UInt8]) throws(JSONError) {
    guard position < bytes.count else { throw error("the text ends early") }
    let byte = bytes[position]
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"):
      var unit = UInt32(try parseUnit())
      if (0xD800..<0xDC00).contains(unit) {
        guard bytes[position...].starts(with: [0x5C, 0x75]) else { throw error("half a pair") }
        position += 2
        let low = UInt32(try parseUnit())
        guard (0xDC00..<0xE000).contains(low) else { throw error("half a pair") }
        unit = 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(unit) else { throw error("half a pair") }
      text += Array(String(Character(scalar)).utf8)
    default: throw error("an unknown escape")
    }
  }

  private mutating func parseUnit() throws(JSONError) -> UInt16 {
    guard position + 4 <= bytes.count,
      let unit = UInt16(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16),
      bytes[position] != UInt8(ascii: "+")
    else { throw error("no four hex digits") }
    position += 4
    return unit
  }
}
