import Catalog
import Testing
import Vocabulary

@Suite struct ImageTests {
  let test: TestStore
  let catalog: Catalog
  let lease: Lease

  init() throws {
    test = try TestStore()
    catalog = try test.open()
    lease = try catalog.lease(for: "build")
  }

  @Test func `an image knows its layers in order, its manifest and its tags`() throws {
    let layers = [diffID("base"), diffID("python"), diffID("base")]
    let image = try catalog.putImage("python", layers, in: test, lease)
    try catalog.tag("python", image, recipe: "python", recipeDigest: Digest.of("r"))
    try catalog.tag("python:3.13", image)
    let record = try catalog.image(image)
    #expect(record.layers == layers)
    #expect(record.chain == ChainID(of: layers))
    #expect(record.manifest == Digest.of("manifest of python"))
    #expect(record.tags == ["python", "python:3.13"])
    #expect(record.size == ByteCount(3000))
    #expect(record.compressedSize == ByteCount(900))
    #expect(try catalog.images() == [record])
    #expect(try catalog.tag(named: "python")?.recipeDigest == Digest.of("r"))
  }

  @Test func `an image is found by tag, by whole ID and by 8 digits of it`() throws {
    let image = try catalog.putImage("python", [diffID("a")], in: test, lease)
    try catalog.tag("python", image)
    for reference in [
      "python", image.description, image.digest.hex, String(image.digest.hex.prefix(8)),
    ] {
      #expect(try catalog.resolve(reference, lease).id == image)
    }
    for reference in ["node", String(image.digest.hex.prefix(7)), "", "deadbeef", "python:1", "%"] {
      #expect(throws: CatalogError.self) { try catalog.resolve(reference) }
    }
  }

  @Test func `digits that could mean two images are refused with both`() throws {
    // Two different images with the same first 8 digits can't be had by hashing; so say so.
    let ids = try ["0", "1"].map {
      ImageID(try require(Digest(hex: "abcdef01" + String(repeating: $0, count: 56))))
    }
    for id in ids {
      try catalog.putLayer(diffID(id.description), in: test, lease)
      try catalog.put(.config(id), in: test, lease)
      try catalog.put(.manifest(Digest.of(id.description)), in: test, lease)
      try catalog.recordImage(
        id, manifest: Digest.of(id.description), layers: [diffID(id.description)],
        blobs: [blob(diffID(id.description))], architecture: .amd64, impure: false, lease)
    }
    #expect {
      try catalog.resolve("abcdef01")
    } throws: { error in
      guard case CatalogError.ambiguousImage("abcdef01", let found) = error else { return false }
      return found == ids
    }
    #expect(try catalog.resolve("abcdef011").id == ids[1])
  }

  @Test(arguments: [
    ("python", true), ("python:3.13", true), ("a", true), ("0-9", true), ("", false),
    ("-a", false), ("Python", false), ("a:", false), ("a:.b", false), ("a:b:c", false),
    ("a/b", false), ("a\n", false), (String(repeating: "a", count: 63), true),
    (String(repeating: "a", count: 64), false),
  ])
  func `tags have one shape`(_ name: String, _ isTag: Bool) throws {
    #expect(Catalog.isTag(name) == isTag)
    let image = try catalog.putImage("i", [diffID("a")], in: test, lease)
    if isTag {
      try catalog.tag(name, image)
    } else {
      #expect(throws: CatalogError.self) { try catalog.tag(name, image) }
    }
  }

  @Test func `a change of tags makes the index stale, saying the same again does not`() throws {
    let image = try catalog.putImage("python", [diffID("a")], in: test, lease)
    try catalog.tag("python", image)
    let generation = try catalog.indexGeneration()
    #expect(generation.current == 1 && generation.written == 0)
    try catalog.markIndexWritten(generation.current)
    try catalog.tag("python", image)
    #expect(try catalog.indexGeneration() == (1, 1))
    try catalog.untag("python")
    #expect(try catalog.indexGeneration() == (2, 1))
    #expect(throws: CatalogError.self) { try catalog.untag("python") }
  }

  @Test func `layers say how many images hold them and what made them`() throws {
    let shared = diffID("base")
    try catalog.putImage("python", [shared, diffID("python")], in: test, lease)
    try catalog.putImage("node", [shared, diffID("node")], in: test, lease)
    try catalog.recordStep(
      RecordedStep(
        key: StepKey(Digest.of("k")), record: "k", layer: shared, recipe: "base", ordinal: 0,
        impure: true, buildMilliseconds: 5))
    let layers = try catalog.layers()
    let base = try require(layers.first { $0.id == shared })
    #expect(layers.count == 3)
    #expect(base.images == 2)
    #expect(base.madeBy == "base 0")
    #expect(base.impure)
  }

  @Test func `attempts to build an image again are remembered, the newest first`() throws {
    let image = try catalog.putImage("python", [diffID("a")], in: test, lease)
    for (result, matched) in [("failed: it did not run", false), (image.description, true)] {
      try catalog.recordRebuild(
        RebuildRecord(
          image: image, recipeDigest: Digest.of("r"), lockDigest: nil, host: "debian 13",
          tools: "zstd", result: result, matched: matched))
      test.advance(60)
    }
    let rebuilds = try catalog.rebuilds(of: image)
    #expect(rebuilds.map(\.matched) == [true, false])
    #expect(rebuilds.map(\.result) == [image.description, "failed: it did not run"])
    #expect(rebuilds[0].at == rebuilds[1].at + 60)
    #expect(rebuilds[0].recipeDigest == Digest.of("r"))
    #expect(rebuilds[0].lockDigest == nil)
    #expect(throws: CatalogError.self) {
      try catalog.recordRebuild(
        RebuildRecord(
          image: ImageID(Digest.of("none")), recipeDigest: nil, lockDigest: nil, host: "",
          tools: "", result: "", matched: true))
    }
  }

  @Test func `a layer is found by 8 digits of it, and only a layer is`() throws {
    let layer = diffID("a")
    let image = try catalog.putImage("python", [layer], in: test, lease)
    for reference in [layer.description, String(layer.digest.hex.prefix(8))] {
      #expect(try catalog.layer(named: reference, lease) == layer)
    }
    for reference in [image.description, String(layer.digest.hex.prefix(7)), "python"] {
      #expect(try catalog.layer(named: reference, lease) == nil)
    }
  }
}
