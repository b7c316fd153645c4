internal import Vocabulary

extension Ext4Reader {
  /// A name in a directory.
  package struct Name: Sendable, Hashable {
    package let bytes: [UInt8]
    package let inode: UInt32
    /// What kind of file the entry says it is; 0 if it does not say.
    let code: UInt8
  }

  /// Names in a directory, sorted by their bytes, without `.` and `..`.
  ///
  /// Directories with a hash tree are read as those without: the nodes of the tree look like
  /// entries that are not in use.
  package func names(
    in directory: Inode, parent: UInt32
  ) throws(DisksError) -> [Name] {
    guard directory.kind == .directory else {
      throw error(.inode(directory.number), .number("kind"))
    }
    let blockSize = Int64(superblock.blockSize)
    guard directory.size > 0, directory.size.isMultiple(of: blockSize) else {
      throw error(.inode(directory.number), .size(UInt64(directory.size)))
    }
    guard directory.size <= limits.directory else {
      throw error(
        .inode(directory.number), .tooMuch("a directory of \(ByteCount(directory.size))"))
    }
    var names: [Name] = []
    var block: Int64 = 0
    while block < directory.size / blockSize {
      let mapping = try mapping(of: directory, block: block)
      for index in 0..<min(mapping.count, directory.size / blockSize - block) {
        let place = Place.directory(inode: directory.number, block: block + index)
        guard let start = mapping.start else { throw error(place, .extents("it has a hole")) }
        let bytes = try self.block(start + index)
        try at(place) { () throws(Fault) in
          if superblock.checksumSeed != nil { try Self.verify(bytes, of: directory) }
          try Self.parse(bytes, of: directory, parent, isFirst: block + index == 0, into: &names)
        }
        if names.count > limits.entries {
          throw error(place, .tooMuch("more than \(limits.entries) names"))
        }
      }
      block += mapping.count
    }
    names.sort { $0.bytes.lexicographicallyPrecedes($1.bytes) }
    for (one, next) in zip(names, names.dropFirst()) where one.bytes == next.bytes {
      throw error(.inode(directory.number), .entry(at: 0, "has a name that stands there twice"))
    }
    return names
  }

  private static func parse(
    _ bytes: [UInt8], of directory: Inode, _ parent: UInt32, isFirst: Bool,
    into names: inout [Name]
  ) throws(Fault) {
    let raw = MetadataBytes(bytes)
    var place = 0
    var position = 0
    while place < bytes.count {
      let inode = try raw.word(place)
      let length = Int(try raw.half(place + 4))
      guard length >= 12, length.isMultiple(of: 4), length <= bytes.count - place else {
        throw .entry(at: place, "is \(length) bytes long")
      }
      let count = Int(try raw.byte(place + 6))
      if isFirst && position < 2 {
        // Whoever goes by them must come out where the tree says.
        let (name, own) = position == 0 ? (".", directory.number) : ("..", parent)
        guard try raw.slice(place + 8, count: count).elementsEqual(name.utf8), inode == own else {
          throw .entry(at: place, "is not \"\(name)\" of inode \(own)")
        }
      } else if inode != 0 {
        guard count > 0, count <= length - 8 else {
          throw .entry(at: place, "has a name of \(count) bytes in \(length)")
        }
        let name = try raw.slice(place + 8, count: count)
        // "/" and NUL are in no name, and "." and ".." lead nowhere else.
        guard !name.contains(0x2F), !name.contains(0), name != [0x2E], name != [0x2E, 0x2E] else {
          throw .entry(at: place, "has a name that no file can have")
        }
        names.append(Name(bytes: name, inode: inode, code: try raw.byte(place + 7)))
      }
      position += 1
      place += length
    }
    if isFirst && position < 2 { throw .entry(at: 0, "is the only one") }
  }

  /// Blocks with names end in an entry that is not in use and holds the checksum; nodes of a hash
  /// tree, whose names are elsewhere, don't.
  private static func verify(_ bytes: [UInt8], of directory: Inode) throws(Fault) {
    let raw = MetadataBytes(bytes)
    let end = bytes.count - 12
    guard try raw.word(end) == 0, try raw.half(end + 4) == 12, try raw.half(end + 6) == 0xDE00
    else { return }
    let expected = try raw.word(end + 8)
    guard CRC32C.of(bytes[..<end], from: directory.checksumSeed) == expected else {
      throw .checksum
    }
  }
}
