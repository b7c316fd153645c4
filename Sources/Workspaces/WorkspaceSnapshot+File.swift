internal import GuestProtocol
internal import Host
internal import Vocabulary

extension WorkspaceSnapshot {
  private static let magic = [UInt8]("HUTCHWSP".utf8)
  private static let version: UInt64 = 1
  private static let digestSize = 32
  static let fileLimit = 1 << 30

  /// Writes it as one file, replaced as a whole.
  package func save(to path: String) throws {
    var bytes = Self.magic
    bytes.append(little: Self.version, size: 4)
    bytes.append(little: UInt64(entries.count), size: 4)
    var last: [UInt8] = []
    for entry in entries {
      let shared = zip(last, entry.path).prefix { $0 == $1 }.count
      bytes.append(entry.kind.rawValue)
      bytes.append(little: UInt64(entry.mode), size: 2)
      bytes.append(little: UInt64(shared), size: 2)
      bytes.append(counted: entry.path[shared...])
      bytes.append(little: entry.size, size: 8)
      bytes.append(little: UInt64(bitPattern: entry.modified), size: 8)
      bytes.append(little: UInt64(entry.modifiedNanoseconds), size: 4)
      bytes.append(little: UInt64(bitPattern: entry.changed), size: 8)
      bytes.append(little: UInt64(entry.changedNanoseconds), size: 4)
      bytes.append(little: entry.inode, size: 8)
      bytes.append(counted: entry.target[...])
      last = entry.path
    }
    bytes += Digest.of(bytes).bytes
    try Files.write(path, bytes, mode: 0o600)
  }

  /// Reads what `save` wrote. Every rule about it is checked, so that the rest may rely on them.
  package static func load(_ path: String) throws -> WorkspaceSnapshot {
    let bytes = try Files.read(path, limit: fileLimit)
    do {
      return try decode(bytes)
    } catch {
      throw WorkspacesError.snapshot(path: path, reason: error.reason)
    }
  }

  struct Damage: Error {
    var reason: String
  }

  static func decode(_ bytes: [UInt8]) throws(Damage) -> WorkspaceSnapshot {
    guard bytes.count >= magic.count + 8 + digestSize, bytes.starts(with: magic) else {
      throw Damage(reason: "it is no snapshot of a workspace")
    }
    let body = bytes.dropLast(digestSize)
    var stream = DigestStream()
    stream.update(body)
    guard stream.finish().bytes.elementsEqual(bytes.suffix(digestSize)) else {
      throw Damage(reason: "its checksum is wrong")
    }
    var reader = LittleReader(rest: body.dropFirst(magic.count))
    guard let version = reader.number(4), let count = reader.number(4) else {
      throw Damage(reason: "it is cut")
    }
    guard version == Self.version else { throw Damage(reason: "it is of version \(version)") }
    guard count <= UInt64(entryLimit) else { throw Damage(reason: "it has too many entries") }
    var snapshot = WorkspaceSnapshot()
    // The directories on the way to the last entry.
    var open: [[UInt8]] = []
    for number in 0..<count {
      let last = snapshot.entries.last?.path ?? []
      guard let entry = reader.entry(after: last) else {
        throw Damage(reason: "entry \(number) is malformed")
      }
      while let directory = open.last, !Paths.isBelow(entry.path, directory) { open.removeLast() }
      guard Paths.precedes(last, entry.path), Paths.parent(entry.path) == open.last ?? [] else {
        throw Damage(reason: "entry \(number) is out of order")
      }
      if entry.kind == .directory { open.append(entry.path) }
      snapshot.entries.append(entry)
    }
    guard reader.rest.isEmpty else { throw Damage(reason: "something follows its last entry") }
    return snapshot
  }
}

/// Takes little-endian values off the front; nil where there are too few bytes.
struct LittleReader {
  var rest: ArraySlice<UInt8>

  mutating func number(_ size: Int) -> UInt64? {
    guard let bytes = take(size) else { return nil }
    return bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  mutating func counted() -> ArraySlice<UInt8>? {
    guard let count = number(2) else { return nil }
    return take(Int(count))
  }

  private mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
    guard rest.count >= count else { return nil }
    defer { rest = rest.dropFirst(count) }
    return rest.prefix(count)
  }

  fileprivate mutating func entry(after last: [UInt8]) -> WorkspaceSnapshot.Entry? {
    guard let kind = number(1).flatMap({ WorkspaceKind(rawValue: UInt8($0)) }),
      let mode = number(2), mode <= 0o7777, let shared = number(2), shared <= last.count,
      let suffix = counted(), let size = number(8), let modified = number(8),
      let modifiedNanoseconds = number(4), let changed = number(8),
      let changedNanoseconds = number(4), let inode = number(8), let target = counted()
    else { return nil }
    let path = last[..<Int(shared)] + suffix
    guard (try? TarRules.normalized([UInt8](path), kind: .regular)) == [UInt8](path),
      (kind == .symbolicLink) == !target.isEmpty, kind == .file || size == 0
    else { return nil }
    return WorkspaceSnapshot.Entry(
      path: [UInt8](path), kind: kind, mode: UInt32(mode), size: size,
      modified: Int64(bitPattern: modified),
      modifiedNanoseconds: UInt32(modifiedNanoseconds), changed: Int64(bitPattern: changed),
      changedNanoseconds: UInt32(changedNanoseconds), inode: inode, target: [UInt8](target))
  }
}

extension [UInt8] {
  fileprivate mutating func append(little value: UInt64, size: Int) {
    for index in 0..<size { append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index))) }
  }

  fileprivate mutating func append(counted bytes: ArraySlice<UInt8>) {
    append(little: UInt64(bytes.count), size: 2)
    self += bytes
  }
}
