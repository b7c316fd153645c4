/// An extended attribute: its whole name, as `getxattr(2)` takes it, and its value.
package struct Ext4Attribute: Sendable, Hashable {
  package var name: [UInt8]
  package var value: [UInt8]
}

extension Ext4Reader {
  /// Sorted by name. Values are as `getxattr(2)` gives them, access lists included. Format:
  /// "Extended Attributes".
  package func attributes(of inode: Ext4Inode) throws(DisksError) -> [Ext4Attribute] {
    var found: [Ext4Attribute] = []
    if inode.tail.count >= 4, inode.tail.number(UInt32.self, at: 0) == Ext4.attributeMagic {
      // Values are counted from the first entry.
      found += try Ext4AttributeList(Array(inode.tail[4...]), .attributes(inode.number), self)
        .read(from: 0)
    }
    if inode.attributeBlock != 0 { found += try attributes(in: inode.attributeBlock) }
    found.sort { $0.name.lexicographicallyPrecedes($1.name) }
    for index in found.indices.dropFirst() where found[index].name == found[index - 1].name {
      throw refusal(.attributes(inode.number), .duplicate)
    }
    return found
  }

  /// `struct ext4_xattr_header`; the checksum is over the block's number, too.
  private func attributes(in number: Int64) throws(DisksError) -> [Ext4Attribute] {
    let structure = Ext4Structure.attributeBlock(number)
    guard number > volume.firstDataBlock else { throw refusal(structure, .outside) }
    var block = try blocks.block(number, of: structure)
    guard block.number(UInt32.self, at: 0) == Ext4.attributeMagic,
      block.number(UInt32.self, at: 8) == 1
    else { throw refusal(structure, .magic) }
    if volume.hasChecksums {
      let expected = block.number(UInt32.self, at: 16)
      block.put(UInt32(0), at: 16)
      var seed = CRC32C.of(
        littleEndian: UInt32(truncatingIfNeeded: number), after: volume.checksumSeed)
      seed = CRC32C.of(littleEndian: UInt32(truncatingIfNeeded: number >> 32), after: seed)
      guard CRC32C.of(block, after: seed) == expected else { throw refusal(structure, .checksum) }
    }
    return try Ext4AttributeList(block, structure, self).read(from: Ext4.attributeHeaderSize)
  }
}

/// Entries that grow from the front, and their values behind them.
private struct Ext4AttributeList {
  private let bytes: [UInt8]
  private let structure: Ext4Structure
  private let reader: Ext4Reader

  init(_ bytes: [UInt8], _ structure: Ext4Structure, _ reader: Ext4Reader) {
    self.bytes = bytes
    self.structure = structure
    self.reader = reader
  }

  private func flaw(_ flaw: Ext4Flaw) -> DisksError { reader.refusal(structure, flaw) }

  func read(from start: Int) throws(DisksError) -> [Ext4Attribute] {
    let valuesStart = try end(from: start)
    var found: [Ext4Attribute] = []
    var place = start
    while place < valuesStart - 4 {
      let length = Int(bytes[place])
      let offset = Int(bytes.number(UInt16.self, at: place + 2))
      let size = Int(bytes.number(UInt32.self, at: place + 8))
      guard bytes.number(UInt32.self, at: place + 4) == 0 else { throw flaw(.valueInode) }
      guard size == 0 || (offset >= valuesStart && size <= bytes.count - offset) else {
        throw flaw(.value)
      }
      let rest = bytes[place + Ext4.attributeEntrySize..<place + Ext4.attributeEntrySize + length]
      let value = size == 0 ? [] : Array(bytes[offset..<offset + size])
      found.append(try attribute(index: bytes[place + 1], rest, value))
      place += Self.size(nameLength: length)
    }
    return found
  }

  private static func size(nameLength: Int) -> Int {
    (Ext4.attributeEntrySize + nameLength + 3) / 4 * 4
  }

  /// Behind the four zeroes that end the entries.
  private func end(from start: Int) throws(DisksError) -> Int {
    var place = start
    while true {
      guard place <= bytes.count - 4 else { throw flaw(.entries) }
      if bytes.number(UInt32.self, at: place) == 0 { return place + 4 }
      let size = Self.size(nameLength: Int(bytes[place]))
      guard size <= bytes.count - place else { throw flaw(.length) }
      place += size
    }
  }

  private func attribute(
    index: UInt8, _ rest: ArraySlice<UInt8>, _ value: [UInt8]
  ) throws(DisksError) -> Ext4Attribute {
    guard let prefix = Ext4.attributePrefixes.first(where: { $0.number == index })?.prefix else {
      throw flaw(.prefix)
    }
    // An access list has no name beside its index, everything else has one.
    let isAccessList = index == 2 || index == 3
    guard rest.isEmpty == isAccessList, !rest.contains(0) else { throw flaw(.name) }
    guard isAccessList else { return Ext4Attribute(name: prefix + rest, value: value) }
    guard let list = Self.accessList(value) else { throw flaw(.accessList) }
    return Ext4Attribute(name: prefix, value: list)
  }

  /// From ext4's short form (`fs/ext4/acl.h`) to the one of `getxattr(2)`
  /// (`linux/posix_acl_xattr.h`): version 2, entries of 8 bytes, no id where there is none.
  private static func accessList(_ bytes: [UInt8]) -> [UInt8]? {
    guard bytes.count >= 4, bytes.number(UInt32.self, at: 0) == 1 else { return nil }
    var list: [UInt8] = []
    list.append(littleEndian: UInt32(2))
    var place = 4
    while place < bytes.count {
      guard place <= bytes.count - 4 else { return nil }
      let tag = bytes.number(UInt16.self, at: place)
      list += bytes[place..<place + 4]
      place += 4
      switch tag {
      // A named user or group.
      case 0x02, 0x08:
        guard place <= bytes.count - 4 else { return nil }
        list += bytes[place..<place + 4]
        place += 4
      case 0x01, 0x04, 0x10, 0x20: list.append(littleEndian: UInt32.max)
      default: return nil
      }
    }
    return list
  }
}
