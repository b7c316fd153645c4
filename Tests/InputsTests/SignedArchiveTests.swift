import Host
import Recipes
import TestSupport
import Testing
import Vocabulary

@testable import Inputs

/// An archive of a test's own, as a mirror has it: signed lists over a pool.
struct SignedArchive {
  let place: Workplace
  let package: LockedPackage
  /// Whose signature counts.
  let keyring: String

  init() throws {
    place = try Workplace()
    package = try place.package("alpha", control: "Priority: required\n")
    keyring = place("keys.gpg")
    for name in ["owner", "stranger"] {
      try Files.makeDirectories(place(name), mode: 0o700)
      try gpg(
        name,
        [
          "--passphrase", "", "--quick-generate-key", "\(name)@example.org", "ed25519", "sign",
          "never",
        ])
    }
    try Files.write(keyring, try gpg("owner", ["--export"]).output, durable: false)
    try sign()
  }

  @discardableResult
  private func gpg(_ who: String, _ arguments: [String]) throws -> CommandResult {
    let result = try Processes.runChecked(
      Command("gpg", ["--homedir", place(who), "--batch", "--quiet", "--yes"] + arguments))
    // Its agent would stay, and hold the directory.
    try Processes.runChecked(
      Command("gpgconf", ["--homedir", place(who), "--kill", "gpg-agent"]))
    return result
  }

  var resolver: AptResolver {
    get throws {
      try AptResolver(
        directory: place("apt"), sources: place.mirror, suite: "trixie", architecture: .amd64,
        keyring: keyring)
    }
  }

  private static let suites = ["trixie", "trixie-updates"]

  private func packages(of suite: String) -> String {
    place("archive/dists/\(suite)/main/binary-amd64/Packages")
  }

  /// Writes the lists anew.
  func sign(by who: String = "owner", release extra: String = "") throws {
    for suite in Self.suites { try sign(suite, by: who, release: extra) }
  }

  private func sign(_ suite: String, by who: String, release extra: String) throws {
    try Files.makeDirectories(Files.parent(of: packages(of: suite)))
    let control = String(
      decoding: try Files.read(place("tree-alpha/DEBIAN/control"), limit: 1 << 16), as: UTF8.self)
    let stanza = """
      \(control)Filename: \(package.path)
      Size: \(package.size.bytes)
      SHA256: \(package.digest.hex)


      """
    try Files.write(packages(of: suite), Array(stanza.utf8), durable: false)
    let release = """
      Origin: Debian
      Suite: \(suite)
      Codename: \(suite)
      Components: main
      Architectures: amd64
      Date: Fri, 21 Nov 2025 09:15:44 UTC
      \(extra)SHA256:
       \(Digest.of(stanza).hex) \(stanza.utf8.count) main/binary-amd64/Packages

      """
    try Files.write(place("Release"), Array(release.utf8), durable: false)
    let signed = place("archive/dists/\(suite)/InRelease")
    try gpg(who, ["--output", signed, "--clearsign", place("Release")])
  }

  /// Changes the lists of packages behind the signatures' backs.
  func tamper() throws {
    for suite in Self.suites {
      var bytes = try Files.read(packages(of: suite), limit: 1 << 20)
      bytes += Array("Homepage: https://example.org\n\n".utf8)
      try Files.write(packages(of: suite), bytes, durable: false)
    }
  }
}

@Suite struct SignedArchiveTests {
  private func archive(_ test: String) throws -> SignedArchive? {
    guard present(test, "gpg", "gpgconf", "dpkg-deb", "apt-get") else { return nil }
    return try SignedArchive()
  }

  private func expectRefusal(_ archive: SignedArchive, _ words: String...) throws {
    let resolver = try archive.resolver
    // Whoever runs the tests may have told their apt not to mind.
    let configuration = resolver.root.directory + "/apt.conf"
    let bytes = try Files.read(configuration, limit: 1 << 16)
    let dates = "Acquire::Check-Valid-Until \"true\";\nAcquire::Check-Date \"true\";\n"
    try Files.write(configuration, bytes + Array(dates.utf8), durable: false)
    #expect {
      try resolver.refresh(olderThan: 0) { _ in }
    } throws: { error in
      guard case InputsError.listsNotUpdated("trixie", let said) = error else { return false }
      return words.contains { said.contains($0) }
    }
  }

  @Test func `what its owner signed is resolved, and the lock says who signed it`() throws {
    guard let archive = try archive("signed lists") else { return }
    let resolver = try archive.resolver
    try resolver.refresh(olderThan: 0) { _ in }
    let resolution = try resolver.resolve(["alpha"], over: [])
    #expect(resolution.packages == [archive.package])
    let signed = try #require(try resolver.archives().first)
    #expect(signed.signers.count == 1 && signed.signers[0].count == 40)
    let inRelease = try Files.read(
      archive.place("archive/dists/trixie/InRelease"), limit: 1 << 20)
    #expect(signed.inRelease == Digest.of(inRelease))
  }

  @Test func `should fail: lists that somebody changed after they were signed`() throws {
    guard let archive = try archive("tampered lists") else { return }
    try archive.tamper()
    try expectRefusal(archive, "unexpected size", "Hash Sum mismatch")
  }

  @Test func `should fail: lists that a stranger signed`() throws {
    guard let archive = try archive("a stranger's lists") else { return }
    try archive.sign(by: "stranger")
    try expectRefusal(archive, "NO_PUBKEY", "not signed", "signature")
  }

  @Test func `should fail: lists that are out of date`() throws {
    guard let archive = try archive("expired lists") else { return }
    try archive.sign(release: "Valid-Until: Sat, 22 Nov 2025 09:15:44 UTC\n")
    try expectRefusal(archive, "expired")
  }

  @Test func `should fail: a package that is not the one in the signed lists`() throws {
    guard let archive = try archive("a tampered package") else { return }
    let resolver = try archive.resolver
    try resolver.refresh(olderThan: 0) { _ in }
    let packages = try resolver.resolve(["alpha"], over: []).packages
    let path = archive.place("archive/" + archive.package.path)
    var bytes = try Files.read(path, limit: 1 << 20)
    bytes[bytes.count - 1] ^= 1
    try Files.write(path, bytes, durable: false)
    let store = archive.place.store
    #expect {
      try InputFetcher(store: store, sources: archive.place.mirror, rounds: 1)
        .fetch(packages) { _ in }
    } throws: { error in
      guard case InputsError.notFetched("alpha", _, _, _) = error else { return false }
      return true
    }
    #expect(try Files.list(store.directory).isEmpty)
  }
}
