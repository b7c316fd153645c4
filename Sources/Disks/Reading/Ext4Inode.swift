package import Host

/// Seconds since 1970 and the rest.
package struct Ext4Time: Sendable, Hashable {
  package var seconds: Int64
  package var nanoseconds: UInt32
}

/// What an inode says (`Documentation/filesystems/ext4/inodes.rst`).
package struct Ext4Inode: Sendable, Hashable {
  package let number: UInt32
  package let kind: FileKind
  /// Permission bits with set-id and sticky: `07777`.
  package let mode: UInt32
  package let uid: UInt32
  package let gid: UInt32
  /// In bytes.
  package let size: Int64
  package let links: UInt32
  package let accessed: Ext4Time
  package let changed: Ext4Time
  package let modified: Ext4Time
  /// Of a device node, else 0.
  package let major: UInt32
  package let minor: UInt32

  let flags: UInt32
  /// Blocks of the file system that it says it takes, with those of its tree and attributes.
  let blocks: Int64
  /// The block of its extended attributes, or 0.
  let attributeBlock: Int64
  /// The seed of the checksums of all that belongs to it.
  let checksumSeed: UInt32
  /// `i_block`, 60 bytes.
  let map: [UInt8]
  /// What follows the inode's fields in its place in the table.
  let tail: [UInt8]

  /// - Parameter bytes: its place in the table, as long as the volume's inodes.
  init(_ bytes: [UInt8], number: UInt32, _ volume: Ext4Volume) throws(Ext4Refusal) {
    func word(_ offset: Int) -> UInt32 { bytes.number(UInt32.self, at: offset) }
    func half(_ offset: Int) -> UInt32 { UInt32(bytes.number(UInt16.self, at: offset)) }
    let extra = bytes.count > 128 ? Int(half(0x80)) : 0
    guard extra.isMultiple(of: 4), 128 + extra <= bytes.count else {
      throw .damaged(.inode(number), .size)
    }
    let fieldsEnd = 128 + extra
    checksumSeed = CRC32C.of(
      bytes[0x64..<0x68], after: CRC32C.of(littleEndian: number, after: volume.checksumSeed))
    if volume.hasChecksums {
      guard Self.hasChecksum(bytes, fieldsEnd, seed: checksumSeed) else {
        throw .damaged(.inode(number), .checksum)
      }
    }
    links = half(0x1A)
    guard links > 0 else { throw .damaged(.inode(number), .unused) }
    kind =
      switch UInt16(half(0)) & Ext4.Mode.mask {
      case Ext4.Mode.regular: .regular
      case Ext4.Mode.directory: .directory
      case Ext4.Mode.symlink: .symlink
      case Ext4.Mode.characterDevice: .characterDevice
      case Ext4.Mode.blockDevice: .blockDevice
      case Ext4.Mode.fifo: .fifo
      case Ext4.Mode.socket: .socket
      default: throw .damaged(.inode(number), .kind)
      }
    self.number = number
    mode = half(0) & 0o7777
    uid = half(0x2) | half(0x78) << 16
    gid = half(0x18) | half(0x7A) << 16
    flags = word(0x20)
    map = Array(bytes[Ext4.inodeBlockOffset..<Ext4.inodeBlockOffset + Ext4.inodeBlockSize])
    tail = Array(bytes[fieldsEnd...])
    attributeBlock = Int64(word(0x68)) | Int64(half(0x76)) << 32

    let longest = Int64(UInt32.max) * Int64(volume.blockSize)
    let size = UInt64(word(0x4)) | UInt64(word(0x6C)) << 32
    guard size <= UInt64(longest) else { throw .damaged(.inode(number), .size) }
    self.size = Int64(size)
    // Sectors of 512 bytes, unless it says otherwise ("i_blocks").
    let count = Int64(word(0x1C)) | Int64(half(0x74)) << 32
    let perBlock = Int64(volume.blockSize / 512)
    blocks = flags & Ext4.InodeFlag.hugeFile != 0 ? count : (count + perBlock - 1) / perBlock

    func time(_ place: Int, extra: Int) -> Ext4Time {
      let seconds = Int64(Int32(bitPattern: word(place)))
      guard extra + 4 <= fieldsEnd else { return Ext4Time(seconds: seconds, nanoseconds: 0) }
      let more = word(extra)
      return Ext4Time(
        seconds: seconds + Int64(more & 3) << 32, nanoseconds: min(more >> 2, 999_999_999))
    }
    accessed = time(0x8, extra: 0x8C)
    changed = time(0xC, extra: 0x84)
    modified = time(0x10, extra: 0x88)
    (major, minor) =
      kind == .characterDevice || kind == .blockDevice ? Self.device(in: map) : (0, 0)
  }

  /// "Inode Table", `i_checksum_lo` and `i_checksum_hi`: both count as zero.
  private static func hasChecksum(_ bytes: [UInt8], _ fieldsEnd: Int, seed: UInt32) -> Bool {
    var copy = bytes
    var expected = UInt32(bytes.number(UInt16.self, at: 0x7C))
    copy.put(UInt16(0), at: 0x7C)
    let isWide = fieldsEnd >= 0x84
    if isWide {
      expected |= UInt32(bytes.number(UInt16.self, at: 0x82)) << 16
      copy.put(UInt16(0), at: 0x82)
    }
    let found = CRC32C.of(copy, after: seed)
    return expected == (isWide ? found : found & 0xFFFF)
  }

  /// The first word for small numbers, else the second one, as `new_encode_dev` puts them.
  private static func device(in map: [UInt8]) -> (major: UInt32, minor: UInt32) {
    let old = map.number(UInt32.self, at: 0)
    if old != 0 { return (old >> 8 & 0xFF, old & 0xFF) }
    let new = map.number(UInt32.self, at: 4)
    return (new >> 8 & 0xFFF, new & 0xFF | new >> 12 & 0xFFF00)
  }
}
