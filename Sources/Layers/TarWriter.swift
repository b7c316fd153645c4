internal import Vocabulary

/// Canonical tar, version 1 (`docs/formats/layer.md`): one list of entries, one sequence of bytes.
///
/// Headers are POSIX.1-1988 ustar; a POSIX.1-2001 extended header comes before an entry only for
/// what ustar has no field for. No names of users and groups, whole seconds, zeroed padding.
package enum CanonicalTar {
  package static let version = 1
  package static let blockSize = 512

  /// Everything that comes before an entry's data.
  package static func header(for entry: LayerEntry) -> [UInt8] {
    var records: [(key: [UInt8], value: [UInt8])] = []
    let name = entry.memberName
    let split = splitName(name)
    if split == nil { records.append((Array("path".utf8), name)) }
    var link: [UInt8] = []
    var size: Int64 = 0
    switch entry.kind {
    case .symlink(let target): link = target
    case .hardLink(let target): link = target.bytes
    case .file(let bytes): size = bytes
    default: break
    }
    if link.count > 100 { records.append((Array("linkpath".utf8), link)) }
    if size > 0o77_777_777_777 { records.append((Array("size".utf8), decimal(size))) }
    if entry.uid > 0o7_777_777 { records.append((Array("uid".utf8), decimal(Int64(entry.uid)))) }
    if entry.gid > 0o7_777_777 { records.append((Array("gid".utf8), decimal(Int64(entry.gid)))) }
    if !(0...0o77_777_777_777).contains(entry.modified) {
      records.append((Array("mtime".utf8), decimal(entry.modified)))
    }
    for attribute in entry.attributes {
      records.append((attributeKey(attribute.name), attribute.value))
    }
    let binary = records.contains {
      String(validating: $0.key, as: UTF8.self) == nil
        || (!$0.key.starts(with: "SCHILY".utf8)
          && String(validating: $0.value, as: UTF8.self) == nil)
    }
    if binary { records.insert((Array("hdrcharset".utf8), Array("BINARY".utf8)), at: 0) }
    var bytes = records.isEmpty ? [] : extendedHeader(records)
    bytes += block(
      entry, name: split ?? ([], Array(name.suffix(100))), link: Array(link.prefix(100)),
      size: size > 0o77_777_777_777 ? 0 : size)
    return bytes
  }

  /// Zeroes after `size` bytes of data, up to the next block.
  package static func padding(after size: Int64) -> Int {
    Int((512 - size % 512) % 512)
  }

  /// Two empty blocks (POSIX pax, "ustar Interchange Format").
  package static let end = [UInt8](repeating: 0, count: 1024)

  // MARK: One block

  private static func block(
    _ entry: LayerEntry, name: (prefix: [UInt8], name: [UInt8]), link: [UInt8], size: Int64
  ) -> [UInt8] {
    var type = UInt8(ascii: "0")
    var device: (major: UInt32, minor: UInt32) = (0, 0)
    switch entry.kind {
    case .file, .whiteout, .opaque: break
    case .hardLink: type = UInt8(ascii: "1")
    case .symlink: type = UInt8(ascii: "2")
    case .characterDevice(let major, let minor):
      type = UInt8(ascii: "3")
      device = (major, minor)
    case .blockDevice(let major, let minor):
      type = UInt8(ascii: "4")
      device = (major, minor)
    case .directory: type = UInt8(ascii: "5")
    case .fifo: type = UInt8(ascii: "6")
    }
    return block(
      name: name, mode: entry.mode, uid: min(entry.uid, 0o7_777_777),
      gid: min(entry.gid, 0o7_777_777), size: size,
      modified: min(max(entry.modified, 0), 0o77_777_777_777), type: type, link: link,
      device: device)
  }

  private static func block(
    name: (prefix: [UInt8], name: [UInt8]), mode: UInt32, uid: UInt32, gid: UInt32, size: Int64,
    modified: Int64, type: UInt8, link: [UInt8], device: (major: UInt32, minor: UInt32)
  ) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: blockSize)
    func put(_ bytes: [UInt8], at offset: Int) {
      block.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    }
    put(name.name, at: 0)
    put(octal(Int64(mode), 7), at: 100)
    put(octal(Int64(uid), 7), at: 108)
    put(octal(Int64(gid), 7), at: 116)
    put(octal(size, 11), at: 124)
    put(octal(modified, 11), at: 136)
    put([UInt8](repeating: 0x20, count: 8), at: 148)
    block[156] = type
    put(link, at: 157)
    put(Array("ustar\u{0}00".utf8), at: 257)
    put(octal(Int64(device.major), 7), at: 329)
    put(octal(Int64(device.minor), 7), at: 337)
    put(name.prefix, at: 345)
    let sum = block.reduce(0) { $0 + Int64($1) }
    put(octal(sum, 6) + [0, 0x20], at: 148)
    return block
  }

  private static func octal(_ value: Int64, _ digits: Int) -> [UInt8] {
    let text = Array(String(value, radix: 8).utf8)
    return [UInt8](repeating: UInt8(ascii: "0"), count: max(0, digits - text.count)) + text
  }

  private static func decimal(_ value: Int64) -> [UInt8] { Array(String(value).utf8) }

  /// `name` holds 100 bytes, `prefix` 155 with a `/` understood between them; the last `/` that
  /// serves is taken. `nil` if none does.
  static func splitName(_ name: [UInt8]) -> (prefix: [UInt8], name: [UInt8])? {
    if name.count <= 100 { return ([], name) }
    if name.count > 256 { return nil }
    for index in name.indices.reversed()
    where name[index] == 0x2F && index > 0 && index <= 155 {
      let rest = name.count - index - 1
      if rest > 100 { return nil }
      if rest > 0 { return (Array(name[..<index]), Array(name[(index + 1)...])) }
    }
    return nil
  }

  // MARK: Extended headers

  static let attributePrefix = Array("SCHILY.xattr.".utf8)

  /// A key ends at its first `=`, so one in a name is written `%3D`, and `%` as `%25`: as GNU tar
  /// does.
  static func attributeKey(_ name: [UInt8]) -> [UInt8] {
    attributePrefix
      + name.flatMap { byte -> [UInt8] in
        switch byte {
        case UInt8(ascii: "%"): Array("%25".utf8)
        case UInt8(ascii: "="): Array("%3D".utf8)
        default: [byte]
        }
      }
  }

  /// What `attributeKey` would not have written comes out as something that it writes otherwise.
  static func attributeName(ofKey key: [UInt8]) -> [UInt8] {
    var name: [UInt8] = []
    var rest = key.dropFirst(attributePrefix.count)
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), rest.starts(with: "25".utf8) || rest.starts(with: "3D".utf8) {
        name.append(rest.starts(with: "25".utf8) ? UInt8(ascii: "%") : UInt8(ascii: "="))
        rest = rest.dropFirst(2)
      } else {
        name.append(byte)
      }
    }
    return name
  }

  /// The name is a constant: it says nothing that the records don't.
  private static func extendedHeader(_ records: [(key: [UInt8], value: [UInt8])]) -> [UInt8] {
    var body: [UInt8] = []
    for (key, value) in records {
      // "%d %s=%s\n", where the length counts its own digits.
      let rest = key.count + value.count + 3
      var length = rest + String(rest).count
      length = rest + String(length).count
      body += decimal(Int64(length)) + [0x20] + key + [0x3D] + value + [0x0A]
    }
    let header = block(
      name: ([], Array("pax".utf8)), mode: 0o644, uid: 0, gid: 0, size: Int64(body.count),
      modified: 0, type: UInt8(ascii: "x"), link: [], device: (0, 0))
    return header + body + [UInt8](repeating: 0, count: padding(after: Int64(body.count)))
  }
}
