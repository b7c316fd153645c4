package import Archives
package import Host
package import Vocabulary

/// A layer that others made (OCI Image Specification 1.1, "Image Layer Filesystem Changeset") → a
/// canonical one that says the same. No tree is made of it: neither rights nor owners of this machine
/// matter, and nothing can be written outside.
package final class ForeignLayer {
  private let archive: String
  private let diff: Digest
  private let lower: LowerTree
  private let spool: LayerSpool
  private let limits: ArchiveLimits
  private let stream = StreamedDigest()
  private var changes = LayerChanges()

  /// - Parameters:
  ///   - archive: tar, as it is or compressed with gzip or zstd.
  ///   - diff: of the tar.
  ///   - lower: what lies below the layer.
  ///   - spool: a new file for the data, as large as all files of the layer.
  ///   - limits: what it may hold and unpack to.
  package init(
    _ archive: String, diff: Digest, over lower: LowerTree, spool: String,
    limits: ArchiveLimits = ArchiveLimits()
  ) throws(HostError) {
    self.archive = archive
    self.diff = diff
    self.lower = lower
    self.limits = limits
    self.spool = try LayerSpool(spool)
  }

  /// Writes blob and table of contents to new files and syncs them.
  package func pack(blob: String, table: String) throws -> PackedLayer {
    try ForeignArchive.forEachEntry(
      ofCompressed: archive, limits: limits, onBytes: stream.update
    ) { entry, data in
      try take(entry, data)
      return true
    }
    let found = stream.finish()
    guard found == diff else {
      throw LayersError.wrongDiff(archive: archive, expected: diff, found: found)
    }
    return try LayerPacker().pack(
      try changes.entries(over: lower), from: spool, blob: blob, table: table)
  }

  private func take(_ entry: ArchiveEntry, _ data: ArchiveData) throws {
    guard let path = entry.guestPath else {
      throw refusal(of: entry, "its name leads elsewhere")
    }
    do throws(LayerChanges.Refusal) {
      guard try changes.add(entry, at: path) else { return }
    } catch {
      throw refusal(of: entry, error.reason)
    }
    let start = spool.size
    while true {
      let part = try data.read(upTo: 1 << 18)
      if part.isEmpty { break }
      try requireHonest(Int64(part.count))
      try spool.append(part)
    }
    // A hole at the end of a file does not come as data.
    var hole = entry.size - (spool.size - start)
    if hole > 0 { try requireHonest(hole) }
    while hole > 0 {
      let part = Int(min(hole, 1 << 20))
      try spool.append([UInt8](repeating: 0, count: part))
      hole -= Int64(part)
    }
    changes.setContents(of: path, start: start, size: spool.size - start)
  }

  private static let holes: Int64 = 1 << 30

  /// Only holes come to more than what has been read.
  private func requireHonest(_ more: Int64) throws {
    if more > stream.count + Self.holes - spool.size {
      throw ArchivesError.bomb(archive: archive, ratio: limits.ratio)
    }
  }

  private func refusal(of entry: ArchiveEntry, _ reason: String) -> LayersError {
    .unsafeEntry(path: entry.printableName, reason: reason)
  }
}

/// What lies below a layer, worked out only when it is asked for.
package final class LowerTree {
  private let tables: [String]
  private var merged: MergedTree?
  /// Of directories that no layer has.
  let date: SourceDate

  /// - Parameter tables: files with tables of contents, that of the lowest layer first.
  package init(tables: [String], date: SourceDate) {
    self.tables = tables
    self.date = date
  }

  var isEmpty: Bool { tables.isEmpty }

  func entry(at path: GuestPath) throws -> LayerEntry? {
    if isEmpty { return nil }
    let tree = try merged ?? merge()
    merged = tree
    return tree.index(of: path).map { tree.items[$0].entry }
  }

  private func merge() throws -> MergedTree {
    var tree = MergedTree()
    for table in tables {
      tree.add(try TableOfContents(decoding: try Files.read(table, limit: 512 << 20)))
    }
    return tree
  }
}

/// The data of all files of a layer, one after the other, until their order is known.
final class LayerSpool {
  private let file: OwnedDescriptor
  private(set) var size: Int64 = 0

  init(_ path: String) throws(HostError) {
    file = try OwnedDescriptor.open(path, .createExclusive(mode: 0o600))
  }

  func append(_ bytes: [UInt8]) throws(HostError) {
    try file.writeAll(bytes)
    size += Int64(bytes.count)
  }

  func read(at offset: Int64, count: Int) throws(HostError) -> [UInt8] {
    try file.pread(at: offset, count: count)
  }
}

/// Counts and digests what comes by.
private final class StreamedDigest {
  private var stream = DigestStream()
  private(set) var count: Int64 = 0

  func update(_ bytes: [UInt8]) {
    stream.update(bytes)
    count += Int64(bytes.count)
  }

  func finish() -> Digest {
    let whole = stream
    return whole.finish()
  }
}
