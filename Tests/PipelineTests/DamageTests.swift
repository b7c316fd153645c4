import Catalog
import Host
import Pipeline
import Testing
import Vocabulary

/// Verification of a store that no build made.
@Suite struct DamageTests {
  private let store: FilledStore
  private let session: Session
  private let lease: Lease

  init() throws {
    store = try FilledStore()
    session = try store.session()
    lease = try session.catalog.lease(for: "test")
  }

  /// An input with these contents; its path.
  private func input(_ text: String, as claimed: String? = nil) throws -> String {
    let digest = Digest.of(claimed ?? text)
    let file = "inputs/sha256/\(digest.hex)"
    _ = try session.catalog.beginWriting(.input(digest), files: [file], lease)
    var publication = Publication(
      size: ByteCount((claimed ?? text).utf8.count), allocated: .zero)
    publication.digest = digest
    try session.catalog.publish(.input(digest), publication, lease) {
      try Files.write("\(store.path)/\(file)", Array(text.utf8), durable: false)
    }
    return file
  }

  private func damages(_ request: VerifyRequest = VerifyRequest()) throws -> [String: DamageKind] {
    Dictionary(
      try session.verify(request).damages.map { ($0.path, $0.kind) }, uniquingKeysWith: { $1 })
  }

  @Test func `a store without damage is whole, and an empty one too`() throws {
    #expect(try session.verify(VerifyRequest()).isWhole)
    _ = try input("a")
    let outcome = try session.verify(VerifyRequest())
    #expect(outcome.isWhole && outcome.damages.isEmpty && outcome.unknown.isEmpty)
    #expect(outcome.files == 1)
    #expect(outcome.bytes == ByteCount(1))
  }

  @Test func `what is missing, too short or another is told apart`() throws {
    let files = try ["missing", "short", "other", "good"].map { try input($0) }
    try Files.remove("\(store.path)/\(files[0])")
    try Files.write("\(store.path)/\(files[1])", Array("shor".utf8), durable: false)
    try Files.write("\(store.path)/\(files[2])", Array("othes".utf8), durable: false)
    let expected: [String: DamageKind] = [
      files[0]: .missing, files[1]: .wrongSize, files[2]: .wrongDigest,
    ]
    #expect(try damages() == expected)
    #expect(try damages() == expected, "nothing was changed")
    #expect(
      try damages(VerifyRequest(isQuick: true)) == expected.filter { $0.value != .wrongDigest })
    let good = try #require(try session.catalog.expectedFile(files[3]))
    #expect(good.state == .ready)
  }

  @Test func `a directory in place of a file is damage`() throws {
    let file = try input("a")
    try Files.remove("\(store.path)/\(file)")
    try Files.makeDirectories("\(store.path)/\(file)")
    #expect(try damages() == [file: .wrongSize])
  }

  @Test func `files that no row knows are listed, and are no damage`() throws {
    try store.write("blobs/sha256/\(Digest.of("foreign").hex)", blocks: 1)
    try store.write("inputs/sha256/stray", blocks: 1)
    let outcome = try session.verify(VerifyRequest())
    #expect(outcome.isWhole)
    #expect(outcome.unknown.count == 2)
  }

  @Test func `a repair moves damaged files to quarantine and hands them out no more`() throws {
    let (bad, good) = (try input("bad"), try input("good"))
    try Files.write("\(store.path)/\(bad)", Array("bat".utf8), durable: false)
    let outcome = try session.verify(VerifyRequest(repairs: true))
    #expect(outcome.isWhole, "an input is fetched when it is next needed")
    #expect(outcome.damages.map(\.outcome) == [.madeWhenNeeded])
    let quarantine = try #require(outcome.quarantine)
    let kept = try Files.read("\(store.path)/\(quarantine)/\(bad)", limit: 10)
    #expect(kept == Array("bat".utf8))
    #expect(!Files.exists("\(store.path)/\(bad)"))
    #expect(Files.exists("\(store.path)/\(good)"))
    #expect(try session.catalog.find(.input(Digest.of("bad")), lease) == nil)
    #expect(try session.catalog.object(.input(Digest.of("bad")))?.state == .quarantined)
    // Written again, it is as it was.
    #expect(try input("bad") == bad)
    let again = try session.verify(VerifyRequest())
    #expect(again.damages.isEmpty)
    #expect(again.files == 2)
  }

  @Test func `an image whose manifest is lost is none until it is made again`() throws {
    try store.put("a", in: session)
    let touched = HoldingIndex(try session.catalog.inventory())
      .touched(by: .manifest(Digest.of("manifest of a")))
    #expect(touched == Touched(images: ["a"], vms: ["vm-a"]))
    let layer = HoldingIndex(try session.catalog.inventory())
      .touched(by: .layer(store.layer("base")))
    #expect(layer == Touched(images: ["a"], vms: ["vm-a"]))
    let tree = HoldingIndex(try session.catalog.inventory())
      .touched(by: ObjectKey(.tree, store.layer("base").description))
    #expect(tree == Touched(images: ["a"], vms: []))
    let file = "blobs/sha256/\(Digest.of("manifest of a").hex)"
    let expected = try #require(try session.catalog.expectedFile(file))
    let refused = try session.catalog.setAside(expected, isSpare: false, reason: "test") { false }
    #expect(!refused)
    #expect(try session.catalog.images().count == 1)
    let done = try session.catalog.setAside(expected, isSpare: false, reason: "test") { true }
    #expect(done)
    #expect(try session.catalog.images().isEmpty)
    #expect(throws: CatalogError.self) { try session.catalog.resolve("a") }
  }
}
