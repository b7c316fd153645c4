/// Numbers of ext4 as the Linux kernel's documentation has them ("ext4 Data Structures and
/// Algorithms", `Documentation/filesystems/ext4`), under its names.
enum Ext4 {
  static let magic: UInt16 = 0xEF53
  static let superblockOffset = 1024
  static let superblockSize = 1024
  static let goodOldRevisionInodeSize = 128

  // MARK: Inodes ("Special inodes", "Inode Table")

  static let badBlocksInode: UInt32 = 1
  static let rootInode: UInt32 = 2
  static let journalInode: UInt32 = 8
  /// The first that is not reserved: `/lost+found`.
  static let firstInode: UInt32 = 11
  /// `EXT4_LINK_MAX`; with `dir_nlink` a directory of more links says 1.
  static let mostLinks: UInt32 = 65_000

  enum InodeFlag {
    static let index: UInt32 = 0x1000
    static let hugeFile: UInt32 = 0x4_0000
    static let extents: UInt32 = 0x8_0000
    static let extendedAttributeInode: UInt32 = 0x20_0000
    static let inlineData: UInt32 = 0x1000_0000
  }

  /// Upper bits of `i_mode`.
  enum Mode {
    static let mask: UInt16 = 0xF000
    static let fifo: UInt16 = 0x1000
    static let characterDevice: UInt16 = 0x2000
    static let directory: UInt16 = 0x4000
    static let blockDevice: UInt16 = 0x6000
    static let regular: UInt16 = 0x8000
    static let symlink: UInt16 = 0xA000
    static let socket: UInt16 = 0xC000
  }

  /// `i_block`: 60 bytes for an extent tree's root, a device number or a short link target.
  static let inodeBlockOffset = 0x28
  static let inodeBlockSize = 60

  // MARK: Features ("The Super Block")

  enum Compatible {
    static let hasJournal: UInt32 = 0x4
    static let extendedAttributes: UInt32 = 0x8
    static let resizeInode: UInt32 = 0x10
    static let directoryIndex: UInt32 = 0x20
    static let orphanFile: UInt32 = 0x1000
  }

  enum Incompatible {
    static let fileType: UInt32 = 0x2
    static let recover: UInt32 = 0x4
    static let metaBlockGroups: UInt32 = 0x10
    static let extents: UInt32 = 0x40
    static let sixtyFourBit: UInt32 = 0x80
    static let flexibleBlockGroups: UInt32 = 0x200
    static let extendedAttributeInode: UInt32 = 0x400
    static let checksumSeed: UInt32 = 0x2000
    static let largeDirectory: UInt32 = 0x4000
    static let inlineData: UInt32 = 0x8000
    static let encrypt: UInt32 = 0x1_0000
    static let caseFold: UInt32 = 0x2_0000
  }

  enum ReadOnlyCompatible {
    static let sparseSuper: UInt32 = 0x1
    static let largeFile: UInt32 = 0x2
    static let hugeFile: UInt32 = 0x8
    static let directoryLinks: UInt32 = 0x20
    static let extraInodeSize: UInt32 = 0x40
    static let metadataChecksums: UInt32 = 0x400
    static let orphanPresent: UInt32 = 0x1_0000
  }

  // MARK: Block groups ("Block Group Descriptors")

  enum GroupFlag {
    static let inodeUninitialised: UInt16 = 0x1
    static let blockUninitialised: UInt16 = 0x2
    static let inodeTableZeroed: UInt16 = 0x4
  }

  // MARK: Extents ("Extent Tree")

  static let extentMagic: UInt16 = 0xF30A
  static let extentHeaderSize = 12
  static let extentSize = 12
  /// Initialised extents; longer ones mean "not written yet".
  static let longestExtent: UInt32 = 32768
  static let deepestExtentTree = 5

  // MARK: Directories ("Directory Entries")

  enum FileType {
    static let unknown: UInt8 = 0
    static let regular: UInt8 = 1
    static let directory: UInt8 = 2
    static let characterDevice: UInt8 = 3
    static let blockDevice: UInt8 = 4
    static let fifo: UInt8 = 5
    static let socket: UInt8 = 6
    static let symlink: UInt8 = 7
    /// Of the entry without a name that holds the checksum of a directory's block.
    static let checksum: UInt8 = 0xDE
  }
  static let directoryTailSize = 12

  // MARK: Extended attributes ("Extended Attributes")

  static let attributeMagic: UInt32 = 0xEA02_0000
  static let attributeHeaderSize = 32
  static let attributeEntrySize = 16

  /// Prefixes of names, as an entry numbers them. The ACLs have no more name behind it.
  static let attributePrefixes: [(number: UInt8, prefix: [UInt8])] = [
    (2, Array("system.posix_acl_access".utf8)), (3, Array("system.posix_acl_default".utf8)),
    (1, Array("user.".utf8)), (4, Array("trusted.".utf8)), (6, Array("security.".utf8)),
    (7, Array("system.".utf8)),
  ]

  // MARK: Journal ("Journal (jbd2)"), big-endian

  static let journalMagic: UInt32 = 0xC03B_3998
}

/// CRC-32C (Castagnoli) as ext4 takes it: the value before, no inversion at the end.
enum CRC32C {
  private static let tables: [[UInt32]] = {
    var first = [UInt32](repeating: 0, count: 256)
    for byte in 0..<256 {
      var value = UInt32(byte)
      for _ in 0..<8 { value = value & 1 != 0 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
      first[byte] = value
    }
    var tables = [first]
    for _ in 1..<8 {
      let last = tables[tables.count - 1]
      tables.append(last.map { $0 >> 8 ^ first[Int($0 & 255)] })
    }
    return tables
  }()

  static let start: UInt32 = .max

  /// Eight bytes at a time ("slicing by eight").
  static func of(_ bytes: ArraySlice<UInt8>, after seed: UInt32 = start) -> UInt32 {
    let flat = flattened
    var crc = seed
    unsafe bytes.withUnsafeBytes { buffer in
      unsafe flat.withUnsafeBufferPointer { table in
        var index = 0
        while index + 8 <= buffer.count {
          let word = unsafe UInt64(
            littleEndian: buffer.loadUnaligned(fromByteOffset: index, as: UInt64.self))
          let low = UInt32(truncatingIfNeeded: word) ^ crc
          let high = UInt32(truncatingIfNeeded: word >> 32)
          unsafe crc =
            table[7 * 256 + Int(low & 255)] ^ table[6 * 256 + Int(low >> 8 & 255)]
            ^ table[5 * 256 + Int(low >> 16 & 255)] ^ table[4 * 256 + Int(low >> 24)]
          unsafe crc ^=
            table[3 * 256 + Int(high & 255)] ^ table[2 * 256 + Int(high >> 8 & 255)]
            ^ table[256 + Int(high >> 16 & 255)] ^ table[Int(high >> 24)]
          index += 8
        }
        while index < buffer.count {
          unsafe crc = crc >> 8 ^ table[Int((crc ^ UInt32(buffer[index])) & 255)]
          index += 1
        }
      }
    }
    return crc
  }

  static func of(_ bytes: [UInt8], after seed: UInt32 = start) -> UInt32 {
    of(bytes[...], after: seed)
  }

  static func of(littleEndian value: UInt32, after seed: UInt32) -> UInt32 {
    var bytes: [UInt8] = []
    bytes.append(littleEndian: value)
    return of(bytes, after: seed)
  }

  private static let flattened: [UInt32] = tables.flatMap { $0 }
}
