package import Vocabulary

/// Python packages into a virtual environment; their versions stand in the lock.
package struct PipRequest: Sendable, Hashable {
  /// Requirements as `pip` takes them, sorted, each package once.
  package let packages: [String]
  /// The environment; made if the parents have none there.
  package let venv: GuestPath
  /// Whether packages of the parents' in that environment may be replaced by others.
  package let upgrade: Bool

  package init(packages: [String], venv: GuestPath, upgrade: Bool = false) {
    self.packages = packages.sorted()
    self.venv = venv
    self.upgrade = upgrade
  }

  static let defaultVenv = "/opt/python"
}

/// What of PEP 508 a recipe may say: a name, extras and versions, without spaces, markers and
/// addresses.
package enum PipRequirement {
  package static func isUsable(_ text: String) -> Bool {
    guard text.utf8.count <= 256 else { return false }
    var rest = text[...]
    let name = rest.prefix(while: isInName)
    rest = rest.dropFirst(name.count)
    guard isName(name) else { return false }
    if rest.hasPrefix("[") {
      guard let end = rest.firstIndex(of: "]") else { return false }
      let extras = rest[..<end].dropFirst().split(separator: ",", omittingEmptySubsequences: false)
      guard extras.allSatisfy(isName) else { return false }
      rest = rest[end...].dropFirst()
    }
    if rest.isEmpty { return true }
    return rest.split(separator: ",", omittingEmptySubsequences: false).allSatisfy(isClause)
  }

  /// The package's name in its one spelling (PEP 503, "Normalized Names").
  package static func package(of text: some StringProtocol) -> String {
    var result = ""
    for character in text.prefix(while: isInName).lowercased() {
      if character != "-" && character != "_" && character != "." {
        result.append(character)
      } else if !result.hasSuffix("-") {
        result.append("-")
      }
    }
    return result
  }

  private static func isClause(_ clause: Substring) -> Bool {
    let operators = ["===", "==", "~=", "!=", "<=", ">=", "<", ">"]
    guard let sign = operators.first(where: clause.hasPrefix) else { return false }
    let version = clause.dropFirst(sign.count)
    return !version.isEmpty
      && version.allSatisfy { isInName($0) || $0 == "*" || $0 == "+" || $0 == "!" }
  }

  private static func isName(_ name: Substring) -> Bool {
    guard let first = name.first, let last = name.last else { return false }
    return name.allSatisfy(isInName) && !"._-".contains(first) && !"._-".contains(last)
  }

  private static func isInName(_ character: Character) -> Bool {
    guard let byte = character.asciiValue else { return false }
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      return true
    default: return "._-".utf8.contains(byte)
    }
  }
}
