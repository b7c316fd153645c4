internal import Vocabulary

/// What names and short texts may look like. Each function answers for the whole text.
package enum Names {
  /// Recipes, tags and VMs: `[a-z0-9][a-z0-9-]{0,62}`.
  package static func isRecipe(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard let first = bytes.first, bytes.count <= 63 else { return false }
    return isLowerAlphanumeric(first)
      && bytes.allSatisfy { isLowerAlphanumeric($0) || $0 == UInt8(ascii: "-") }
  }

  /// Debian Policy 5.6.7: at least two of `a-z0-9+-.`, the first one a letter or a digit.
  package static func isDebianPackage(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard let first = bytes.first, 2...128 ~= bytes.count else { return false }
    return isLowerAlphanumeric(first)
      && bytes.allSatisfy { isLowerAlphanumeric($0) || "+-.".utf8.contains($0) }
  }

  /// Debian Policy 5.6.12: `[epoch:]upstream[-revision]`, the characters only.
  package static func isDebianVersion(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard let first = bytes.first, bytes.count <= 256 else { return false }
    return isAlphanumeric(first)
      && bytes.allSatisfy { isAlphanumeric($0) || "+-.~:".utf8.contains($0) }
  }

  /// A suite or code name of an archive: `trixie`, `trixie-updates`, `stable`.
  package static func isSuite(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard let first = bytes.first, bytes.count <= 64 else { return false }
    return isLowerAlphanumeric(first)
      && bytes.allSatisfy { isLowerAlphanumeric($0) || "-.".utf8.contains($0) }
  }

  /// A variable of the environment that every shell can set: `[A-Za-z_][A-Za-z0-9_]*`.
  package static func isVariable(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard let first = bytes.first, bytes.count <= 128 else { return false }
    return !isDigit(first) && bytes.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "_") }
  }

  /// As adduser(8) of Debian has them: `[a-z_][a-z0-9_-]{0,31}`.
  package static func isUser(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard let first = bytes.first, bytes.count <= 32 else { return false }
    return !isDigit(first) && first != UInt8(ascii: "-")
      && bytes.allSatisfy { isLowerAlphanumeric($0) || "_-".utf8.contains($0) }
  }

  /// `[A-Za-z0-9_][A-Za-z0-9_-]{0,62}`.
  package static func isSecret(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard let first = bytes.first, bytes.count <= 63 else { return false }
    return first != UInt8(ascii: "-")
      && bytes.allSatisfy { isAlphanumeric($0) || "_-".utf8.contains($0) }
  }

  /// `@apt`, `@pip`, `@npm`, or `[*.]host[:port][@private]`.
  package static func isNetworkTarget(_ text: String) -> Bool {
    if ["@apt", "@pip", "@npm"].contains(text) { return true }
    var rest = text[...]
    if rest.hasSuffix("@private") { rest = rest.dropLast("@private".count) }
    if let colon = rest.lastIndex(of: ":") {
      guard let port = UInt16(rest[rest.index(after: colon)...]), port > 0 else { return false }
      rest = rest[..<colon]
    }
    if rest.hasPrefix("*.") { rest = rest.dropFirst(2) }
    guard rest.utf8.count <= 253 else { return false }
    let labels = rest.split(separator: ".", omittingEmptySubsequences: false)
    // What some program takes for an address is no name.
    guard let last = labels.last, !last.utf8.allSatisfy({ 0x30...0x39 ~= $0 }),
      !last.hasPrefix("0x")
    else { return false }
    return labels.allSatisfy { label in
      let bytes = Array(label.utf8)
      return 1...63 ~= bytes.count && bytes.first != UInt8(ascii: "-")
        && bytes.last != UInt8(ascii: "-")
        && bytes.allSatisfy { isLowerAlphanumeric($0) || $0 == UInt8(ascii: "-") }
    }
  }

  /// A path below an archive's root or a directory: relative, without `.`, `..` and empty parts,
  /// printable ASCII without spaces.
  package static func isPlainRelativePath(_ text: String) -> Bool {
    !text.hasPrefix("/") && !text.hasPrefix("./") && !text.hasSuffix("/") && !text.isEmpty
      && GuestPath(text) != nil && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
  }

  /// The name of one file as a lock has it: `[A-Za-z0-9_][A-Za-z0-9._+~!@-]{0,254}`.
  package static func isFile(_ text: String) -> Bool {
    guard let first = text.utf8.first, text.utf8.count <= 255 else { return false }
    return (isAlphanumeric(first) || first == UInt8(ascii: "_"))
      && text.unicodeScalars.allSatisfy(isInFileName)
  }

  static func isInFileName(_ scalar: Unicode.Scalar) -> Bool {
    guard let byte = UInt8(exactly: scalar.value) else { return false }
    return isAlphanumeric(byte) || "._+~!@-".utf8.contains(byte)
  }

  /// Control characters as U+FFFD, at most 200 characters: for text from outside in a message.
  package static func printable(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars.prefix(200) {
      result.append(isControl(scalar) ? "\u{FFFD}" : scalar)
    }
    return String(result)
  }

  /// Whether a text has no control characters, line ends included.
  package static func isPrintable(_ text: String) -> Bool {
    !text.unicodeScalars.contains(where: isControl)
  }

  static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  private static func isLowerAlphanumeric(_ byte: UInt8) -> Bool {
    isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    isLowerAlphanumeric(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
  }
}
