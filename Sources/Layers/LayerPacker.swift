package import Host
package import Vocabulary

/// A layer as it was packed into a file.
package struct PackedLayer: Sendable, Hashable {
  package var layer: DiffID
  package var blob: Digest
  package var blobSize: ByteCount
  /// Of the uncompressed tar.
  package var size: ByteCount
  package var codec: String
  package var entries: Int
  package var table: Digest
  package var tableSize: ByteCount

  package init(
    layer: DiffID, blob: Digest, blobSize: ByteCount, size: ByteCount, codec: String,
    entries: Int, table: Digest, tableSize: ByteCount
  ) {
    self.layer = layer
    self.blob = blob
    self.blobSize = blobSize
    self.size = size
    self.codec = codec
    self.entries = entries
    self.table = table
    self.tableSize = tableSize
  }
}

/// Tree → canonical tar → frames, in one pass: other cores hash and compress the tar while it is
/// read.
package struct LayerPacker {
  private let onBytes: (Int64) -> Void
  private let onEntry: EntryObserver?

  /// Sees each entry with the digest of a file's contents, and with the contents themselves if they
  /// have no more than `wholeFileLimit` bytes.
  package typealias EntryObserver = (LayerEntry, _ contents: [UInt8]?, Digest?) -> Void

  package static let wholeFileLimit = partSize
  private static let partSize = 1 << 20

  /// - Parameters:
  ///   - onBytes: told now and then how much of the tar there is.
  ///   - onEntry: told of each entry once it is in the tar: the bytes are in memory anyway.
  package init(
    onBytes: @escaping (Int64) -> Void = { _ in }, onEntry: EntryObserver? = nil
  ) {
    self.onBytes = onBytes
    self.onEntry = onEntry
  }

  /// Writes the blob and its table of contents to new files and syncs them.
  package func pack(
    _ tree: borrowing OwnedDescriptor, blob blobPath: String, table tablePath: String,
    isUnchanged: (LayerEntry) throws -> Bool = { _ in false }
  ) throws -> PackedLayer {
    let entries = try TreeScanner.scan(tree, isUnchanged: isUnchanged)
    return try write(entries.count, blob: blobPath, table: tablePath) { output, table in
      for entry in entries { try add(entry, from: tree, to: output, &table) }
    }
  }

  /// - Parameter body: writes the entries, each into the tar and into the table.
  func write(
    _ count: Int, blob blobPath: String, table tablePath: String,
    _ body: (TarStream, inout TableOfContents) throws -> Void
  ) throws -> PackedLayer {
    let output = TarStream(
      compressor: FrameCompressor(
        to: try OwnedDescriptor.open(blobPath, .createExclusive(mode: 0o444))), onBytes: onBytes)
    var table = TableOfContents()
    try body(output, &table)
    try output.append(CanonicalTar.end[...])
    let (layer, blob, blobSize) = try output.compressor.finish()
    let bytes = try table.encoded()
    let file = try OwnedDescriptor.open(tablePath, .createExclusive(mode: 0o444))
    try file.writeAll(bytes)
    try file.sync()
    return PackedLayer(
      layer: DiffID(layer), blob: blob, blobSize: blobSize, size: ByteCount(output.size),
      codec: FrameCompressor.codec, entries: count, table: Digest.of(bytes),
      tableSize: ByteCount(bytes.count))
  }

  private func add(
    _ entry: LayerEntry, from tree: borrowing OwnedDescriptor, to output: TarStream,
    _ table: inout TableOfContents
  ) throws {
    try output.append(CanonicalTar.header(for: entry)[...])
    let start = output.size
    var digest: Digest?
    var contents: [UInt8]?
    if case .file(let size) = entry.kind {
      (digest, contents) = try copy(entry.path, size, from: tree, to: output)
      try output.append([UInt8](repeating: 0, count: CanonicalTar.padding(after: size))[...])
    }
    table.add(entry, start: start, digest: digest)
    onEntry?(entry, contents, digest)
  }

  private func copy(
    _ path: GuestPath, _ size: Int64, from tree: borrowing OwnedDescriptor, to output: TarStream
  ) throws -> (Digest, contents: [UInt8]?) {
    var contents: [UInt8]?
    var stream = DigestStream()
    var left = size
    let file = try tree.openBeneath(path.bytes, .read)
    repeat {
      // One byte more than there should be: the last part is known by being too short.
      let part = try file.read(upTo: Int(min(left, Int64(Self.partSize))) + 1)
      if part.count > left || (part.isEmpty && left > 0) {
        throw LayersError.changedWhileRead(path)
      }
      stream.update(part)
      try output.append(part[...])
      if onEntry != nil, size <= Self.wholeFileLimit {
        // As good as always one part, which is not copied then.
        contents = contents.map { $0 + part } ?? part
      }
      left -= Int64(part.count)
    } while left > 0
    return (stream.finish(), contents)
  }
}

/// Counts what goes into the compressor.
final class TarStream {
  let compressor: FrameCompressor
  private(set) var size: Int64 = 0
  private let onBytes: (Int64) -> Void
  private var reported: Int64 = 0

  init(compressor: FrameCompressor, onBytes: @escaping (Int64) -> Void) {
    self.compressor = compressor
    self.onBytes = onBytes
  }

  func append(_ bytes: ArraySlice<UInt8>) throws {
    if bytes.isEmpty { return }
    size += Int64(bytes.count)
    try compressor.append(bytes)
    if size - reported > 4 << 20 {
      try Interrupt.check()
      reported = size
      onBytes(size)
    }
  }
}
