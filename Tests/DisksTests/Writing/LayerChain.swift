import Disks
import Host
import Layers
import Vocabulary

/// An entry of a layer that a test makes up.
struct Sample {
  var entry: LayerEntry
  var data: [UInt8] = []

  init(
    _ path: String, _ kind: LayerEntry.Kind, mode: UInt32 = 0o644, uid: UInt32 = 0,
    gid: UInt32 = 0, modified: Int64 = 1_600_000_000, attributes: [(String, [UInt8])] = []
  ) {
    entry = LayerEntry(
      path: guestPath(path), kind: kind, mode: mode, uid: uid, gid: gid, modified: modified,
      attributes: attributes.map { .init(name: Array($0.utf8), value: $1) })
  }

  static func directory(_ path: String, mode: UInt32 = 0o755) -> Sample {
    Sample(path, .directory, mode: mode)
  }

  static func file(
    _ path: String, _ data: [UInt8], mode: UInt32 = 0o644, uid: UInt32 = 0,
    attributes: [(String, [UInt8])] = []
  ) -> Sample {
    var sample = Sample(
      path, .file(size: Int64(data.count)), mode: mode, uid: uid, attributes: attributes)
    sample.data = data
    return sample
  }

  static func symlink(_ path: String, _ target: String) -> Sample {
    Sample(path, .symlink(target: Array(target.utf8)), mode: 0o777)
  }

  static func link(_ path: String, to target: String) -> Sample {
    Sample(path, .hardLink(to: guestPath(target)))
  }

  static func whiteout(_ path: String) -> Sample { Sample(path, .whiteout) }
  static func opaque(_ path: String) -> Sample { Sample(path, .opaque) }
}

func guestPath(_ text: String) -> GuestPath {
  guard let path = GuestPath(text) else { preconditionFailure("a path of a test: \(text)") }
  return path
}

/// A chain of layers with the files of its disks, and how each of them is laid out.
final class LayerChain {
  let place: Workplace
  private(set) var tables: [TableOfContents] = []
  private(set) var blobs: [LayerBlob] = []
  /// Of the chain up to and with each layer.
  private(set) var layouts: [DiskLayout] = []
  private let name: String

  init(_ place: Workplace, name: String = "layer") {
    self.place = place
    self.name = name
  }

  @discardableResult
  func add(_ samples: [Sample]) throws -> Self {
    let path = place("\(name)-\(tables.count)")
    let (table, blob) = try Self.write(samples, to: path)
    var layout = layouts.last ?? DiskLayout(seed: Digest.of("a first layer"))
    try layout.add(table)
    tables.append(table)
    blobs.append(LayerBlob(path: path, digest: blob))
    layouts.append(layout)
    return self
  }

  static func write(
    _ samples: [Sample], to path: String
  ) throws -> (table: TableOfContents, blob: Digest) {
    let compressor = FrameCompressor(
      to: try OwnedDescriptor.open(path, .createExclusive(mode: 0o644)), threads: 2)
    var table = TableOfContents()
    var offset: Int64 = 0
    for sample in samples.sorted(by: { LayerEntry.isBefore($0.entry, $1.entry) }) {
      let header = CanonicalTar.header(for: sample.entry)
      let padding = [UInt8](
        repeating: 0, count: CanonicalTar.padding(after: Int64(sample.data.count)))
      try compressor.append(header[...])
      try compressor.append(sample.data[...])
      try compressor.append(padding[...])
      var digest: Digest?
      if case .file = sample.entry.kind { digest = Digest.of(sample.data) }
      table.add(sample.entry, start: offset + Int64(header.count), digest: digest)
      offset += Int64(header.count + sample.data.count + padding.count)
    }
    try compressor.append(CanonicalTar.end[...])
    return (table, try compressor.finish().blob)
  }

  /// The whole of the chain's first `count` layers.
  @discardableResult
  func writeWhole(_ count: Int? = nil, to name: String) throws -> MadeDisk {
    let count = count ?? layouts.count
    return try DiskWriter().write(
      layouts[count - 1], as: .whole, blobs: Array(blobs[..<count]), to: place(name))
  }

  /// A raw disk of the first layer and a delta for each of the others: `NAME-0`, `NAME-1`, …; the
  /// topmost first.
  @discardableResult
  func writeDeltas(_ name: String) throws -> [MadeDisk] {
    var made = [try writeWhole(1, to: "\(name)-0")]
    for index in layouts.indices.dropFirst() {
      made.append(
        try DiskWriter().write(
          layouts[index], as: .delta(on: "\(name)-\(index - 1)", index == 1 ? .raw : .qcow2),
          blobs: Array(blobs[...index]), to: place("\(name)-\(index)")))
    }
    return made
  }

  /// The disk of the deltas as a VM would see it.
  func openDeltas(_ name: String, layers: Int? = nil) throws -> DiskReader {
    try DiskReader(
      (0..<(layers ?? layouts.count)).reversed().map { index in
        ChainFile(
          try OwnedDescriptor.open(place("\(name)-\(index)"), .read),
          path: place("\(name)-\(index)"), name: "\(name)-\(index)",
          format: index == 0 ? .raw : .qcow2)
      })
  }

  func openWhole(_ name: String) throws -> DiskReader {
    try DiskReader([
      ChainFile(
        try OwnedDescriptor.open(place(name), .read), path: place(name), name: name, format: .raw)
    ])
  }
}
