/// JSON with exactly one spelling: keys sorted by their bytes, no white space, integers only.
package indirect enum CanonicalJSON: Sendable, Hashable {
  case string(String)
  case integer(Int64)
  case boolean(Bool)
  case array([CanonicalJSON])
  case object([String: CanonicalJSON])

  package var text: String {
    switch self {
    case .string(let text): return Self.quote(text)
    case .integer(let number): return String(number)
    case .boolean(let flag): return String(flag)
    case .array(let elements): return "[" + elements.map(\.text).joined(separator: ",") + "]"
    case .object(let members):
      let sorted = members.sorted {
        Array($0.key.utf8).lexicographicallyPrecedes(Array($1.key.utf8))
      }
      return "{" + sorted.map { Self.quote($0.key) + ":" + $0.value.text }.joined(separator: ",")
        + "}"
    }
  }

  /// Only what RFC 8259, section 7, wants escaped is escaped.
  private static func quote(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      default:
        if scalar.value < 0x20 {
          let digits = String(scalar.value, radix: 16)
          result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        } else {
          result.unicodeScalars.append(scalar)
        }
      }
    }
    return result + "\""
  }
}
