internal import Vocabulary

/// Reads canonical tar strictly: what `CanonicalTar` would not have written is refused. Archives
/// of others are libarchive's to read.
package struct TarReader {
  /// One decoded piece after another; empty at the end.
  private let next: () throws -> [UInt8]
  private var buffer: [UInt8] = []
  private var position = 0
  private var last: LayerEntry?

  /// - Parameter next: the archive in pieces of any size; none at the end.
  package init(next: @escaping () throws -> [UInt8]) { self.next = next }

  /// `nil` at the end of the archive. The data of a file is to be read before the next call.
  package mutating func entry() throws -> LayerEntry? {
    let first = try take(512)
    if first.allSatisfy({ $0 == 0 }) {
      guard try take(512).allSatisfy({ $0 == 0 }), try isAtEnd() else {
        throw damaged("more after its end")
      }
      return nil
    }
    var raw = first
    var read = first
    var records: [(key: [UInt8], value: [UInt8])] = []
    if first[156] == UInt8(ascii: "x") {
      let size = try number(first, 124, 12)
      guard size <= 4 << 20 else { throw damaged("an extended header is too large") }
      let body = try take(Int(size))
      records = try Self.records(body)
      read += body + (try take(CanonicalTar.padding(after: size)))
      raw = try take(512)
      read += raw
    }
    let entry = try decode(raw, records)
    if let reason = Self.refusal(of: entry) { throw refused(entry, reason) }
    // The one spelling of each entry: whatever differs was not written by us.
    guard CanonicalTar.header(for: entry) == read else {
      throw refused(entry, "it is not canonical")
    }
    if let last, !LayerEntry.isBefore(last, entry) {
      throw refused(entry, "it stands twice or out of order")
    }
    last = entry
    return entry
  }

  private func refused(_ entry: LayerEntry, _ reason: String) -> LayersError {
    .unsafeEntry(path: entry.path.description, reason: reason)
  }

  /// What has a spelling and no place in a layer; `nil` if all is well.
  private static func refusal(of entry: LayerEntry) -> String? {
    if entry.mode > 0o7777 { return "its mode has bits that mean nothing" }
    // -1 to chown(2): "leave it as it is".
    if entry.uid == .max || entry.gid == .max { return "its owner is nobody's number" }
    if case .characterDevice(0, 0) = entry.kind { return "it is overlayfs's mark of a removal" }
    if entry.isRemoval {
      if LayerEntry(path: entry.path, kind: entry.kind) != entry {
        return "a mark of a removal has properties"
      }
      if entry.path.name.starts(with: LayerEntry.whiteoutPrefix) {
        return "it removes a mark of a removal"
      }
    }
    for attribute in entry.attributes where !LayerEntry.keeps(attribute: attribute.name) {
      return "it has the attribute \"\(String(decoding: attribute.name, as: UTF8.self))\""
    }
    let names = entry.attributes.map(\.name)
    if !zip(names, names.dropFirst()).allSatisfy({ $0.lexicographicallyPrecedes($1) }) {
      return "its attributes are out of order"
    }
    return nil
  }

  /// At most `count` bytes, at least one.
  package mutating func data(upTo count: Int) throws -> ArraySlice<UInt8> {
    try fill()
    guard position < buffer.count else { throw damaged("it ends early") }
    let end = min(buffer.count, position + count)
    defer { position = end }
    return buffer[position..<end]
  }

  /// What fills up the last block of a file's data.
  package mutating func skipPadding(after size: Int64) throws {
    guard try take(CanonicalTar.padding(after: size)).allSatisfy({ $0 == 0 }) else {
      throw damaged("padding that is not empty")
    }
  }

  // MARK: Bytes

  private mutating func fill() throws {
    if position == buffer.count {
      buffer = try next()
      position = 0
    }
  }

  private mutating func isAtEnd() throws -> Bool {
    try fill()
    return position == buffer.count
  }

  private mutating func take(_ count: Int) throws -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count { bytes += try data(upTo: count - bytes.count) }
    return bytes
  }

  private func damaged(_ reason: String) -> LayersError {
    .damaged(what: "a layer's tar", reason: reason)
  }

  // MARK: Headers

  private func number(_ block: [UInt8], _ offset: Int, _ length: Int) throws -> Int64 {
    let field = block[offset..<offset + length].prefix { $0 != 0 && $0 != 0x20 }
    guard field.allSatisfy({ (0x30...0x37).contains($0) }), field.count <= 12 else {
      throw damaged("a number that is not octal")
    }
    return field.reduce(0) { $0 << 3 | Int64($1 - 0x30) }
  }

  private static func records(
    _ body: [UInt8]
  ) throws -> [(key: [UInt8], value: [UInt8])] {
    func damaged() -> LayersError {
      .damaged(what: "a layer's tar", reason: "an extended header is odd")
    }
    var records: [(key: [UInt8], value: [UInt8])] = []
    var rest = body[...]
    while !rest.isEmpty {
      let digits = rest.prefix { (0x30...0x39).contains($0) }
      guard let length = Int(String(decoding: digits, as: UTF8.self)), length <= rest.count,
        length > digits.count + 3, rest[rest.startIndex + length - 1] == 0x0A
      else { throw damaged() }
      let record = rest.prefix(length - 1).dropFirst(digits.count + 1)
      guard let equals = record.firstIndex(of: 0x3D) else { throw damaged() }
      records.append((Array(record[..<equals]), Array(record[(equals + 1)...])))
      rest = rest.dropFirst(length)
    }
    return records
  }

  private func decode(
    _ block: [UInt8], _ records: [(key: [UInt8], value: [UInt8])]
  ) throws -> LayerEntry {
    func text(_ offset: Int, _ length: Int) -> [UInt8] {
      Array(block[offset..<offset + length].prefix { $0 != 0 })
    }
    func record(_ key: String) -> [UInt8]? {
      records.first { $0.key.elementsEqual(key.utf8) }?.value
    }
    func decimal(_ key: String) throws -> Int64? {
      guard let value = record(key) else { return nil }
      guard let number = Int64(String(decoding: value, as: UTF8.self)) else {
        throw damaged("a number in an extended header is odd")
      }
      return number
    }
    let prefix = text(345, 155)
    let name = record("path") ?? (prefix.isEmpty ? [] : prefix + [0x2F]) + text(0, 100)
    let link = record("linkpath") ?? text(157, 100)
    let size = try decimal("size") ?? number(block, 124, 12)
    let kind = try self.kind(
      block[156], name: name, link: link, size: size,
      device: (
        UInt32(clamping: try number(block, 329, 8)), UInt32(clamping: try number(block, 337, 8))
      ))
    return LayerEntry(
      path: kind.path, kind: kind.kind, mode: UInt32(clamping: try number(block, 100, 8)),
      uid: UInt32(clamping: try decimal("uid") ?? number(block, 108, 8)),
      gid: UInt32(clamping: try decimal("gid") ?? number(block, 116, 8)),
      modified: try decimal("mtime") ?? number(block, 136, 12),
      attributes: records.compactMap { record in
        guard record.key.starts(with: CanonicalTar.attributePrefix) else { return nil }
        return .init(name: CanonicalTar.attributeName(ofKey: record.key), value: record.value)
      })
  }

  private func kind(
    _ type: UInt8, name: [UInt8], link: [UInt8], size: Int64,
    device: (major: UInt32, minor: UInt32)
  ) throws -> (path: GuestPath, kind: LayerEntry.Kind) {
    func refuse(_ reason: String) -> LayersError {
      .unsafeEntry(path: String(decoding: name, as: UTF8.self), reason: reason)
    }
    guard name.first != 0x2F, let path = GuestPath(name), !path.isRoot || type == 0x30 else {
      throw refuse("its name leads out of the image")
    }
    switch type {
    case UInt8(ascii: "0"):
      if path.name.elementsEqual(LayerEntry.opaqueName), let above = path.parent {
        return (above, .opaque)
      }
      if path.name.starts(with: LayerEntry.whiteoutPrefix) {
        guard let hidden = path.parent?.appending(path.name.dropFirst(4)) else {
          throw refuse("it removes nothing")
        }
        return (hidden, .whiteout)
      }
      return (path, .file(size: size))
    case UInt8(ascii: "1"):
      guard link.first != 0x2F, let target = GuestPath(link), !target.isRoot else {
        throw refuse("it links to a place outside the image")
      }
      return (path, .hardLink(to: target))
    case UInt8(ascii: "2"): return (path, .symlink(target: link))
    case UInt8(ascii: "3"):
      return (path, .characterDevice(major: device.major, minor: device.minor))
    case UInt8(ascii: "4"): return (path, .blockDevice(major: device.major, minor: device.minor))
    case UInt8(ascii: "5"): return (path, .directory)
    case UInt8(ascii: "6"): return (path, .fifo)
    default: throw refuse("it is of an unknown type")
    }
  }
}
