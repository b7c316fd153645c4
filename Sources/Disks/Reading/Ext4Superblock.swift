extension Ext4Reader {
  /// What a file system says of itself, checked.
  ///
  /// Format: "ext4 Data Structures and Algorithms" of the kernel, "Super Block".
  package struct Superblock: Sendable, Hashable {
    /// Bytes from the beginning of the disk, and how long it is.
    static let offset: Int64 = 1024
    static let length = 1024

    package let blockSize: Int
    package let blocks: Int64
    package let inodes: UInt32
    package let inodeSize: Int
    /// The first inode that is not the file system's own.
    let firstInode: UInt32
    let firstBlock: Int64
    let blocksPerGroup: Int64
    let inodesPerGroup: UInt32
    let descriptorSize: Int
    let journalInode: UInt32
    /// What happened last waits in the journal.
    package let needsRecovery: Bool
    /// `nil` if metadata has no checksums.
    let checksumSeed: UInt32?
    private let firstMetaGroup: Int64?
    private let isSparse: Bool

    /// - Parameters:
    ///   - bytes: the 1,024 bytes of it.
    ///   - diskSize: what it says of its size must fit there.
    init(_ bytes: [UInt8], diskSize: Int64) throws(Fault) {
      let raw = MetadataBytes(bytes)
      guard try raw.half(0x38) == 0xEF53 else { throw .notExt4 }
      let incompatible = try raw.word(0x60)
      guard incompatible & ~Feature.known == 0 else {
        throw .features(incompatible & ~Feature.known)
      }
      let readOnly = try raw.word(0x64)
      if readOnly & Feature.clusters != 0 { throw .unread("clusters of blocks (bigalloc)") }
      // Revision 0 has no features and other inodes.
      guard try raw.word(0x4C) == 1 else { throw .number("revision") }
      needsRecovery = incompatible & Feature.recover != 0
      isSparse = readOnly & Feature.sparse != 0

      let exponent = try raw.word(0x18)
      guard exponent <= 2 else { throw .number("block size") }
      blockSize = 1024 << Int(exponent)
      let is64 = incompatible & Feature.wide != 0
      let count = is64 ? try raw.wide(low: 4, high: 0x150) : UInt64(try raw.word(4))
      guard let blocks = Int64(exactly: count), blocks > 0,
        blocks <= diskSize / Int64(blockSize)
      else { throw .number("number of blocks") }
      self.blocks = blocks
      firstBlock = Int64(try raw.word(0x14))
      guard firstBlock == (blockSize == 1024 ? 1 : 0), firstBlock < blocks else {
        throw .number("first block")
      }
      blocksPerGroup = Int64(try raw.word(0x20))
      guard (1...Int64(blockSize) * 8).contains(blocksPerGroup) else {
        throw .number("number of blocks in a group")
      }
      inodesPerGroup = try raw.word(0x28)
      guard (1...UInt32(blockSize) * 8).contains(inodesPerGroup) else {
        throw .number("number of inodes in a group")
      }
      inodes = try raw.word(0)
      let groups = (blocks - firstBlock + blocksPerGroup - 1) / blocksPerGroup
      guard inodes >= 11, Int64(inodes) <= groups * Int64(inodesPerGroup) else {
        throw .number("number of inodes")
      }
      inodeSize = Int(try raw.half(0x58))
      guard inodeSize >= 128, inodeSize <= blockSize, inodeSize & (inodeSize - 1) == 0 else {
        throw .number("size of inodes")
      }
      firstInode = try raw.word(0x54)
      guard firstInode >= 11, firstInode <= inodes else { throw .number("first inode") }
      descriptorSize = is64 ? Int(try raw.half(0xFE)) : 32
      guard descriptorSize == 32 || descriptorSize == 64, !is64 || descriptorSize == 64 else {
        throw .number("size of descriptors")
      }
      firstMetaGroup =
        incompatible & Feature.metaGroups != 0 ? Int64(try raw.word(0x104)) : nil
      journalInode = try raw.word(0xE0)
      if needsRecovery {
        guard try raw.word(0x5C) & Feature.journal != 0 else { throw .number("feature recover") }
        guard try raw.word(0xE4) == 0, journalInode == 8 else {
          throw .unread("a journal elsewhere")
        }
      }
      checksumSeed = try Self.checksumSeed(raw, readOnly, incompatible)
    }

    private static func checksumSeed(
      _ raw: MetadataBytes, _ readOnly: UInt32, _ incompatible: UInt32
    ) throws(Fault) -> UInt32? {
      if readOnly & Feature.checksums == 0 { return nil }
      guard try raw.byte(0x175) == 1 else { throw .number("kind of checksum") }
      guard try raw.word(0x3FC) == CRC32C.of(try raw.slice(0, count: 0x3FC), from: .max) else {
        throw .checksum
      }
      if incompatible & Feature.seed != 0 { return try raw.word(0x270) }
      return CRC32C.of(try raw.slice(0x68, count: 16), from: .max)
    }

    // MARK: Groups

    /// Where the descriptor of a group is, in bytes.
    func descriptor(of group: Int64) -> Int64 {
      let perBlock = Int64(blockSize / descriptorSize)
      let block = group / perBlock
      let within = group % perBlock * Int64(descriptorSize)
      guard let firstMetaGroup, block >= firstMetaGroup else {
        return (firstBlock + 1 + block) * Int64(blockSize) + within
      }
      // "Meta Block Groups": in the first of the groups that it is for.
      let first = block * perBlock
      let place = firstBlock + first * blocksPerGroup + (hasSuperblock(first) ? 1 : 0)
      return place * Int64(blockSize) + within
    }

    private func hasSuperblock(_ group: Int64) -> Bool {
      if group <= 1 || !isSparse { return true }
      return [3, 5, 7].contains { base in
        var power = Int64(base)
        while power < group { power *= Int64(base) }
        return power == group
      }
    }

    /// Blocks that are on the disk and not before the first.
    func require(_ block: Int64, _ count: Int64) throws(Fault) {
      guard block > firstBlock, count >= 1, block < blocks, count <= blocks - block else {
        throw .outside(block: block, count: count)
      }
    }
  }

  /// Bits of features.
  enum Feature {
    // Compatible ones.
    static let journal: UInt32 = 0x4
    // Those that a reader must know.
    static let fileTypes: UInt32 = 0x2
    static let recover: UInt32 = 0x4
    /// What growing in a guest turns on.
    static let metaGroups: UInt32 = 0x10
    static let extents: UInt32 = 0x40
    static let wide: UInt32 = 0x80
    static let flexGroups: UInt32 = 0x200
    static let seed: UInt32 = 0x2000
    static let known = fileTypes | recover | metaGroups | extents | wide | flexGroups | seed
    // Those that a writer must know.
    static let sparse: UInt32 = 0x1
    static let clusters: UInt32 = 0x200
    static let checksums: UInt32 = 0x400
  }
}
