package import Vocabulary

/// An image that others made, as a recipe names it: `oci:` and what comes here.
package struct OCIReference: Sendable, Hashable, CustomStringConvertible {
  package enum Place: Sendable, Hashable {
    /// A directory with an OCI image layout, relative to the recipe or absolute.
    case layout(path: String)
    /// A repository in a registry, the host included: `registry.example:5000/team/name`.
    case registry(repository: String)
  }

  package let place: Place
  package let tag: String?
  /// Of the manifest or of the index that is meant; what comes must have it.
  package let digest: Digest?

  package init(_ place: Place, tag: String? = nil, digest: Digest? = nil) {
    self.place = place
    self.tag = tag
    self.digest = digest
  }

  /// What is wrong with a text, and what to try.
  package struct Refusal: Error, Hashable {
    package let reason: String
    package let hint: String?
  }

  /// `PATH[:TAG][@sha256:…]` if the text begins with `/`, `./` or `../`, else
  /// `HOST[:PORT]/NAME[:TAG][@sha256:…]` (OCI Distribution Specification 1.1, "Pulling manifests").
  package init(parsing text: String) throws(Refusal) {
    guard !text.isEmpty else {
      throw Refusal(reason: "names no image", hint: "for example \"oci:./layout:tag\"")
    }
    guard text.utf8.count <= 4096, Names.isPrintable(text) else {
      throw Refusal(reason: "is too long or has control characters", hint: nil)
    }
    var rest = text[...]
    var digest: Digest?
    if let at = rest.lastIndex(of: "@") {
      guard let found = Digest(rest[rest.index(after: at)...]) else {
        throw Refusal(
          reason: "has something else after \"@\" than \"sha256:\" and 64 lower-case hex digits",
          hint: nil)
      }
      digest = found
      rest = rest[..<at]
    }
    var tag: String?
    let name = rest.lastIndex(of: "/").map { rest.index(after: $0) } ?? rest.startIndex
    if let colon = rest[name...].lastIndex(of: ":") {
      let found = String(rest[rest.index(after: colon)...])
      guard Self.isTag(found) else {
        throw Refusal(
          reason: "has the tag \"\(Names.printable(found))\", which is none",
          hint: "a tag has letters, digits, \"_\", \".\" and \"-\", 128 at most")
      }
      tag = found
      rest = rest[..<colon]
    }
    if ["/", "./", "../"].contains(where: text.hasPrefix) {
      self.init(.layout(path: String(rest)), tag: tag, digest: digest)
      return
    }
    try Self.check(repository: rest)
    self.init(.registry(repository: String(rest)), tag: tag, digest: digest)
  }

  private static func check(repository: Substring) throws(Refusal) {
    let parts = repository.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count >= 2, isHost(parts[0]) else {
      throw Refusal(
        reason: "does not begin with the host of a registry",
        hint: "write the whole reference, \"oci:registry.example/name:tag\", "
          + "or \"oci:./PATH\" for a layout on this machine")
    }
    guard parts.dropFirst().allSatisfy(isComponent), repository.utf8.count <= 512 else {
      throw Refusal(
        reason: "has a name that no image in a registry has",
        hint: "lower-case letters and digits, with \".\", \"_\" or \"-\" between them")
    }
  }

  /// Where a layout lies, given the directory of its recipe.
  package func beside(_ directory: String) -> OCIReference {
    guard case .layout(let path) = place, !path.hasPrefix("/") else { return self }
    if directory == "." { return self }
    let rest = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
    return OCIReference(.layout(path: "\(directory)/\(rest)"), tag: tag, digest: digest)
  }

  /// What a lock knows the reference by, so that it names no host: the digest that the recipe
  /// demands, or that of the reference's text.
  package var identity: Digest { digest ?? Digest.of(description) }

  /// Without `oci:`; as it was written.
  package var description: String {
    let name =
      switch place {
      case .layout(let path): path
      case .registry(let repository): repository
      }
    return name + (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "")
  }

  private static func isTag(_ text: String) -> Bool {
    guard let first = text.utf8.first, text.utf8.count <= 128 else { return false }
    return (isAlphanumeric(first) || first == UInt8(ascii: "_"))
      && text.utf8.allSatisfy { isAlphanumeric($0) || "._-".utf8.contains($0) }
  }

  /// With a dot or a port, or `localhost`: without, a tool would put a registry of its own before
  /// it.
  private static func isHost(_ text: Substring) -> Bool {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count <= 2, !parts[0].isEmpty, parts[0].utf8.count <= 253 else { return false }
    if parts.count == 2 {
      guard let port = UInt16(parts[1]), port > 0 else { return false }
    } else if !parts[0].contains("."), parts[0] != "localhost" {
      return false
    }
    return parts[0].split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
      1...63 ~= label.utf8.count && label.utf8.first != UInt8(ascii: "-")
        && label.utf8.last != UInt8(ascii: "-")
        && label.utf8.allSatisfy { isLowerAlphanumeric($0) || $0 == UInt8(ascii: "-") }
    }
  }

  private static func isComponent(_ text: Substring) -> Bool {
    guard let first = text.utf8.first, let last = text.utf8.last else { return false }
    return isLowerAlphanumeric(first) && isLowerAlphanumeric(last)
      && text.utf8.allSatisfy { isLowerAlphanumeric($0) || "._-".utf8.contains($0) }
  }

  private static func isLowerAlphanumeric(_ byte: UInt8) -> Bool {
    UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    isLowerAlphanumeric(byte) || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
  }
}
