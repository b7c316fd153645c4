package import Vocabulary

/// A file by its address, of which the recipe knows the digest.
package struct FetchRequest: Sendable, Hashable {
  package let url: String
  package let digest: Digest
  /// Where the file itself will stand, or the directory that it is unpacked into. Never the root.
  package let target: GuestPath
  /// Whether it is an archive to be unpacked.
  package let unpack: Bool
  /// The permissions of the file (`07777`); without it 0644. Never with `unpack`.
  package let mode: UInt32?
  /// How many leading parts the names in the archive lose.
  package let strip: Int

  package init(
    url: String, digest: Digest, target: GuestPath, unpack: Bool = false, mode: UInt32? = nil,
    strip: Int = 0
  ) {
    self.url = url
    self.digest = digest
    self.target = target
    self.unpack = unpack
    self.mode = mode
    self.strip = strip
  }

  /// The last part of the address, for people and for the lock: what of it a file name may hold,
  /// `file` if nothing does.
  package var fileName: String {
    let address = url.prefix { $0 != "?" && $0 != "#" }
    let path = address.drop { $0 != ":" }.dropFirst(3).drop { $0 != "/" }
    let last = path.split(separator: "/").last ?? ""
    let name = String(last.prefix(128).unicodeScalars.filter { Names.isInFileName($0) })
    return Names.isFile(name) ? name : "file"
  }
}

/// Which addresses a recipe may name.
package enum FetchAddress {
  /// Why an address is refused; `nil` if it is not. `https:` anywhere; `http:` on this machine
  /// only, for a server that somebody is trying out: the digest would protect what comes, but not
  /// what others see of it.
  package static func refusal(of url: String) -> String? {
    guard url.utf8.count <= 2048, url.utf8.allSatisfy({ 0x21...0x7E ~= $0 }),
      !url.contains(where: { "\"'<>\\^`{|}".contains($0) })
    else { return "has characters that no address has" }
    guard let scheme = ["https://", "http://"].first(where: url.hasPrefix) else {
      return "does not begin with \"https://\""
    }
    if url.contains("#") { return "has a fragment, which no server gets to see" }
    let rest = url.dropFirst(scheme.count)
    let authority = rest.prefix { $0 != "/" && $0 != "?" }
    if authority.contains("@") { return "holds a name or a password" }
    if authority.isEmpty { return "names no host" }
    if scheme == "http://", !isLoopback(authority) {
      return "is not encrypted, and its host is not this machine"
    }
    return nil
  }

  private static func isLoopback(_ authority: Substring) -> Bool {
    if authority == "[::1]" || authority.hasPrefix("[::1]:") { return true }
    let host = authority.prefix { $0 != ":" }
    if host == "localhost" { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }
}
