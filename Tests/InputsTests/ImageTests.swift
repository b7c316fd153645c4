import Host
import Inputs
import Recipes
import TestSupport
import Testing
import Vocabulary

/// Images in layouts that a test wrote, the damaged ones included.
@Suite struct ImageTests {
  private let place: Workplace
  private static let manifestType = "application/vnd.oci.image.manifest.v1+json"

  init() throws {
    place = try Workplace()
    try Files.makeDirectories(place("layout/blobs/sha256"))
    try write("layout/oci-layout", #"{"imageLayoutVersion":"1.0.0"}"#)
  }

  private func write(_ name: String, _ text: String) throws {
    try Files.write(place(name), Array(text.utf8), durable: false)
  }

  /// Puts a blob in; its descriptor.
  private func blob(_ text: String, _ type: String, _ more: String = "") throws -> String {
    let digest = Digest.of(text)
    try write("layout/blobs/sha256/\(digest.hex)", text)
    let size = text.utf8.count
    return #"{"mediaType":"\#(type)","digest":"\#(digest)","size":\#(size)\#(more)}"#
  }

  private func config(
    architecture: String = "amd64", created: String = "2024-05-06T07:08:09.123456789+02:00",
    diffs: Int = 2
  ) -> String {
    let digests = ["one", "two", "three"].prefix(diffs).map { "\"\(Digest.of($0))\"" }
    return """
      {"architecture":"\(architecture)","os":"linux","created":"\(created)",
       "config":{"Env":["PATH=/opt/bin:/bin","odd-name=1","EMPTY=","LINES=a\\nb"],"User":"x"},
       "rootfs":{"type":"layers","diff_ids":[\(digests.joined(separator: ","))]}}
      """
  }

  private func manifest(
    _ config: String, layer: String = "application/vnd.oci.image.layer.v1.tar+gzip"
  ) throws -> String {
    let layers = try ["first", "second"].map { try blob($0, layer) }.joined(separator: ",")
    let config = try blob(config, "application/vnd.oci.image.config.v1+json")
    return #"""
      {"schemaVersion":2,"mediaType":"\#(Self.manifestType)","config":\#(config),"layers":[\#(layers)]}
      """#
  }

  private func index(_ descriptors: [String]) -> String {
    #"{"schemaVersion":2,"manifests":[\#(descriptors.joined(separator: ","))]}"#
  }

  private func named(_ tag: String) -> String {
    #","annotations":{"org.opencontainers.image.ref.name":"\#(tag)"}"#
  }

  private func platform(_ architecture: String, os: String = "linux") -> String {
    #","platform":{"architecture":"\#(architecture)","os":"\#(os)"}"#
  }

  private func source(_ tail: String = "") throws -> ImageSource {
    try ImageSource(
      OCIReference(parsing: place("layout") + tail), work: place("work"), progress: { _ in })
  }

  private func refused(_ tail: String = "", _ reason: String) throws {
    let error = #expect(throws: InputsError.self) { try source(tail).resolve() }
    #expect(error?.message.contains(reason) == true, "\(String(describing: error))")
    #expect(error?.kind == .badInput)
  }

  // MARK: What is found

  @Test func `an image is its manifest, configuration and layers, with what it sets`() throws {
    let text = try manifest(config())
    try write("layout/index.json", index([try blob(text, Self.manifestType, named("v1"))]))
    for tail in ["", ":v1", "@\(Digest.of(text))"] {
      let image = try source(tail).resolve()
      #expect(image.blobs.manifest.digest == Digest.of(text))
      #expect(image.blobs.config.digest == Digest.of(config()))
      #expect(image.blobs.layers.map(\.digest) == [Digest.of("first"), Digest.of("second")])
      #expect(image.blobs.layers.map(\.blob?.diff) == [Digest.of("one"), Digest.of("two")])
      #expect(image.date?.rfc3339 == "2024-05-06T05:08:09Z")
      #expect(image.environment == ["PATH": "/opt/bin:/bin", "EMPTY": ""])
      #expect(image.leftOut == ["odd-name", "LINES"])
    }
  }

  @Test func `of an index within the index the image for amd64 is taken`() throws {
    let ours = try manifest(config())
    let inner = index([
      try blob(try manifest(config(architecture: "arm64")), Self.manifestType, platform("arm64")),
      try blob(ours, Self.manifestType, platform("amd64")),
      try blob("{}", Self.manifestType, platform("unknown", os: "unknown")),
    ])
    let type = "application/vnd.oci.image.index.v1+json"
    try write("layout/index.json", index([try blob(inner, type, named("many"))]))
    #expect(try source(":many").resolve().blobs.manifest.digest == Digest.of(ours))
  }

  @Test(arguments: ["0001-01-01T00:00:00Z", "yesterday", ""])
  func `an image that does not say when it was made has no date`(created: String) throws {
    let text = try manifest(config(created: created))
    try write("layout/index.json", index([try blob(text, Self.manifestType)]))
    #expect(try source().resolve().date == nil)
  }

  @Test func `its blobs get into the store, each verified`() throws {
    let text = try manifest(config())
    try write("layout/index.json", index([try blob(text, Self.manifestType)]))
    let image = try source().resolve()
    try source().bring(image.blobs.files, into: place.store) { _ in }
    for file in image.blobs.files { #expect(place.store.holds(file.digest, size: file.size)) }
    // Nothing is asked for twice.
    try Files.removeTree(place("layout/blobs"))
    try source().bring(image.blobs.files, into: place.store) { _ in }
  }

  // MARK: What is refused

  @Test(arguments: ["sec0nd", "second, and more"])
  func `should fail: a blob that was tampered with`(changed: String) throws {
    let text = try manifest(config())
    try write("layout/index.json", index([try blob(text, Self.manifestType)]))
    let image = try source().resolve()
    try write("layout/blobs/sha256/\(Digest.of("second").hex)", changed)
    let error = #expect(throws: InputsError.self) {
      try source().bring(image.blobs.files, into: place.store) { _ in }
    }
    #expect(error?.message.hasPrefix("\"layer-002\" of the image") == true)
    #expect(error?.kind == .verificationDiffers)
    #expect(!place.store.holds(Digest.of("second"), size: ByteCount(6)))
    #expect(try Files.list(place.store.directory).count == 3)
    #expect(try Files.list(place("store/ingest")).isEmpty)
  }

  @Test func `should fail: a manifest or configuration that was tampered with`() throws {
    let text = try manifest(config())
    try write("layout/index.json", index([try blob(text, Self.manifestType)]))
    try write("layout/blobs/sha256/\(Digest.of(config()).hex)", config(diffs: 1))
    try refused("", "its configuration is not the blob")
    try write("layout/blobs/sha256/\(Digest.of(text).hex)", text + " ")
    try refused("", "its manifest is not the blob")
  }

  @Test func `should fail: a blob that is a FIFO, which nobody ever writes to`() throws {
    let text = try manifest(config())
    try write("layout/index.json", index([try blob(text, Self.manifestType)]))
    let path = place("layout/blobs/sha256/\(Digest.of(text).hex)")
    try Files.remove(path)
    try Processes.runChecked(Command("mkfifo", [path]))
    try refused("", "its manifest can't be read")
  }

  @Test func `should fail: no such tag, or several images without one`() throws {
    let other = try manifest(config(created: "2020-01-01T00:00:00Z"))
    try write(
      "layout/index.json",
      index([
        try blob(try manifest(config()), Self.manifestType, named("a")),
        try blob(other, Self.manifestType, named("b")),
      ]))
    try refused(":c", "the layout has no such image; it has \"a\", \"b\"")
    try refused("", "it could be several images: \"a\", \"b\"")
  }

  @Test func `should fail: an image for another machine`() throws {
    let text = try manifest(config(architecture: "arm64"))
    try write("layout/index.json", index([try blob(text, Self.manifestType)]))
    try refused("", "it is for linux/arm64, not linux/amd64")
    try write("layout/index.json", index([try blob(text, Self.manifestType, platform("arm64"))]))
    try refused("", "it has none for linux/amd64")
  }

  @Test func `should fail: layers that manifest and configuration don't agree about`() throws {
    for count in [0, 1, 3] {
      let text = try manifest(config(diffs: count))
      try write("layout/index.json", index([try blob(text, Self.manifestType)]))
      try refused("", "its manifest has 2 layers, its configuration \(count)")
    }
  }

  @Test func `should fail: a layer of a kind that is not known`() throws {
    let type = "application/vnd.oci.image.layer.v1.tar+encrypted"
    let text = try manifest(config(), layer: type)
    try write("layout/index.json", index([try blob(text, Self.manifestType)]))
    try refused("", "layer 1 has the media type \"\(type)\", which is not supported")
  }

  @Test(arguments: ["", "[]", "{}", #"{"schemaVersion":1,"manifests":[]}"#, "{\"a\":"])
  func `should fail: an index that is none`(text: String) throws {
    try write("layout/index.json", text)
    #expect(throws: InputsError.self) { try source().resolve() }
  }

  @Test func `should fail: a directory that is no layout, and none at all`() throws {
    try write("layout/oci-layout", #"{"imageLayoutVersion":"2.0.0"}"#)
    try refused("", "its directory is no image layout of version 1.0.0")
    let error = #expect(throws: InputsError.self) {
      try ImageSource(
        OCIReference(parsing: place("nowhere")), work: place("work"), progress: { _ in })
    }
    #expect(error?.kind == .notFound)
  }

  // MARK: Debian

  @Test func `an image of Debian says which`() throws {
    #expect(
      try DebianRelease.suite(of: "NAME=\"x\"\nID=debian\nVERSION_CODENAME='trixie'\n") == "trixie")
    for text in ["ID=alpine\nVERSION_CODENAME=x\n", "VERSION_CODENAME=trixie\n", "ID=debian\n"] {
      #expect(throws: InputsError.self) { try DebianRelease.suite(of: text) }
    }
  }
}
