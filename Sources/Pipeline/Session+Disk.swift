internal import Catalog
internal import Disks
internal import Host
internal import Layers
internal import Vocabulary

/// A disk in the store.
struct StoredDisk: Hashable {
  var key: ObjectKey
  /// The topmost of its files.
  var path: String
  var size: ByteCount
  var format: BackingFormat
}

extension Session {
  /// The disk of a chain, straight from its layers; derived, made when it is missing. It stands on
  /// the disks of the chain's beginnings, which are made, too, where they are missing.
  ///
  /// - Parameter whom: whose disk it is, for people.
  func makeDisk(
    _ layers: [DiffID], for whom: String, _ lease: Lease, _ timings: inout Timings
  ) throws -> StoredDisk {
    // Whoever clones an image that has its disk asks the catalog once, and nothing else.
    if let chain = ChainID(of: layers), let known = try disk(of: chain, lease) { return known }
    return try report.stage("make the disk of \(whom)", &timings) {
      try writeDisks(layers, for: whom, lease)
    }
  }

  private func disk(of chain: ChainID, _ lease: Lease) throws -> StoredDisk? {
    guard let known = try catalog.disk(chain, formatter: DiskWriter.formatterKey, lease) else {
      return nil
    }
    return storedDisk(chain, known.disk.format == .raw ? .raw : .qcow2)
  }

  private func storedDisk(_ chain: ChainID, _ format: BackingFormat) -> StoredDisk {
    let key = ObjectKey.disk(chain, formatter: DiskWriter.formatterKey)
    // One chain may have disks of several formatters; their names must differ.
    let name = "\(Digest.of("\(key)").hex.prefix(32)).\(format.rawValue)"
    return StoredDisk(
      key: key, path: "\(layout.disks)/\(name)", size: DiskFormat.size, format: format)
  }

  private func writeDisks(
    _ layers: [DiffID], for whom: String, _ lease: Lease
  ) throws -> StoredDisk {
    let tables = LayerTables(self, lease)
    guard let first = layers.first else { throw PipelineError.noSuchImage(whom) }
    var diskLayout = DiskLayout(seed: first.digest)
    var merging = DiskMerging()
    var below: StoredDisk?
    for count in 1...layers.count {
      guard let chain = ChainID(of: Array(layers.prefix(count))) else { continue }
      try diskLayout.add(try tables.table(of: layers[count - 1]))
      let isWhole = merging.add(diskLayout)
      if let known = try disk(of: chain, lease) {
        below = known
        continue
      }
      report(.line("layer \(count) of \(layers.count)"))
      let disk = storedDisk(chain, isWhole ? .raw : .qcow2)
      try write(
        diskLayout, merging, Array(layers.prefix(count)), chain, to: disk,
        on: isWhole ? nil : below, lease)
      below = disk
    }
    guard let below else { throw PipelineError.noSuchImage(whom) }
    return below
  }

  /// One file, published when it is whole.
  private func write(
    _ diskLayout: DiskLayout, _ merging: DiskMerging, _ layers: [DiffID], _ chain: ChainID,
    to disk: StoredDisk, on below: StoredDisk?, _ lease: Lease
  ) throws {
    let name = Files.name(of: disk.path)
    guard try takeTurn(disk.key, ["disks/\(name)"], lease) else { return }
    let clock = Stopwatch()
    do {
      try withJobDirectory { directory in
        let output = directory + "/disk"
        let made = try DiskWriter().write(
          diskLayout, as: below.map { .delta(on: Files.name(of: $0.path), $0.format) } ?? .whole,
          blobs: try layers.map(blob), to: output)
        var publication = Publication(size: made.size, allocated: made.allocated)
        publication.digest = made.digest
        publication.derived = true
        publication.rebuildMilliseconds = Int64(clock.milliseconds)
        if let below { publication.edges = [Edge(Self.diskBelow, below.key)] }
        let record = DiskRecord(
          chain: chain, formatter: DiskWriter.formatterKey,
          format: disk.format == .raw ? .raw : .qcow2, virtualSize: DiskFormat.size,
          depth: merging.depth, deadBytes: ByteCount(merging.deadBytes))
        try catalog.publishDisk(record, publication, lease) {
          try Files.rename(output, to: disk.path, replacing: true)
          try Files.syncDirectory(self.layout.disks)
        }
      }
    } catch {
      try? catalog.abandon(disk.key, lease)
      throw error
    }
  }

  private static let diskBelow = "disk below"

  private func blob(of layer: DiffID) throws -> LayerBlob {
    let encoding = try catalog.newestEncoding(of: layer)
    return LayerBlob(path: "\(layout.root)/\(encoding.path)", digest: encoding.blob)
  }
}
