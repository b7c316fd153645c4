internal import Catalog
internal import Host
internal import Layers
internal import Planning
internal import Recipes
internal import Vocabulary

extension Session {
  /// Configuration and manifest of a finished chain, and the catalog's row about them.
  func record(
    _ chain: RecipeChain, layers: [DiffID], date: SourceDate, lock: Lock, _ lease: Lease
  ) throws -> ImageID {
    let configuration = ImageConfiguration(
      chain.based(on: lock), layers: layers, architecture: .amd64, created: date)
    let image = configuration.imageID
    // Nothing new to say: a build with nothing changed writes nothing.
    if try catalog.find(.image(image), lease) != nil { return image }
    let blobs = BlobStore(root: layout.root)
    let config = configuration.render()
    try publish(config, as: .config(image), blobs, lease)
    let encodings = try layers.map(catalog.newestEncoding)
    let manifest = OCI.manifest(
      config: image, configSize: ByteCount(config.count),
      layers: encodings.map { ($0.blob, $0.size) }, codec: encodings.last?.codec ?? "")
    let manifestDigest = Digest.of(manifest)
    try publish(
      manifest, as: .manifest(manifestDigest), blobs, lease,
      edges: [Edge("config", .config(image))])
    let inputs =
      lock.steps.flatMap { $0.packages.map(\.digest) + $0.files.map(\.digest) }
      + (lock.kernel?.packages ?? []).map(\.digest)
    var known: [Digest] = []
    for input in Set(inputs).sorted()
    where try catalog.find(.input(input), lease) != nil { known.append(input) }
    try catalog.recordImage(
      image, manifest: manifestDigest, layers: layers, blobs: encodings.map(\.blob),
      architecture: .amd64, impure: chain.steps.contains { $0.options.network }, inputs: known,
      lease)
    return image
  }

  private func publish(
    _ bytes: [UInt8], as key: ObjectKey, _ blobs: BlobStore, _ lease: Lease, edges: [Edge] = []
  ) throws {
    let digest = Digest.of(bytes)
    guard try takeTurn(key, [BlobStore.relativePath(digest)], lease) else { return }
    var publication = Publication(size: ByteCount(bytes.count), allocated: ByteCount(4096))
    publication.digest = digest
    publication.edges = edges
    try catalog.publish(key, publication, lease) { _ = try blobs.publish(bytes) }
  }

  package func tag(_ image: String, as name: String) throws {
    let lease = try catalog.lease(for: "tag \(name)")
    defer { lease.release() }
    try catalog.tag(name, try catalog.resolve(image, lease).id)
    try writeIndex()
  }

  package func untag(_ name: String) throws {
    try catalog.untag(name)
    try writeIndex()
  }

  /// `index.json` says what the catalog's tags say. Written after the commit, by whoever finds it
  /// behind: the next command finishes what was cut short.
  ///
  /// - Parameter always: also where nothing says that it is behind.
  func writeIndex(always: Bool = false) throws {
    var generation = try catalog.indexGeneration()
    if !always, generation.current == generation.written,
      Files.exists(layout.root + "/index.json")
    {
      return
    }
    guard let lock = try FileLock.exclusive(layout.root + "/index.lock", wait: true) else { return }
    generation = try catalog.indexGeneration()
    try BlobStore(root: layout.root).writeIndex(try taggedManifests())
    try catalog.markIndexWritten(generation.current)
    withExtendedLifetime(lock.descriptor) {}
  }

  /// What `index.json` is to name.
  func taggedManifests() throws -> [TaggedManifest] {
    let images = Dictionary(uniqueKeysWithValues: try catalog.images().map { ($0.id, $0) })
    return try catalog.tags().compactMap { tag in
      guard let image = images[tag.image],
        let manifest = try catalog.object(.manifest(image.manifest))
      else { return nil }
      return TaggedManifest(
        name: tag.name, manifest: image.manifest, size: manifest.size,
        architecture: image.architecture)
    }
  }
}
