/// What a superblock says, as far as reading needs it. Checked: whatever is computed from these
/// numbers lies within the file system or is checked where it is used.
///
/// Format: "ext4 Data Structures and Algorithms", "The Super Block".
struct Ext4Volume: Hashable {
  let blockSize: Int
  let blockCount: Int64
  let inodeCount: UInt32
  let inodeSize: Int
  let firstDataBlock: Int64
  let blocksPerGroup: Int64
  let inodesPerGroup: UInt32
  let groupCount: Int64
  let descriptorSize: Int
  let firstUsableInode: UInt32
  let hasChecksums: Bool
  let checksumSeed: UInt32
  let needsRecovery: Bool
  let journalInode: UInt32
  let hasFileTypes: Bool

  private let hasMetaGroups: Bool
  private let firstMetaGroup: Int64
  private let backups: Backups

  private enum Backups: Hashable {
    case everywhere
    case sparse
    case two(Int64, Int64)
  }

  /// - Parameters:
  ///   - bytes: the superblock, 1,024 bytes.
  ///   - diskSize: the file system must not be larger.
  init(_ bytes: [UInt8], diskSize: Int64) throws(Ext4Refusal) {
    guard bytes.count == Ext4.superblockSize, bytes.number(UInt16.self, at: 0x38) == Ext4.magic
    else { throw .notExt4 }
    func word(_ offset: Int) -> UInt32 { bytes.number(UInt32.self, at: offset) }
    let features = Ext4Features(
      compatible: word(0x5C), incompatible: word(0x60), readOnlyCompatible: word(0x64))
    try features.check()
    hasChecksums = features.readOnlyCompatible & Ext4.ReadOnlyCompatible.metadataChecksums != 0
    if hasChecksums {
      guard bytes[0x175] == 1, CRC32C.of(bytes[..<0x3FC]) == word(0x3FC) else {
        throw .damaged(.superblock, .checksum)
      }
    }
    checksumSeed =
      features.incompatible & Ext4.Incompatible.checksumSeed != 0
      ? word(0x270) : CRC32C.of(bytes[0x68..<0x78])

    guard word(0x18) <= 2, word(0x1C) == word(0x18) else { throw .damaged(.superblock, .blockSize) }
    blockSize = 1024 << Int(word(0x18))
    let is64Bit = features.incompatible & Ext4.Incompatible.sixtyFourBit != 0
    let count = UInt64(word(0x4)) | (is64Bit ? UInt64(word(0x150)) << 32 : 0)
    firstDataBlock = Int64(word(0x14))
    blocksPerGroup = Int64(word(0x20))
    inodesPerGroup = word(0x28)
    inodeCount = word(0)
    guard count <= UInt64(diskSize / Int64(blockSize)),
      firstDataBlock == (blockSize == 1024 ? 1 : 0),
      Int64(count) > firstDataBlock, (1...Int64(blockSize) * 8).contains(blocksPerGroup),
      (1...UInt32(blockSize) * 8).contains(inodesPerGroup)
    else { throw .damaged(.superblock, .groups) }
    blockCount = Int64(count)
    groupCount = (blockCount - firstDataBlock + blocksPerGroup - 1) / blocksPerGroup
    guard Int64(inodeCount) == groupCount * Int64(inodesPerGroup) else {
      throw .damaged(.superblock, .groups)
    }

    inodeSize = word(0x4C) == 0 ? 128 : Int(bytes.number(UInt16.self, at: 0x58))
    guard (128...blockSize).contains(inodeSize), inodeSize & (inodeSize - 1) == 0 else {
      throw .damaged(.superblock, .inodeSize)
    }
    firstUsableInode = word(0x4C) == 0 ? 11 : word(0x54)
    guard firstUsableInode >= 11, firstUsableInode <= inodeCount else {
      throw .damaged(.superblock, .groups)
    }
    descriptorSize = is64Bit ? Int(bytes.number(UInt16.self, at: 0xFE)) : 32
    guard (is64Bit ? 64...blockSize : 32...32).contains(descriptorSize),
      descriptorSize & (descriptorSize - 1) == 0
    else { throw .damaged(.superblock, .descriptorSize) }

    hasMetaGroups = features.incompatible & Ext4.Incompatible.metaBlockGroups != 0
    firstMetaGroup = Int64(word(0x104))
    backups =
      if features.compatible & Ext4Features.sparseSuper2 != 0 {
        .two(Int64(word(0x24C)), Int64(word(0x250)))
      } else if features.readOnlyCompatible & Ext4.ReadOnlyCompatible.sparseSuper != 0 {
        .sparse
      } else {
        .everywhere
      }
    needsRecovery = features.incompatible & Ext4.Incompatible.recover != 0
    hasFileTypes = features.incompatible & Ext4.Incompatible.fileType != 0
    journalInode = word(0xE0)
    if needsRecovery {
      guard features.compatible & Ext4.Compatible.hasJournal != 0, word(0xE4) == 0,
        journalInode == Ext4.journalInode
      else { throw .damaged(.superblock, .journalPlace) }
    }
  }

  /// Where the descriptor of a group stands: its block, and the byte in it. The block is to be
  /// checked.
  func descriptorPlace(of group: Int64) -> (block: Int64, offset: Int) {
    let perBlock = Int64(blockSize / descriptorSize)
    let index = group / perBlock
    let offset = Int(group % perBlock) * descriptorSize
    guard hasMetaGroups, index >= firstMetaGroup else {
      return (firstDataBlock + 1 + index, offset)
    }
    // "Meta Block Groups": each stands in the first of the groups that it describes.
    let first = index * perBlock
    return (firstDataBlock + first * blocksPerGroup + (hasSuperblock(first) ? 1 : 0), offset)
  }

  private func hasSuperblock(_ group: Int64) -> Bool {
    if group == 0 { return true }
    switch backups {
    case .everywhere: return true
    case .two(let first, let second): return group == first || group == second
    case .sparse:
      return group == 1
        || ([3, 5, 7] as [Int64]).contains { base in
          var power = base
          while power < group { power *= base }
          return power == group
        }
    }
  }
}

/// The feature words of a superblock.
struct Ext4Features {
  static let sparseSuper2: UInt32 = 0x200

  var compatible: UInt32
  var incompatible: UInt32
  var readOnlyCompatible: UInt32

  /// What a kernel may have set on a disk of ours, and what changes nothing for reading.
  private static let readable: UInt32 =
    Ext4.Incompatible.fileType | Ext4.Incompatible.recover | Ext4.Incompatible.metaBlockGroups
    | Ext4.Incompatible.extents | Ext4.Incompatible.sixtyFourBit
    | Ext4.Incompatible.flexibleBlockGroups | Ext4.Incompatible.checksumSeed
    | Ext4.Incompatible.largeDirectory
  private static let quotas: UInt32 = 0x100
  private static let readOnly: UInt32 = 0x1000
  private static let projects: UInt32 = 0x2000
  private static let readableReadOnly: UInt32 =
    Ext4.ReadOnlyCompatible.sparseSuper | Ext4.ReadOnlyCompatible.largeFile
    | Ext4.ReadOnlyCompatible.hugeFile | Ext4.ReadOnlyCompatible.directoryLinks
    | Ext4.ReadOnlyCompatible.extraInodeSize | Ext4.ReadOnlyCompatible.metadataChecksums
    | Ext4.ReadOnlyCompatible.orphanPresent | quotas | readOnly | projects

  private static let names: [(word: Int, bit: UInt32, name: String)] = [
    (0, 0x1, "compression"), (0, 0x8, "journal_dev"), (0, 0x100, "mmp"), (0, 0x400, "ea_inode"),
    (0, 0x1000, "dirdata"), (0, 0x8000, "inline_data"), (0, 0x1_0000, "encrypt"),
    (0, 0x2_0000, "casefold"), (1, 0x10, "uninit_bg"), (1, 0x200, "bigalloc"),
    (1, 0x800, "replica"), (1, 0x4000, "shared_blocks"), (1, 0x8000, "verity"),
  ]

  func check() throws(Ext4Refusal) {
    guard incompatible & Ext4.Incompatible.extents != 0 else {
      throw .features(["no extents"])
    }
    let foreign = [incompatible & ~Self.readable, readOnlyCompatible & ~Self.readableReadOnly]
    var found: [String] = []
    for (word, bits) in foreign.enumerated() {
      for bit in 0..<32 where bits >> UInt32(bit) & 1 == 1 {
        let mask: UInt32 = 1 << UInt32(bit)
        let name = Self.names.first { $0.word == word && $0.bit == mask }?.name
        found.append(name ?? "\(word == 0 ? "I" : "R")\(String(mask, radix: 16))")
      }
    }
    guard found.isEmpty else { throw .features(found) }
  }
}

extension [UInt8] {
  /// A little-endian number at a place that is known to lie within.
  func number<Value: FixedWidthInteger & UnsignedInteger>(
    _ type: Value.Type, at offset: Int
  ) -> Value {
    var value: Value = 0
    for index in 0..<Value.bitWidth / 8 { value |= Value(self[offset + index]) << (index * 8) }
    return value
  }
}
