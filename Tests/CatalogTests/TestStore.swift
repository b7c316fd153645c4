import Catalog
import Host
import Synchronization
import Vocabulary

/// A store in a directory of its own, with a clock that stands still until it is moved.
final class TestStore: Sendable {
  let path: String
  private let time = Mutex<Int64>(1_700_000_000)

  init() throws {
    path = "/tmp/hutch-catalog-\(Hex.encode(Randomness.bytes(6)))"
    for folder in ["blobs/sha256", "inputs/sha256", "trees", "disks", "vms"] {
      try Files.makeDirectories(path + "/" + folder)
    }
  }

  deinit { try? Files.removeTree(path) }

  var now: Int64 { time.withLock { $0 } }
  func advance(_ seconds: Int64) { time.withLock { $0 += seconds } }

  func open(schema: Schema = .current) throws -> Catalog {
    try Catalog.open(store: path, schema: schema) { [self] in now }
  }

  func touch(_ file: String) throws {
    try Files.makeDirectories(Files.parent(of: path + "/" + file))
    try Files.write(path + "/" + file, Array("content of \(file)".utf8), durable: false)
  }

  func exists(_ file: String) -> Bool { Files.exists(path + "/" + file) }

  /// Every file below the store but the database's own and lock files, sorted.
  func files() throws -> [String] {
    func list(_ folder: String) throws -> [String] {
      try Files.list(path + (folder.isEmpty ? "" : "/" + folder)).flatMap { name in
        let relative = folder.isEmpty ? name : folder + "/" + name
        return Files.isDirectory(path + "/" + relative) ? try list(relative) : [relative]
      }
    }
    return try list("").filter { !$0.hasPrefix("catalog.") && !$0.hasPrefix("leases/") }
  }
}

func diffID(_ name: String) -> DiffID { DiffID(Digest.of(name)) }
func blob(_ layer: DiffID) -> Digest { Digest.of("blob of \(layer)") }

extension Catalog {
  /// An object with the one file named.
  func put(
    _ key: ObjectKey, file: String? = nil, edges: [Edge] = [], soft: [SoftEdge] = [],
    in test: TestStore, _ lease: Lease
  ) throws {
    let turn = try beginWriting(key, files: file.map { [$0] } ?? [], lease)
    precondition(turn == .write, "\(key): \(turn)")
    var publication = Publication(size: ByteCount(100), allocated: ByteCount(4096))
    publication.edges = edges
    publication.softEdges = soft
    try publish(key, publication, lease) {
      if let file { try test.touch(file) }
    }
  }

  func putLayer(_ layer: DiffID, in test: TestStore, _ lease: Lease) throws {
    let path = "blobs/sha256/" + blob(layer).hex
    let turn = try beginWriting(.layer(layer), files: [path], lease)
    precondition(turn == .write)
    var publication = Publication(size: ByteCount(1000), allocated: ByteCount(4096))
    publication.encoding = Encoding(
      blob: blob(layer), codec: "zstd:1.5.4:l3:f4M", size: ByteCount(300), path: path)
    try publish(.layer(layer), publication, lease) { try test.touch(path) }
  }

  /// An image of these layers, which are published with it if they are new.
  @discardableResult
  func putImage(
    _ name: String, _ layers: [DiffID], in test: TestStore, _ lease: Lease
  ) throws -> ImageID {
    let image = ImageID(Digest.of("config of \(name)"))
    let manifest = Digest.of("manifest of \(name)")
    for layer in layers where try find(.layer(layer), lease) == nil {
      try putLayer(layer, in: test, lease)
    }
    try put(.config(image), file: "blobs/sha256/" + image.digest.hex, in: test, lease)
    try put(
      .manifest(manifest), file: "blobs/sha256/" + manifest.hex,
      edges: [Edge("config", .config(image))], in: test, lease)
    try recordImage(
      image, manifest: manifest, layers: layers, blobs: layers.map(blob), architecture: .amd64,
      impure: false, lease)
    return image
  }

  func putDisk(_ layers: [DiffID], in test: TestStore, _ lease: Lease) throws -> ObjectKey {
    let chain = try require(ChainID(of: layers))
    let disk = DiskRecord(
      chain: chain, formatter: "test-1", format: .raw, virtualSize: .gibibytes(64))
    let file = "disks/\(chain.digest.short).raw"
    let turn = try beginWriting(disk.key, files: [file], lease)
    precondition(turn == .write)
    var publication = Publication(size: .gibibytes(64), allocated: ByteCount(8192))
    publication.derived = true
    try publishDisk(disk, publication, lease) { try test.touch(file) }
    return disk.key
  }

  func putVM(
    _ name: String, disk: ObjectKey, image: ImageID? = nil, ephemeral: Bool = false,
    supervisor: Lease? = nil
  ) throws {
    try createVM(
      newVM(name, disk: disk, image: image, ephemeral: ephemeral), supervisor: supervisor)
  }
}

func newVM(
  _ name: String, disk: ObjectKey, image: ImageID? = nil, ephemeral: Bool = false
) -> NewVM {
  NewVM(
    name: name, image: image, disk: disk, diskSize: .gibibytes(64),
    seed: Digest.of(name).bytes, ephemeral: ephemeral, cpus: 2, memory: .gibibytes(1))
}

struct Missing: Error {}
func require<T>(_ value: T?) throws -> T {
  guard let value else { throw Missing() }
  return value
}
