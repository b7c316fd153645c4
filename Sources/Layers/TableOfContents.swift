package import Vocabulary

/// What a layer holds, without its data (`docs/formats/layer.md`, version 1): for listings,
/// differences, and for getting one file without the rest.
package struct TableOfContents: Sendable, Hashable {
  package struct Item: Sendable, Hashable {
    package var entry: LayerEntry
    /// Where the file's data begins in the uncompressed tar; 0 for what has none.
    package var start: Int64
    /// Of a file's contents.
    package var digest: Digest?

    package init(entry: LayerEntry, start: Int64, digest: Digest?) {
      self.entry = entry
      self.start = start
      self.digest = digest
    }
  }

  package static let version = 1
  /// Half a million files take about 60 MB.
  private static let largest = 512 << 20
  private static let magic = Array("HUTCHTOC".utf8)

  /// In the order of the tar.
  package private(set) var items: [Item] = []

  package init() {}

  package mutating func add(_ entry: LayerEntry, start: Int64, digest: Digest?) {
    items.append(Item(entry: entry, start: digest == nil ? 0 : start, digest: digest))
  }

  /// `nil` if the layer says nothing about the path.
  package func item(at path: GuestPath) -> Item? { items.first { $0.entry.path == path } }

  // MARK: Encoding

  /// A single zstd frame.
  package func encoded() throws(LayersError) -> [UInt8] {
    var writer = VariableBytes()
    writer.bytes += Self.magic
    writer.put(UInt64(Self.version))
    writer.put(UInt64(items.count))
    for item in items { Self.put(item, into: &writer) }
    return try Zstd.compress(writer.bytes)
  }

  private static func put(_ item: Item, into writer: inout VariableBytes) {
    let entry = item.entry
    writer.put(entry.path.bytes)
    writer.put(entry.kind.code)
    writer.put(UInt64(entry.mode))
    writer.put(UInt64(entry.uid))
    writer.put(UInt64(entry.gid))
    writer.put(signed: entry.modified)
    switch entry.kind {
    case .file(let size):
      writer.put(UInt64(size))
      writer.put(UInt64(item.start))
      writer.bytes += item.digest?.bytes ?? [UInt8](repeating: 0, count: 32)
    case .symlink(let target): writer.put(target)
    case .hardLink(let target): writer.put(target.bytes)
    case .characterDevice(let major, let minor), .blockDevice(let major, let minor):
      writer.put(UInt64(major))
      writer.put(UInt64(minor))
    case .directory, .fifo, .whiteout, .opaque: break
    }
    writer.put(UInt64(entry.attributes.count))
    for attribute in entry.attributes {
      writer.put(attribute.name)
      writer.put(attribute.value)
    }
  }

  // MARK: Decoding

  /// Strict: bounds, order, kinds and the end are checked.
  package init(decoding bytes: [UInt8]) throws(LayersError) {
    var reader = VariableReader(try Zstd.decompress(bytes, limit: Self.largest))
    guard try reader.take(8) == Self.magic[...] else { throw reader.damaged("no magic") }
    guard try reader.number() == UInt64(Self.version) else {
      throw reader.damaged("an unknown version")
    }
    let count = try reader.number()
    for _ in 0..<count {
      let item = try Self.item(&reader)
      if let last = items.last, !LayerEntry.isBefore(last.entry, item.entry) {
        throw reader.damaged("entries out of order")
      }
      items.append(item)
    }
    if !reader.isAtEnd { throw reader.damaged("more after the last entry") }
  }

  private static func item(_ reader: inout VariableReader) throws(LayersError) -> Item {
    let name = try reader.bytes()
    guard let path = GuestPath(name), path.bytes == name else { throw reader.damaged("a bad path") }
    let code = try reader.number()
    var entry = LayerEntry(
      path: path, kind: .directory, mode: try reader.small(), uid: try reader.small(),
      gid: try reader.small(), modified: try reader.signed())
    guard entry.mode <= 0o7777 else { throw reader.damaged("a mode that is none") }
    var start: Int64 = 0
    var digest: Digest?
    switch code {
    case 0: entry.kind = .directory
    case 1:
      entry.kind = .file(size: try reader.size())
      start = try reader.size()
      digest = Digest(bytes: Array(try reader.take(32)))
    case 2: entry.kind = .symlink(target: try reader.bytes())
    case 3:
      let bytes = try reader.bytes()
      guard let target = GuestPath(bytes), target.bytes == bytes else {
        throw reader.damaged("a bad link")
      }
      entry.kind = .hardLink(to: target)
    case 4: entry.kind = .fifo
    case 5: entry.kind = .characterDevice(major: try reader.small(), minor: try reader.small())
    case 6: entry.kind = .blockDevice(major: try reader.small(), minor: try reader.small())
    case 7: entry.kind = .whiteout
    case 8: entry.kind = .opaque
    default: throw reader.damaged("an unknown kind of entry")
    }
    let attributes = try reader.number()
    guard attributes <= 1024 else { throw reader.damaged("too many attributes") }
    for _ in 0..<attributes {
      entry.attributes.append(.init(name: try reader.bytes(), value: try reader.bytes()))
    }
    return Item(entry: entry, start: start, digest: digest)
  }
}

extension LayerEntry.Kind {
  fileprivate var code: UInt64 {
    switch self {
    case .directory: 0
    case .file: 1
    case .symlink: 2
    case .hardLink: 3
    case .fifo: 4
    case .characterDevice: 5
    case .blockDevice: 6
    case .whiteout: 7
    case .opaque: 8
    }
  }
}

/// Numbers as LEB128: seven bits a byte, the lowest first.
private struct VariableBytes {
  var bytes: [UInt8] = []

  mutating func put(_ number: UInt64) {
    var rest = number
    while rest >= 0x80 {
      bytes.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  mutating func put(signed number: Int64) {
    put(UInt64(bitPattern: number << 1 ^ number >> 63))
  }

  mutating func put(_ text: [UInt8]) {
    put(UInt64(text.count))
    bytes += text
  }
}

private struct VariableReader {
  private let source: [UInt8]
  private var position = 0

  init(_ source: [UInt8]) { self.source = source }

  var isAtEnd: Bool { position == source.count }

  func damaged(_ reason: String) -> LayersError {
    .damaged(what: "a table of contents", reason: "\(reason) at byte \(position)")
  }

  mutating func take(_ count: Int) throws(LayersError) -> ArraySlice<UInt8> {
    guard count <= source.count - position else { throw damaged("it ends early") }
    defer { position += count }
    return source[position..<position + count]
  }

  mutating func number() throws(LayersError) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), through: 63, by: 7) {
      guard let byte = try take(1).first else { throw damaged("it ends early") }
      // One spelling for each number: no empty digits at its upper end.
      if (shift == 63 && byte > 1) || (shift > 0 && byte == 0) { break }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw damaged("a number is spelled oddly")
  }

  mutating func small() throws(LayersError) -> UInt32 {
    guard let value = UInt32(exactly: try number()) else { throw damaged("a number is too large") }
    return value
  }

  mutating func size() throws(LayersError) -> Int64 {
    guard let value = Int64(exactly: try number()) else { throw damaged("a number is too large") }
    return value
  }

  mutating func signed() throws(LayersError) -> Int64 {
    let value = try number()
    return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
  }

  mutating func bytes() throws(LayersError) -> [UInt8] {
    guard let count = Int(exactly: try number()) else { throw damaged("a number is too large") }
    return Array(try take(count))
  }
}
