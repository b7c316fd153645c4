/// Inodes as they stand in their table (ext4 documentation, "Inode Table").
extension DiskLayout {
  /// 256 bytes; zeroes for one that is free.
  func inodeRecord(_ number: UInt32) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Geometry.inodeSize)
    guard Int(number) < inodes.count else { return bytes }
    let inode = inodes[Int(number)]
    if inode.content == .free { return bytes }
    let extents = extents(of: number)
    let tree = tree(of: number)
    var type: UInt16 = 0o100000
    var links = inode.links
    var size = inode.size
    var flags: UInt32 = 0
    var blocks = extents.reduce(0) { $0 + UInt64($1.count) } + UInt64(tree.count)
    switch inode.content {
    case .free: break
    case .file: flags = Self.usesExtents
    case .directory(let index):
      let directory = directories[index]
      type = 0o040000
      // Beyond that it is not counted any more (`dir_nlink`).
      links = directory.subdirectories + 2 > 65000 ? 1 : directory.subdirectories + 2
      size = Int64(directory.blocks.count) * 4096
      flags = Self.usesExtents | (directory.blocks.count > 1 ? Self.isIndexed : 0)
    case .symlink(let target):
      type = 0o120000
      if target.count < 60 { bytes.put(target, at: 40) } else { flags = Self.usesExtents }
    case .fifo: type = 0o010000
    case .characterDevice(let major, let minor):
      type = 0o020000
      bytes.put(Self.device(major, minor), at: 40)
    case .blockDevice(let major, let minor):
      type = 0o060000
      bytes.put(Self.device(major, minor), at: 40)
    }
    if flags & Self.usesExtents != 0 { bytes.put(ExtentTree.root(extents, blocks: tree), at: 40) }
    if inode.attributeBlock != 0 { blocks += 1 }
    bytes.put(type | inode.mode, at: 0)
    bytes.put(UInt16(truncatingIfNeeded: inode.uid), at: 2)
    bytes.put(UInt32(truncatingIfNeeded: size), at: 4)
    bytes.put(UInt16(truncatingIfNeeded: inode.gid), at: 24)
    bytes.put(UInt16(links), at: 26)
    bytes.put(UInt32(truncatingIfNeeded: blocks * 8), at: 28)
    bytes.put(flags, at: 32)
    bytes.put(inode.attributeBlock, at: 104)
    bytes.put(UInt32(truncatingIfNeeded: size >> 32), at: 108)
    bytes.put(UInt16(truncatingIfNeeded: blocks * 8 >> 32), at: 116)
    bytes.put(UInt16(inode.uid >> 16), at: 120)
    bytes.put(UInt16(inode.gid >> 16), at: 122)
    bytes.put(UInt16(32), at: 128)  // how much of the larger inode is in use
    // Two bits of the second word carry times beyond 2038 ("Inode Timestamps").
    let time = min(max(inode.modified, -1 << 31), (3 << 32) + (1 << 31) - 1)
    let low = Int32(truncatingIfNeeded: time)
    let epoch = UInt32(truncatingIfNeeded: (time - Int64(low)) >> 32) & 3
    for (field, extra) in [(8, 140), (12, 132), (16, 136), (144, 148)] {
      bytes.put(low, at: field)
      bytes.put(epoch, at: extra)
    }
    if inode.attributeBlock == 0 { bytes.put(Attributes.inInode(inode.attributes), at: 160) }
    let crc = CRC32C.of(bytes, from: identity.seed(ofInode: number))
    bytes.put(UInt16(truncatingIfNeeded: crc), at: 124)
    bytes.put(UInt16(crc >> 16), at: 130)
    return bytes
  }

  private static let usesExtents: UInt32 = 0x80000
  private static let isIndexed: UInt32 = 0x1000

  /// Two words, of which one is in use (Linux, `old_encode_dev`, `new_encode_dev`).
  private static func device(_ major: UInt32, _ minor: UInt32) -> [UInt8] {
    if major < 256, minor < 256 { return [UInt8].littleEndian(major << 8 | minor) + [0, 0, 0, 0] }
    return [0, 0, 0, 0]
      + [UInt8].littleEndian(minor & 0xFF | (major & 0xFFF) << 8 | (minor & ~0xFF) << 12)
  }
}
