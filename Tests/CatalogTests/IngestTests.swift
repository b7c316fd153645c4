import Catalog
import Host
import Testing
import Vocabulary

@Suite struct IngestTests {
  let test: TestStore
  let catalog: Catalog
  let lease: Lease

  init() throws {
    test = try TestStore()
    catalog = try test.open()
    lease = try catalog.lease(for: "build python")
  }

  @Test func `what is published is ready, and everyone finds it so`() throws {
    let layer = diffID("a")
    try catalog.putLayer(layer, in: test, lease)
    let other = try test.open()
    let second = try other.lease(for: "other")
    #expect(try other.beginWriting(.layer(layer), files: [], second) == .alreadyReady)
    let record = try require(try other.object(.layer(layer)))
    #expect(record.state == .ready)
    #expect(record.size == ByteCount(1000))
    #expect(record.files == ["blobs/sha256/" + blob(layer).hex])
    #expect(try other.encodings(of: layer).map(\.codec) == ["zstd:1.5.4:l3:f4M"])
    second.release()
  }

  @Test func `what another live process writes is not ours to write`() throws {
    #expect(try catalog.beginWriting(.boot("x"), files: [], lease) == .write)
    let second = try catalog.lease(for: "other")
    guard case .writtenBy(let purpose, _) = try catalog.beginWriting(.boot("x"), files: [], second)
    else {
      Issue.record("two writers of one object")
      return
    }
    #expect(purpose == "build python")
    #expect(throws: CatalogError.self) {
      try catalog.publish(
        .boot("x"), Publication(size: .zero, allocated: .zero), second
      ) { Issue.record("renamed without the right to") }
    }
    lease.release()
    #expect(try catalog.beginWriting(.boot("x"), files: [], second) == .write)
    second.release()
  }

  @Test func `a failing rename records nothing and passes its error on`() throws {
    struct Full: Error {}
    #expect(try catalog.beginWriting(.boot("x"), files: ["boot/x"], lease) == .write)
    #expect(throws: Full.self) {
      try catalog.publish(.boot("x"), Publication(size: .zero, allocated: .zero), lease) {
        throw Full()
      }
    }
    #expect(try catalog.object(.boot("x"))?.state == .writing)
    try catalog.abandon(.boot("x"), lease)
    #expect(try catalog.object(.boot("x")) == nil)
  }

  @Test func `needing something that is not ready is refused`() throws {
    #expect(try catalog.beginWriting(.boot("x"), files: [], lease) == .write)
    #expect(try catalog.beginWriting(.boot("y"), files: [], lease) == .write)
    var publication = Publication(size: .zero, allocated: .zero)
    publication.edges = [Edge("any", .boot("y"))]
    #expect {
      try catalog.publish(.boot("x"), publication, lease) { Issue.record("renamed too early") }
    } throws: { error in
      guard case CatalogError.notReady(.boot("y"), .writing) = error else { return false }
      return true
    }
  }

  @Test func `one file belongs to one object`() throws {
    try catalog.put(.boot("x"), file: "boot/x", in: test, lease)
    #expect {
      try catalog.beginWriting(.boot("y"), files: ["boot/x"], lease)
    } throws: { error in
      guard case CatalogError.pathTaken("boot/x", .boot("x")) = error else { return false }
      return true
    }
  }

  @Test func `a quarantined object is handed to nobody and can be written again`() throws {
    let layer = diffID("a")
    try catalog.putImage("i", [layer], in: test, lease)
    try catalog.quarantine(.layer(layer), reason: "digest differs")
    #expect(try catalog.find(.layer(layer), lease) == nil)
    let path = "blobs/sha256/" + blob(layer).hex
    #expect(try catalog.beginWriting(.layer(layer), files: [path], lease) == .write)
    try catalog.publish(
      .layer(layer), Publication(size: ByteCount(1000), allocated: .zero), lease
    ) {}
    #expect(try catalog.find(.layer(layer), lease) != nil)
  }

  @Test func `giving up a needed object that was being repaired leaves it quarantined`() throws {
    let layer = diffID("a")
    try catalog.putImage("i", [layer], in: test, lease)
    try catalog.quarantine(.layer(layer), reason: "digest differs")
    let second = try catalog.lease(for: "repair")
    #expect(try catalog.beginWriting(.layer(layer), files: [], second) == .write)
    second.release()
    #expect(try catalog.object(.layer(layer))?.state == .quarantined)
  }

  @Test func `steps of the same key wait for each other`() throws {
    let key = StepKey(Digest.of("record"))
    #expect(try catalog.awaitStep(key, lease) { _, _ in } == nil)
    let second = try catalog.lease(for: "second")
    var waited = 0
    let layer = diffID("a")
    let known = try catalog.awaitStep(key, second) { purpose, _ in
      #expect(purpose == "build python")
      waited += 1
      if waited == 2 {
        try catalog.putLayer(layer, in: test, lease)
        try catalog.recordStep(
          RecordedStep(
            key: key, record: "record", layer: layer, recipe: "python", ordinal: 1,
            impure: false, buildMilliseconds: 1200))
        try catalog.finishStep(key, lease)
      }
    }
    #expect(known == layer)
    #expect(waited == 2)
    second.release()
  }

  @Test func `the work of a builder that died is taken over`() throws {
    let key = StepKey(Digest.of("record"))
    #expect(try catalog.awaitStep(key, lease) { _, _ in } == nil)
    let second = try catalog.lease(for: "second")
    try Files.removeTree(test.path + "/leases/" + lease.id)
    #expect(try catalog.awaitStep(key, second) { _, _ in Issue.record("waited") } == nil)
    second.release()
  }

  @Test func `a miss is explained by what was last run at its place`() throws {
    try catalog.putLayer(diffID("a"), in: test, lease)
    for (text, ordinal) in [("old", 0), ("new", 0), ("other place", 1)] {
      test.advance(10)
      try catalog.recordStep(
        RecordedStep(
          key: StepKey(Digest.of(text)), record: text, layer: diffID("a"), recipe: "python",
          ordinal: ordinal, impure: false, buildMilliseconds: 5))
    }
    #expect(try catalog.nearestRecord(recipe: "python", ordinal: 0)?.record == "new")
    #expect(try catalog.nearestRecord(recipe: "node", ordinal: 0) == nil)
  }

  @Test func `use is written down at most once an hour`() throws {
    try catalog.putLayer(diffID("a"), in: test, lease)
    let first = test.now
    test.advance(3000)
    #expect(try catalog.find(.layer(diffID("a")), lease)?.lastUsedAt == first)
    test.advance(3000)
    #expect(try catalog.find(.layer(diffID("a")), lease)?.lastUsedAt == test.now)
  }
}
