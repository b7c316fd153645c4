internal import Host
internal import Layers
internal import Vocabulary

/// Writes the disk of a chain: the whole, bare, or what its newest layer adds, as a qcow2 on the
/// disk of the chain without it. No mount, no root, no unpacked tree; parents' data is not read.
package struct DiskWriter: Sendable {
  /// What the bytes depend on besides the layers.
  package static let formatterKey = "hutch-\(DiskFormat.version)"

  package enum Form: Sendable, Hashable {
    case whole
    /// On the disk of the chain without the last layer.
    case delta(on: String, BackingFormat)
  }

  package init() {}

  /// Writes to `output`, which must not exist: sparse, mode 0444, synced. Nothing is left there
  /// after a failure.
  ///
  /// - Parameter blobs: of all layers of the chain.
  package func write(
    _ layout: DiskLayout, as form: Form, blobs: [LayerBlob], to output: String
  ) throws(DisksError) -> MadeDisk {
    let file = try onHost { () throws(HostError) in
      try OwnedDescriptor.open(output, .createExclusive(mode: 0o600))
    }
    do {
      return try fill(file, layout, form, blobs, output)
    } catch {
      try? Files.remove(output)
      switch error {
      case let error as DisksError: throw error
      case let error as LayersError: throw .layers(error)
      case let error as HostError: throw .host(error)
      default: throw .layers(.damaged(what: "a layer", reason: "\(error)"))
      }
    }
  }

  private func fill(
    _ file: consuming OwnedDescriptor, _ layout: DiskLayout, _ form: Form, _ blobs: [LayerBlob],
    _ output: String
  ) throws -> MadeDisk {
    let isWhole = form == .whole
    let metadata = MetadataBlocks(layout, whole: isWhole)
    let layers = isWhole ? 0..<layout.layerCount : layout.layerCount - 1..<layout.layerCount
    let copies = layers.map { LayerCopying(layout, layer: $0, blob: blobs[$0]) }
    var clusters: DeltaClusters?
    switch form {
    case .whole: try file.truncate(to: DiskFormat.size.bytes)
    case .delta(let name, let format):
      var runs = metadata.numbers.map { BlockRun(start: $0, count: 1) }
      for piece in copies.flatMap(\.pieces) {
        runs.append(
          BlockRun(
            start: UInt32(piece.disk / 4096), count: UInt32((piece.count + 4095) / 4096)))
      }
      let delta = QCOW2Delta(
        clusters: DeltaClusters(runs), backingName: name, backingFormat: format)
      try file.truncate(to: delta.fileSize)
      for (offset, bytes) in delta.segments { try file.pwriteAll(bytes, at: offset) }
      clusters = delta.clusters
    }
    let disk = DiskOutput(file, clusters: clusters)
    for copy in copies { try copy.run(to: disk) }
    try metadata.forEach { number, bytes in
      try disk.write(bytes, at: Int64(number) * Int64(DiskFormat.blockSize))
    }
    return try finish(output)
  }

  private func finish(_ output: String) throws -> MadeDisk {
    let file = try OwnedDescriptor.open(output, .read)
    let digest = try BlockDigest.of(file)
    try Files.setMode(output, 0o444)
    try file.sync()
    let status = try file.status()
    return MadeDisk(
      size: ByteCount(status.size), allocated: ByteCount(status.allocated), digest: digest)
  }
}
