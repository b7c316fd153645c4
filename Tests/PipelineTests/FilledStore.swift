import Catalog
import Host
import Pipeline
import Vocabulary

/// A store with things in it that no build made, and a home whose settings are the test's.
final class FilledStore: Sendable {
  let path: String
  let home: String

  init() throws {
    path = "/tmp/hutch-filled-\(Hex.encode(Randomness.bytes(6)))"
    home = path + ".home"
    try Files.makeDirectories(home + "/.config/hutch")
  }

  deinit {
    try? Files.removeTree(path)
    try? Files.removeTree(home)
  }

  func session() throws -> Session {
    try Session(store: path, environment: HostEnvironment(variables: ["HOME": home]))
  }

  func configure(_ text: String) throws {
    try Files.write(home + "/.config/hutch/config.toml", Array(text.utf8), durable: false)
  }

  func layer(_ name: String) -> DiffID { DiffID(Digest.of(name)) }
  func image(_ name: String) -> ImageID { ImageID(Digest.of("config of \(name)")) }

  /// A tagged image over a common layer, with trees, a disk with holes, a package and a VM.
  func put(_ name: String, in session: Session, blocks: Int = 10, withVM: Bool = true) throws {
    let catalog = session.catalog
    let lease = try catalog.lease(for: "build \(name)")
    defer { lease.release() }
    let layers = [layer("base"), layer(name)]
    for layer in layers { try put(layer, blocks: blocks, catalog, lease) }
    let (image, manifest) = (image(name), Digest.of("manifest of \(name)"))
    try publish(.config(image), "blobs/sha256/\(image.digest.hex)", 1, catalog, lease)
    try publish(
      .manifest(manifest), "blobs/sha256/\(manifest.hex)", 1, catalog, lease,
      edges: [Edge("config", .config(image))])
    let input = Digest.of("package of \(name)")
    try publish(.input(input), "inputs/sha256/\(input.hex)", 3, catalog, lease)
    try catalog.recordImage(
      image, manifest: manifest, layers: layers, blobs: layers.map { Digest.of("blob of \($0)") },
      architecture: .amd64, impure: false, inputs: [input], lease)
    guard let chain = ChainID(of: layers) else { return }
    let disk = DiskRecord(
      chain: chain, formatter: "test-1", format: .raw, virtualSize: .gibibytes(64))
    let file = "disks/\(chain.digest.short).raw"
    _ = try catalog.beginWriting(disk.key, files: [file], lease)
    var publication = Publication(size: .gibibytes(64), allocated: .zero)
    publication.derived = true
    try catalog.publishDisk(disk, publication, lease) { try sparse(file, blocks: 7) }
    try catalog.tag(name, image)
    if !withVM { return }
    try catalog.createVM(
      NewVM(
        name: "vm-\(name)", image: image, disk: disk.key, diskSize: .gibibytes(64),
        seed: input.bytes, ephemeral: false, cpus: 1, memory: .gibibytes(1)))
    try write("vms/vm-\(name)/overlay.qcow2", blocks: 5)
  }

  private func put(
    _ layer: DiffID, blocks: Int, _ catalog: Catalog, _ lease: Lease
  ) throws {
    if try catalog.find(.layer(layer), lease) != nil { return }
    let blob = Digest.of("blob of \(layer)")
    let path = "blobs/sha256/\(blob.hex)"
    _ = try catalog.beginWriting(.layer(layer), files: [path], lease)
    var publication = Publication(size: ByteCount(100_000), allocated: .zero)
    publication.encoding = Encoding(
      blob: blob, codec: "zstd:1.5.4:l3:f4M", size: ByteCount(30_000), path: path)
    try catalog.publish(.layer(layer), publication, lease) { try write(path, blocks: blocks) }
    // A tree with a file of two names.
    let tree = "trees/\(layer.digest.short)"
    _ = try catalog.beginWriting(.tree(layer), files: [tree], lease)
    var unpacked = Publication(size: .zero, allocated: .zero)
    unpacked.derived = true
    unpacked.softEdges = [SoftEdge("tree", holder: .layer(layer), wanted: .tree(layer))]
    try catalog.publish(.tree(layer), unpacked, lease) {
      try write("\(tree)/usr/bin/tool", blocks: blocks)
      try Files.link("\(self.path)/\(tree)/usr/bin/tool", to: "\(self.path)/\(tree)/usr/link")
    }
  }

  private func publish(
    _ key: ObjectKey, _ file: String, _ blocks: Int, _ catalog: Catalog, _ lease: Lease,
    edges: [Edge] = []
  ) throws {
    _ = try catalog.beginWriting(key, files: [file], lease)
    var publication = Publication(size: ByteCount(blocks * 4000), allocated: .zero)
    publication.edges = edges
    try catalog.publish(key, publication, lease) { try write(file, blocks: blocks) }
  }

  func write(_ file: String, blocks: Int) throws {
    try Files.makeDirectories(Files.parent(of: "\(path)/\(file)"))
    try Files.write(
      "\(path)/\(file)", [UInt8](repeating: 7, count: blocks * 4096), durable: false)
  }

  private func sparse(_ file: String, blocks: Int) throws {
    let handle = try OwnedDescriptor.open("\(path)/\(file)", .createExclusive(mode: 0o444))
    for block in 0..<blocks {
      try handle.pwriteAll([UInt8](repeating: 9, count: 4096), at: Int64(block) << 24)
    }
    try handle.sync()
  }

  /// What `du` says of all but the catalog, which grows with every word in its diary.
  func used() throws -> Int64 {
    let said = try Processes.runChecked(
      Command("du", ["-s", "--block-size=1", "--exclude=catalog.sqlite*", path])
    ).text
    return Int64(said.split(separator: "\t").first ?? "") ?? -1
  }

  func usedInAll() throws -> Int64 {
    let said = try Processes.runChecked(Command("du", ["-s", "--block-size=1", path])).text
    return Int64(said.split(separator: "\t").first ?? "") ?? -1
  }
}
