/// Finds the place of every key and value of a TOML text, which the parser does not tell, and keeps
/// from the parser what it cannot bear: it recurses on nesting without a limit of its own when it
/// frees tables, and its strings end at the first NUL.
///
/// It reads the structure of TOML 1.0 (https://toml.io/en/v1.0.0) and leaves the meaning of values,
/// and what is defined twice, to the parser.
struct TOMLScanner {
  enum Part: Hashable {
    case key(String)
    case index(Int)
  }

  /// Byte offsets. Those of an array's element are equal.
  struct Mark {
    var key: Int
    var value: Int
  }

  struct Problem: Error {
    var offset: Int
    var message: String
  }

  /// Parts of one key, and values in values. Ours have four at most.
  static let maximumDepth = 8

  private(set) var marks: [[Part]: Mark] = [:]
  let bytes: [UInt8]
  private(set) var offset = 0
  private var elements: [[Part]: Int] = [:]
  private var prefix: [Part] = []

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func scan() throws(Problem) {
    while true {
      skipBlankLines()
      guard let byte = current else { return }
      if byte == UInt8(ascii: "[") { try scanHeader() } else { try scanPair(in: prefix, depth: 0) }
      try endLine()
    }
  }

  // MARK: Lines

  private mutating func scanHeader() throws(Problem) {
    let start = offset
    offset += 1
    let isElement = take("[")
    let keys = try scanKey()
    guard take("]"), !isElement || take("]") else { throw unexpected("in a table header") }
    var path: [Part] = []
    for (position, key) in keys.enumerated() {
      path.append(.key(key))
      if isElement && position == keys.count - 1 {
        let index = elements[path, default: 0]
        elements[path] = index + 1
        if marks[path] == nil { marks[path] = Mark(key: start, value: start) }
        path.append(.index(index))
      } else if let count = elements[path] {
        path.append(.index(count - 1))
      }
      if marks[path] == nil { marks[path] = Mark(key: start, value: start) }
    }
    prefix = path
  }

  private mutating func scanPair(in table: [Part], depth: Int) throws(Problem) {
    let start = offset
    let keys = try scanKey()
    skipSpace()
    guard take("=") else { throw unexpected("where \"=\" must stand") }
    skipSpace()
    var path = table
    for key in keys {
      path.append(.key(key))
      if marks[path] == nil { marks[path] = Mark(key: start, value: offset) }
    }
    try scanValue(path, depth: depth + 1)
  }

  private mutating func endLine() throws(Problem) {
    skipSpace()
    skipComment()
    if current == 0x0D { offset += 1 }
    guard current == nil || take("\n") else { throw unexpected("where a line must end") }
  }

  // MARK: Keys

  private mutating func scanKey() throws(Problem) -> [String] {
    var keys: [String] = []
    repeat {
      skipSpace()
      keys.append(try scanKeyPart())
      if keys.count > Self.maximumDepth { throw tooDeep() }
      skipSpace()
    } while take(".")
    return keys
  }

  private mutating func scanKeyPart() throws(Problem) -> String {
    let start = offset
    switch current {
    case UInt8(ascii: "\""):
      try scanString()
      return TOMLEscapes.decode(bytes[(start + 1)..<(offset - 1)])
    case UInt8(ascii: "'"):
      try scanString()
      return String(decoding: bytes[(start + 1)..<(offset - 1)], as: UTF8.self)
    default:
      while let byte = current, Self.isBare(byte) { offset += 1 }
      guard offset > start else { throw unexpected("where a key must stand") }
      return String(decoding: bytes[start..<offset], as: UTF8.self)
    }
  }

  private static func isBare(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }

  // MARK: Values

  private mutating func scanValue(_ path: [Part], depth: Int) throws(Problem) {
    if depth > Self.maximumDepth { throw tooDeep() }
    switch current {
    case UInt8(ascii: "\""), UInt8(ascii: "'"): try scanString()
    case UInt8(ascii: "["): try scanArray(path, depth: depth)
    case UInt8(ascii: "{"): try scanInlineTable(path, depth: depth)
    default:
      let start = offset
      // Numbers, booleans, dates: anything up to what may end a value. A date may hold a space.
      while let byte = current, byte > 0x20, !Self.endsValue(byte) { offset += 1 }
      guard offset > start else { throw unexpected("where a value must stand") }
    }
  }

  private static func endsValue(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: ",") || byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}")
      || byte == UInt8(ascii: "#")
  }

  private mutating func scanArray(_ path: [Part], depth: Int) throws(Problem) {
    offset += 1
    var index = 0
    while true {
      skipBlankLines()
      if take("]") { return }
      let element = path + [.index(index)]
      marks[element] = Mark(key: offset, value: offset)
      try scanValue(element, depth: depth + 1)
      index += 1
      skipBlankLines()
      if take("]") { return }
      guard take(",") else { throw unexpected("in an array") }
    }
  }

  private mutating func scanInlineTable(_ path: [Part], depth: Int) throws(Problem) {
    offset += 1
    skipSpace()
    if take("}") { return }
    while true {
      skipSpace()
      try scanPair(in: path, depth: depth)
      skipSpace()
      if take("}") { return }
      guard take(",") else { throw unexpected("in an inline table") }
    }
  }

  // MARK: Strings

  private mutating func scanString() throws(Problem) {
    let start = offset
    let quote = bytes[start]
    let isBasic = quote == UInt8(ascii: "\"")
    let isMultiline = bytes[start...].starts(with: [quote, quote, quote])
    offset += isMultiline ? 3 : 1
    while let byte = current {
      if byte == quote {
        if !isMultiline {
          offset += 1
          return
        }
        if bytes[offset...].starts(with: [quote, quote, quote]) {
          offset += 3
          // Up to two quotes may stand right before the closing ones.
          for _ in 0..<2 where current == quote { offset += 1 }
          return
        }
      } else if byte == UInt8(ascii: "\\") && isBasic {
        try refuseNUL()
        offset += 1
      } else if byte == 0x0A && !isMultiline {
        break
      }
      offset += 1
    }
    offset = min(offset, bytes.count)
    throw Problem(offset: start, message: "the string that begins here has no end")
  }

  private func refuseNUL() throws(Problem) {
    let rest = bytes[(offset + 1)...]
    if rest.starts(with: Array("u0000".utf8)) || rest.starts(with: Array("U00000000".utf8))
      || rest.starts(with: Array("x00".utf8))
    {
      throw Problem(offset: offset, message: "a text must not hold a NUL")
    }
  }

  // MARK: Bytes

  private var current: UInt8? { offset < bytes.count ? bytes[offset] : nil }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard current == UInt8(ascii: character) else { return false }
    offset += 1
    return true
  }

  private mutating func skipSpace() {
    while current == 0x20 || current == 0x09 { offset += 1 }
  }

  private mutating func skipComment() {
    guard current == UInt8(ascii: "#") else { return }
    while let byte = current, byte != 0x0A { offset += 1 }
  }

  private mutating func skipBlankLines() {
    while true {
      skipSpace()
      skipComment()
      guard current == 0x0A || current == 0x0D else { return }
      offset += 1
    }
  }

  private func unexpected(_ where: String) -> Problem {
    guard let byte = current else {
      return Problem(offset: offset, message: "the text ends \(`where`)")
    }
    if byte == 0x0A { return Problem(offset: offset, message: "the line ends \(`where`)") }
    let found = String(decoding: bytes[offset..<min(offset + 4, bytes.count)], as: UTF8.self)
      .unicodeScalars.first.map { Names.isControl($0) ? "a control character" : "\"\($0)\"" }
    return Problem(offset: offset, message: "\(found ?? "nothing") stands \(`where`)")
  }

  private func tooDeep() -> Problem {
    Problem(
      offset: offset, message: "more than \(Self.maximumDepth) levels of keys or values")
  }
}
