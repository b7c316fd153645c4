/// Escapes of TOML's basic strings (TOML 1.0, "String").
enum TOMLEscapes {
  /// What stands between the quotes of a valid basic string, as the text that it means. Unknown
  /// escapes become U+FFFD: the parser has the last word on them.
  static func decode(_ raw: some Collection<UInt8>) -> String {
    var result: [UInt8] = []
    var rest = raw[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\"), let escape = rest.popFirst() else {
        result.append(byte)
        continue
      }
      let scalar: Unicode.Scalar
      switch escape {
      case UInt8(ascii: "b"): scalar = "\u{8}"
      case UInt8(ascii: "t"): scalar = "\t"
      case UInt8(ascii: "n"): scalar = "\n"
      case UInt8(ascii: "f"): scalar = "\u{C}"
      case UInt8(ascii: "r"): scalar = "\r"
      case UInt8(ascii: "\""): scalar = "\""
      case UInt8(ascii: "\\"): scalar = "\\"
      case UInt8(ascii: "u"), UInt8(ascii: "U"):
        let count = escape == UInt8(ascii: "u") ? 4 : 8
        let digits = String(decoding: rest.prefix(count), as: UTF8.self)
        rest = rest.dropFirst(count)
        scalar = UInt32(digits, radix: 16).flatMap(Unicode.Scalar.init) ?? "\u{FFFD}"
      default: scalar = "\u{FFFD}"
      }
      result.append(contentsOf: Array(String(scalar).utf8))
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// A basic string in quotes on one line.
  static func quote(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      default: result += escaped(scalar)
      }
    }
    return result + "\""
  }

  /// A basic string over several lines, so that its lines can be read and compared.
  static func quoteLines(_ text: String) -> String {
    var result = "\"\"\"\n"
    let scalars = Array(text.unicodeScalars)
    for (index, scalar) in scalars.enumerated() {
      switch scalar {
      case "\"":
        // Several in a row, or one at the end, could be read as the end.
        let isAlone = index + 1 < scalars.count && scalars[index + 1] != "\""
        result += isAlone ? "\"" : "\\\""
      case "\n", "\t": result.unicodeScalars.append(scalar)
      default: result += escaped(scalar)
      }
    }
    return result + "\"\"\""
  }

  private static func escaped(_ scalar: Unicode.Scalar) -> String {
    switch scalar.value {
    case UInt32(UInt8(ascii: "\\")): return "\\\\"
    case 0..<0x20, 0x7F:
      let digits = String(scalar.value, radix: 16)
      return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    default: return String(scalar)
    }
  }
}
