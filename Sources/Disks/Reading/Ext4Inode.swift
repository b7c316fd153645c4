extension Ext4Reader {
  package enum InodeKind: Sendable, Hashable {
    case file, directory, symlink, characterDevice, blockDevice, fifo, socket

    /// From the upper four bits of a mode; `nil` for what none has.
    init?(mode: UInt16) {
      switch mode >> 12 {
      case 1: self = .fifo
      case 2: self = .characterDevice
      case 4: self = .directory
      case 6: self = .blockDevice
      case 8: self = .file
      case 10: self = .symlink
      case 12: self = .socket
      default: return nil
      }
    }

    /// As an entry of a directory has it.
    var code: UInt8 {
      switch self {
      case .file: 1
      case .directory: 2
      case .characterDevice: 3
      case .blockDevice: 4
      case .fifo: 5
      case .socket: 6
      case .symlink: 7
      }
    }
  }

  /// One file, whatever its names.
  ///
  /// Format: "ext4 Data Structures and Algorithms" of the kernel, "Index Nodes".
  package struct Inode: Sendable, Hashable {
    package let number: UInt32
    package let kind: InodeKind
    /// `07777`.
    package let mode: UInt32
    package let uid: UInt32
    package let gid: UInt32
    package let size: Int64
    /// Whole seconds since 1970, and the rest.
    package let modified: Int64
    package let modifiedNanoseconds: UInt32
    /// When the inode itself was written last. No call sets it.
    package let changed: Int64
    package let changedNanoseconds: UInt32
    /// Names that it has.
    package let links: Int
    let usesExtents: Bool
    /// 60 bytes: extents, the target of a short link, or the numbers of a device.
    let block: [UInt8]
    /// 0 if there is none.
    let attributeBlock: Int64
    /// What follows the fields that are in use.
    let body: [UInt8]
    /// Where checksums of what belongs to it begin.
    let checksumSeed: UInt32

    /// - Parameter bytes: all of it, as long as the superblock says.
    init(_ number: UInt32, _ bytes: [UInt8], _ superblock: Superblock) throws(Fault) {
      let raw = MetadataBytes(bytes)
      self.number = number
      let mode = try raw.half(0)
      links = Int(try raw.half(0x1A))
      guard mode != 0, links > 0 else { throw .freeInode }
      let extra = bytes.count > 128 ? Int(try raw.half(0x80)) : 0
      guard extra <= bytes.count - 128, extra.isMultiple(of: 4) else {
        throw .number("size of its fields")
      }
      let own = CRC32C.of(number, from: superblock.checksumSeed ?? 0)
      checksumSeed = CRC32C.of(try raw.word(0x64), from: own)
      if superblock.checksumSeed != nil { try Self.verify(raw, extra, checksumSeed) }

      guard let kind = InodeKind(mode: mode) else { throw .number("kind") }
      self.kind = kind
      self.mode = UInt32(mode & 0o7777)
      uid = UInt32(try raw.half(2)) | UInt32(try raw.half(0x78)) << 16
      gid = UInt32(try raw.half(0x18)) | UInt32(try raw.half(0x7A)) << 16
      let flags = try raw.word(0x20)
      if flags & 0x1000_0000 != 0 { throw .unread("its data in the inode") }
      if flags & 0x800 != 0 { throw .unread("encrypted data") }
      if flags & 0x20_0000 != 0 { throw .unread("an attribute in a file of its own") }
      usesExtents = flags & 0x8_0000 != 0
      let size = try raw.wide(low: 4, high: 0x6C)
      // An extent can't begin past its 32 bits.
      guard size <= UInt64(superblock.blockSize) << 32 else { throw .size(size) }
      self.size = Int64(size)
      block = try raw.slice(0x28, count: 60)
      attributeBlock = Int64(try raw.word(0x68)) | Int64(try raw.half(0x76)) << 32
      body = try raw.slice(128 + extra, count: bytes.count - 128 - extra)
      (changed, changedNanoseconds) = try Self.time(raw, 0x0C, extra >= 8 ? 0x84 : nil)
      (modified, modifiedNanoseconds) = try Self.time(raw, 0x10, extra >= 12 ? 0x88 : nil)
    }

    /// Two more bits of seconds, then nanoseconds.
    private static func time(
      _ raw: MetadataBytes, _ place: Int, _ extra: Int?
    ) throws(Fault) -> (Int64, UInt32) {
      let seconds = Int64(Int32(bitPattern: try raw.word(place)))
      guard let extra else { return (seconds, 0) }
      let more = try raw.word(extra)
      return (seconds + Int64(more & 3) << 32, min(more >> 2, 999_999_999))
    }

    private static func verify(
      _ raw: MetadataBytes, _ extra: Int, _ seed: UInt32
    ) throws(Fault) {
      let whole = extra >= 4
      var expected = UInt32(try raw.half(0x7C))
      if whole { expected |= UInt32(try raw.half(0x82)) << 16 }
      let bytes = try raw.slice(0, count: raw.count)
      let found =
        whole
        ? CRC32C.of(bytes, zeroing: 0x7C, 0x82, count: 2, from: seed)
        : CRC32C.of(bytes, zeroing: 0x7C, count: 2, from: seed) & 0xFFFF
      guard found == expected else { throw .checksum }
    }

    /// Of a device node: `i_block` as the kernel's `old_decode_dev` and `new_decode_dev` read it.
    var device: (major: UInt32, minor: UInt32) {
      let raw = MetadataBytes(block)
      let (old, new) = ((try? raw.word(0)) ?? 0, (try? raw.word(4)) ?? 0)
      if old != 0 { return (old >> 8 & 0xFF, old & 0xFF) }
      return (new >> 8 & 0xFFF, new & 0xFF | new >> 12 & 0xF_FF00)
    }
  }
}
