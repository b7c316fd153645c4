/// What stands once per file system (ext4 documentation, "Super Block", "Block Group
/// Descriptors"; journal: "Journal (jbd2)").
extension DiskLayout {
  /// Block `group * 32768`: the superblock, in group 0 at its byte 1024.
  func superblock(group: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 1024)
    let space = group > 0 ? firstSpace : space
    let freeBlocks = space.freeBlocks.reduce(0) { $0 + UInt64($1) }
    // Made, written and checked at no moment: fields 48, 64 and 264 stay 0. What a layer says of
    // times may lie in the future, which `e2fsck` would complain of.
    bytes.put(Geometry.inodeCount, at: 0)
    bytes.put(Geometry.blockCount, at: 4)
    bytes.put(UInt32(freeBlocks), at: 12)
    bytes.put(space.freeInodes.reduce(0, +), at: 16)
    bytes.put(UInt32(2), at: 24)  // blocks of 4 KiB
    bytes.put(UInt32(2), at: 28)
    bytes.put(Geometry.blocksPerGroup, at: 32)
    bytes.put(Geometry.blocksPerGroup, at: 36)
    bytes.put(Geometry.inodesPerGroup, at: 40)
    bytes.put(UInt16(0xFFFF), at: 54)  // no check after some number of mounts
    bytes.put(UInt16(0xEF53), at: 56)
    bytes.put(UInt16(1), at: 58)  // clean
    bytes.put(UInt16(2), at: 60)  // read-only after an error
    bytes.put(UInt32(1), at: 76)  // dynamic revision
    bytes.put(UInt32(11), at: 84)  // first inode that is not reserved
    bytes.put(UInt16(Geometry.inodeSize), at: 88)
    bytes.put(UInt16(group), at: 90)
    bytes.put(DiskFormat.compatible, at: 92)
    bytes.put(DiskFormat.incompatible, at: 96)
    bytes.put(DiskFormat.compatibleForReaders, at: 100)
    bytes.put(identity.uuid, at: 104)
    bytes.put(Array("hutch".utf8), at: 120)
    bytes.put(Self.journal, at: 224)
    bytes.put(identity.hashSeed, at: 236)
    bytes[252] = 1  // half MD4
    bytes[253] = 1  // the journal's inode is kept below
    bytes.put(UInt16(Geometry.descriptorSize), at: 254)
    bytes.put(UInt32(0x0C), at: 256)  // user_xattr, acl
    let journal = inodeRecord(Self.journal)
    bytes.put(Array(journal[40..<100]), at: 268)
    bytes.put(Array(journal[4..<8]), at: 268 + 64)
    bytes.put(UInt16(32), at: 348)
    bytes.put(UInt16(32), at: 350)
    bytes.put(UInt32(2), at: 352)  // hashes of unsigned bytes
    bytes[372] = 9  // 512 groups make one flex group
    bytes[373] = 1  // CRC-32C
    // A kernel that finds another number here writes its own into all copies, and so every VM's
    // overlay would get tables for a dozen far places.
    bytes.put(Geometry.overhead, at: 0x248)
    bytes.put(identity.checksumSeed, at: 0x270)
    bytes.put(CRC32C.of(bytes[..<1020], from: ~0), at: 1020)
    if group > 0 { return bytes + [UInt8](repeating: 0, count: DiskFormat.blockSize - 1024) }
    return [UInt8](repeating: 0, count: 1024) + bytes
      + [UInt8](repeating: 0, count: DiskFormat.blockSize - 2048)
  }

  /// The blocks behind the superblock of `group`.
  func descriptors(group: Int) -> [UInt8] {
    let space = group > 0 ? firstSpace : space
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Geometry.groupCount * Geometry.descriptorSize)
    for group in 0..<Geometry.groupCount { bytes += descriptor(group, space) }
    return bytes
  }

  private func descriptor(_ group: Int, _ space: DiskSpace) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Geometry.descriptorSize)
    let unused = Geometry.inodesPerGroup - space.inodesUsed[group]
    let hasInodes = space.inodesUsed[group] > 0
    bytes.put(Geometry.firstBlockBitmap + UInt32(group), at: 0)
    bytes.put(Geometry.firstInodeBitmap + UInt32(group), at: 4)
    bytes.put(Geometry.inodeTables[group], at: 8)
    bytes.put(UInt16(truncatingIfNeeded: space.freeBlocks[group]), at: 12)
    bytes.put(UInt16(space.freeInodes[group]), at: 14)
    bytes.put(UInt16(space.directories[group]), at: 16)
    bytes.put(
      UInt16(4 | (hasInodes ? 0 : 1) | (space.hasBlocks[group] ? 0 : 2)), at: 18)
    bytes.put(UInt16(unused), at: 28)
    if space.hasBlocks[group] {
      let crc = CRC32C.of(space.blockBitmap(group), from: identity.checksumSeed)
      bytes.put(UInt16(truncatingIfNeeded: crc), at: 24)
      bytes.put(UInt16(crc >> 16), at: 56)
    }
    if hasInodes {
      let crc = CRC32C.of(
        space.inodeBitmap(group)[..<Int(Geometry.inodesPerGroup / 8)], from: identity.checksumSeed)
      bytes.put(UInt16(truncatingIfNeeded: crc), at: 26)
      bytes.put(UInt16(crc >> 16), at: 58)
    }
    var crc = CRC32C.of(UInt32(group), from: identity.checksumSeed)
    crc = CRC32C.of(bytes, from: crc)
    bytes.put(UInt16(truncatingIfNeeded: crc), at: 30)
    return bytes
  }

  /// The journal's first block; the others are zero. Big-endian.
  func journalSuperblock() -> [UInt8] {
    var head = BigEndianBytes()
    head.append(UInt32(0xC03B_3998))
    head.append(UInt32(4))  // a superblock, version 2
    head.append(UInt32(0))
    head.append(UInt32(DiskFormat.blockSize))
    head.append(Geometry.journalBlocks)
    head.append(UInt32(1))  // first block of the log
    head.append(UInt32(1))  // first number of a transaction
    head.append(UInt32(0))  // nothing to replay
    head.append(UInt32(0))
    for _ in 0..<3 { head.append(UInt32(0)) }  // features
    head.append(contentsOf: identity.uuid)
    head.append(UInt32(1))  // users
    var bytes = [UInt8](repeating: 0, count: DiskFormat.blockSize)
    bytes.put(head.bytes, at: 0)
    bytes.put(identity.uuid, at: 256)
    return bytes
  }
}
