/// Paths of a workspace: bytes relative to its top, as `TarRules` allows them; empty for the top.
enum Paths {
  static let slash = UInt8(ascii: "/")

  /// The order of a walk that lists each directory sorted by bytes and goes into a directory
  /// before it goes on: `/` sorts before every other byte. What is below a path comes directly
  /// behind it.
  static func precedes(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    let common = min(left.count, right.count)
    for index in 0..<common where left[index] != right[index] {
      if left[index] == slash { return true }
      return right[index] != slash && left[index] < right[index]
    }
    return left.count < right.count
  }

  /// Strictly below; everything but itself is below the top.
  static func isBelow(_ path: [UInt8], _ directory: [UInt8]) -> Bool {
    if directory.isEmpty { return !path.isEmpty }
    return path.count > directory.count && path[directory.count] == slash
      && path.starts(with: directory)
  }

  /// The top's parent is the top.
  static func parent(_ path: [UInt8]) -> [UInt8] {
    [UInt8](path[..<(path.lastIndex(of: slash) ?? 0)])
  }

  static func name(_ path: [UInt8]) -> [UInt8] {
    [UInt8](path[((path.lastIndex(of: slash) ?? -1) + 1)...])
  }

  static func join(_ directory: [UInt8], _ name: [UInt8]) -> [UInt8] {
    directory.isEmpty ? name : directory + [slash] + name
  }
}

/// Paths and names for messages.
enum PathText {
  /// Names come from the guest and go to a terminal: what could move its cursor, turn text round
  /// or hide is escaped, as are bytes that are not UTF-8.
  static func of(_ path: [UInt8]) -> String {
    if path.isEmpty { return "." }
    guard let text = String(validating: path, as: UTF8.self) else {
      return path.map { byte in
        (0x20..<0x7F).contains(byte) && byte != UInt8(ascii: "\\")
          ? String(Unicode.Scalar(byte)) : "\\x" + hex(UInt32(byte), digits: 2)
      }.joined()
    }
    return printable(text)
  }

  /// The same of text.
  static func printable(_ text: String) -> String {
    var shown = ""
    for scalar in text.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
        shown += "\\u{" + hex(scalar.value, digits: 1) + "}"
      default:
        if scalar == "\\" || scalar == "\"" { shown += "\\" }
        shown.unicodeScalars.append(scalar)
      }
    }
    return shown
  }

  private static func hex(_ value: UInt32, digits: Int) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }
}
