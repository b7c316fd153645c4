extension Ext4Reader {
  /// An extended attribute, as `getxattr(2)` shows it.
  package struct Attribute: Sendable, Hashable {
    package let name: [UInt8]
    package let value: [UInt8]

    package init(name: [UInt8], value: [UInt8]) {
      self.name = name
      self.value = value
    }
  }

  /// Attributes of a file, sorted by their names: those in its inode and those in a block that it
  /// may share with other files.
  ///
  /// Format: "ext4 Data Structures and Algorithms" of the kernel, "Extended Attributes".
  package func attributes(of inode: Inode) throws(DisksError) -> [Attribute] {
    var found = try at(.attributes(inode: inode.number, block: nil)) { () throws(Fault) in
      let raw = MetadataBytes(inode.body)
      guard raw.count >= 8, try raw.word(0) == Self.attributeMagic else { return [] as [Attribute] }
      return try Self.parse(
        MetadataBytes(inode.body, at: 4, count: raw.count - 4), from: 0)
    }
    if inode.attributeBlock != 0 { found += try attributes(inBlockOf: inode) }
    found.sort { $0.name.lexicographicallyPrecedes($1.name) }
    for (one, next) in zip(found, found.dropFirst()) where one.name == next.name {
      throw error(
        .attributes(inode: inode.number, block: nil), .attribute("a name stands there twice"))
    }
    return found
  }

  private static let attributeMagic: UInt32 = 0xEA02_0000

  private func attributes(inBlockOf inode: Inode) throws(DisksError) -> [Attribute] {
    let number = inode.attributeBlock
    // Many files can have the same; their attributes are then one piece of memory.
    if let known = knownAttributes[number] { return known }
    let place = Place.attributes(inode: inode.number, block: number)
    try at(place) { () throws(Fault) in try superblock.require(number, 1) }
    let bytes = try block(number)
    let found = try at(place) { () throws(Fault) in
      let raw = MetadataBytes(bytes)
      guard try raw.word(0) == Self.attributeMagic, try raw.word(8) == 1 else {
        throw .attribute("there are none")
      }
      if let seed = superblock.checksumSeed {
        let own = CRC32C.of(UInt64(number), from: seed)
        guard try raw.word(0x10) == CRC32C.of(bytes, zeroing: 0x10, count: 4, from: own) else {
          throw .checksum
        }
      }
      return try Self.parse(raw, from: 32)
    }
    knownAttributes[number] = found
    return found
  }

  /// - Parameters:
  ///   - raw: what the places of values are relative to.
  ///   - start: of the first entry.
  private static func parse(
    _ raw: MetadataBytes, from start: Int
  ) throws(Fault) -> [Attribute] {
    var found: [Attribute] = []
    var place = start
    // Each entry is at least 16 bytes long, so this ends.
    while place <= raw.count - 4, try raw.word(place) != 0 {
      let nameCount = Int(try raw.byte(place))
      let prefix = try raw.byte(place + 1)
      guard try raw.word(place + 4) == 0 else {
        throw .unread("an attribute in a file of its own")
      }
      let size = try raw.word(place + 8)
      guard size <= raw.count else { throw .attribute("a value is \(size) bytes long") }
      let value = try raw.slice(Int(try raw.half(place + 2)), count: Int(size))
      let name = try raw.slice(place + 16, count: nameCount)
      found.append(try attribute(prefix, name, value))
      place += 16 + (nameCount + 3) / 4 * 4
    }
    return found
  }

  private static func attribute(
    _ prefix: UInt8, _ name: [UInt8], _ value: [UInt8]
  ) throws(Fault) -> Attribute {
    if name.contains(0) { throw .attribute("a name has a NUL in it") }
    switch prefix {
    case 2 where name.isEmpty:
      return Attribute(
        name: Array("system.posix_acl_access".utf8), value: try accessList(value))
    case 3 where name.isEmpty:
      return Attribute(
        name: Array("system.posix_acl_default".utf8), value: try accessList(value))
    case 1 where !name.isEmpty: return Attribute(name: Array("user.".utf8) + name, value: value)
    case 4 where !name.isEmpty:
      return Attribute(name: Array("trusted.".utf8) + name, value: value)
    case 6 where !name.isEmpty:
      return Attribute(name: Array("security.".utf8) + name, value: value)
    case 7 where !name.isEmpty: return Attribute(name: Array("system.".utf8) + name, value: value)
    default: throw .attribute("a name is of kind \(prefix), which is not known")
    }
  }

  /// Access lists are kept in fewer bytes than the system calls show (`fs/ext4/acl.h` and
  /// `include/uapi/linux/posix_acl_xattr.h`): only users and groups with a name have a number.
  private static func accessList(_ value: [UInt8]) throws(Fault) -> [UInt8] {
    let raw = MetadataBytes(value)
    guard raw.count >= 4, try raw.word(0) == 1 else {
      throw .attribute("an access list has another version than 1")
    }
    var shown: [UInt8] = [2, 0, 0, 0]
    var place = 4
    while place < raw.count {
      let tag = try raw.half(place)
      shown += try raw.slice(place, count: 4)
      switch tag {
      case 0x02, 0x08:
        shown += try raw.slice(place + 4, count: 4)
        place += 8
      case 0x01, 0x04, 0x10, 0x20:
        shown += [0xFF, 0xFF, 0xFF, 0xFF]
        place += 4
      default: throw .attribute("an access list speaks of \(tag), which is nobody")
      }
    }
    return shown
  }
}
