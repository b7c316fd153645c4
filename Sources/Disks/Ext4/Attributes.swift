internal import Layers

/// Extended attributes as ext4 keeps them: in the inode if they fit, else in one block (ext4
/// documentation, "Extended Attributes").
enum Attributes {
  private static let magic: UInt32 = 0xEA02_0000
  /// Behind the fixed part of an inode of 256 bytes.
  static let inodeRoom = Geometry.inodeSize - 160

  private struct Record {
    var index: UInt8
    var name: [UInt8]
    var value: [UInt8]
    var entryLength: Int { (16 + name.count + 3) & ~3 }
    var valueLength: Int { (value.count + 3) & ~3 }
  }

  /// Why attributes can't be kept.
  enum Refusal: Error {
    case unknownName([UInt8])
    case badAccessList
    case tooLarge
  }

  /// Whether a block of their own is needed.
  static func needBlock(_ attributes: [LayerEntry.Attribute]) throws(Refusal) -> Bool {
    if attributes.isEmpty { return false }
    let records = try records(attributes)
    let bytes = records.reduce(4) { $0 + $1.entryLength + $1.valueLength }
    if bytes + 4 <= inodeRoom { return false }
    guard bytes + 32 <= DiskFormat.blockSize else { throw .tooLarge }
    return true
  }

  /// What stands behind the fixed part of the inode.
  static func inInode(_ attributes: [LayerEntry.Attribute]) -> [UInt8] {
    guard let records = try? records(attributes), !records.isEmpty else { return [] }
    var bytes = [UInt8](repeating: 0, count: inodeRoom)
    bytes.put(magic, at: 0)
    fill(&bytes, records, from: 4, valuesFrom: 4)
    return bytes
  }

  /// - Parameter number: where the block stands; its checksum counts that in.
  static func block(
    _ attributes: [LayerEntry.Attribute], number: UInt32, seed: UInt32
  ) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: DiskFormat.blockSize)
    guard let records = try? records(attributes) else { return bytes }
    bytes.put(magic, at: 0)
    bytes.put(UInt32(1), at: 4)  // references
    bytes.put(UInt32(1), at: 8)  // blocks
    fill(&bytes, records, from: 32, valuesFrom: 0)
    var hash: UInt32 = 0
    for record in records { hash = hash << 16 ^ hash >> 16 ^ self.hash(record) }
    bytes.put(hash, at: 12)
    bytes.put(CRC32C.of(bytes, from: CRC32C.of(UInt64(number), from: seed)), at: 16)
    return bytes
  }

  private static func fill(
    _ bytes: inout [UInt8], _ records: [Record], from start: Int, valuesFrom base: Int
  ) {
    var offset = start
    var end = bytes.count
    for record in records {
      end -= record.valueLength
      bytes[offset] = UInt8(record.name.count)
      bytes[offset + 1] = record.index
      bytes.put(UInt16(record.value.isEmpty ? 0 : end - base), at: offset + 2)
      bytes.put(UInt32(record.value.count), at: offset + 8)
      bytes.put(hash(record), at: offset + 12)
      bytes.put(record.name, at: offset + 16)
      bytes.put(record.value, at: end)
      offset += record.entryLength
    }
  }

  private static func hash(_ record: Record) -> UInt32 {
    var hash: UInt32 = 0
    for byte in record.name { hash = hash << 5 ^ hash >> 27 ^ UInt32(byte) }
    let padded =
      record.value + [UInt8](repeating: 0, count: record.valueLength - record.value.count)
    for word in stride(from: 0, to: padded.count, by: 4) {
      let value = padded[word..<word + 4].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      hash = hash << 16 ^ hash >> 16 ^ value
    }
    return hash
  }

  /// In the order in which the kernel looks for them.
  private static func records(
    _ attributes: [LayerEntry.Attribute]
  ) throws(Refusal) -> [Record] {
    var records: [Record] = []
    for attribute in attributes { records.append(try record(attribute)) }
    return records.sorted { left, right in
      if left.index != right.index { return left.index < right.index }
      if left.name.count != right.name.count { return left.name.count < right.name.count }
      return left.name.lexicographicallyPrecedes(right.name)
    }
  }

  private static func record(_ attribute: LayerEntry.Attribute) throws(Refusal) -> Record {
    let name = attribute.name
    let access = Array("system.posix_acl_access".utf8)
    let standard = Array("system.posix_acl_default".utf8)
    if name == access || name == standard {
      return Record(
        index: name == access ? 2 : 3, name: [], value: try accessList(attribute.value))
    }
    for (prefix, index) in [("user.", 1), ("trusted.", 4), ("security.", 6)] as [(String, UInt8)]
    where name.starts(with: prefix.utf8) && name.count > prefix.utf8.count {
      let rest = Array(name.dropFirst(prefix.utf8.count))
      guard rest.count <= 255, attribute.value.count <= DiskFormat.blockSize else {
        throw .tooLarge
      }
      return Record(index: index, name: rest, value: attribute.value)
    }
    throw .unknownName(name)
  }

  /// From the form of system calls (version 2, eight bytes an entry) to that on disk (version 1,
  /// four bytes for entries without an id); Linux, `fs/ext4/acl.c`.
  private static func accessList(_ value: [UInt8]) throws(Refusal) -> [UInt8] {
    guard value.count >= 4, (value.count - 4).isMultiple(of: 8), value[0] == 2,
      value[1] == 0, value[2] == 0, value[3] == 0
    else { throw .badAccessList }
    var bytes: [UInt8] = [1, 0, 0, 0]
    for offset in stride(from: 4, to: value.count, by: 8) {
      switch value[offset] {
      case 0x01, 0x04, 0x10, 0x20: bytes += value[offset..<offset + 4]
      case 0x02, 0x08: bytes += value[offset..<offset + 8]
      default: throw .badAccessList
      }
    }
    return bytes
  }
}
