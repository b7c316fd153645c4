package import Vocabulary

/// JavaScript packages, installed globally below a prefix; their versions stand in the lock.
package struct NpmRequest: Sendable, Hashable {
  /// `name`, or `name@` and a version, range or tag, as `npm` takes them; sorted, each package
  /// once.
  package let packages: [String]
  /// What `lib/node_modules` and `bin` are below.
  package let prefix: GuestPath
  /// Whether the packages' own install scripts run.
  package let scripts: Bool
  /// Whether packages of the parents' there may be replaced by other versions.
  package let upgrade: Bool

  package init(
    packages: [String], prefix: GuestPath, scripts: Bool = false, upgrade: Bool = false
  ) {
    self.packages = packages.sorted()
    self.prefix = prefix
    self.scripts = scripts
    self.upgrade = upgrade
  }

  static let defaultPrefix = "/usr/local"
}

/// What of npm's package specifiers a recipe may say: packages of a registry only.
package enum NpmName {
  /// `left-pad`, `@scope/tool`, `left-pad@^1.3`, `@scope/tool@next`.
  package static func isRequest(_ text: String) -> Bool {
    let name = package(of: text)
    guard isPackage(name) else { return false }
    let rest = text.dropFirst(name.count)
    guard rest.first == "@" else { return rest.isEmpty }
    let wanted = rest.dropFirst()
    return 1...100 ~= wanted.utf8.count
      && wanted.utf8.allSatisfy { isAlphanumeric($0) || ".-+^~<>=*|".utf8.contains($0) }
  }

  /// The name in a request: what stands before the version.
  package static func package(of text: String) -> String {
    let start = text.hasPrefix("@") ? text.index(after: text.startIndex) : text.startIndex
    let end = text[start...].firstIndex(of: "@") ?? text.endIndex
    return String(text[..<end])
  }

  /// What registries take for a new package ("package.json", npm's documentation: name), upper
  /// case included, which old ones have.
  package static func isPackage(_ text: String) -> Bool {
    guard text.utf8.count <= 214 else { return false }
    guard text.hasPrefix("@") else { return isPart(text[...]) }
    let parts = text.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    return parts.count == 2 && parts.allSatisfy(isPart)
  }

  /// A version as registries have them (Semantic Versioning 2.0.0), the characters only.
  package static func isVersion(_ text: String) -> Bool {
    guard let first = text.utf8.first, text.utf8.count <= 100 else { return false }
    return UInt8(ascii: "0")...UInt8(ascii: "9") ~= first
      && text.utf8.allSatisfy { isAlphanumeric($0) || ".-+".utf8.contains($0) }
  }

  /// What `npm pack` calls the file.
  package static func file(of package: String, _ version: String) -> String {
    let name = package.hasPrefix("@") ? String(package.dropFirst()) : package
    return "\(name.replacing("/", with: "-"))-\(version).tgz"
  }

  private static func isPart(_ part: Substring) -> Bool {
    guard let first = part.utf8.first else { return false }
    return (isAlphanumeric(first) || first == UInt8(ascii: "_"))
      && part.utf8.allSatisfy { isAlphanumeric($0) || "._-".utf8.contains($0) }
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: false
    }
  }
}
