/// The blocks of a journal, and what stands in them.
struct JournalLog {
  static let magic: UInt32 = 0xC03B_3998
  static let magicBytes: [UInt8] = [0xC0, 0x3B, 0x39, 0x98]

  /// Says that the next block of the log belongs to a place on the disk.
  struct Tag {
    var block: Int64
    /// Of its contents, counted in blocks of the log.
    var place: Int64
    var checksum: UInt32
    var isEscaped: Bool
  }

  /// All that was committed at once.
  struct Transaction {
    var sequence: UInt32
    var tags: [Tag] = []
    /// Blocks of the log that say what must not be replayed.
    var revocations: [Int64] = []
  }

  private enum Kind {
    static let descriptor: UInt32 = 1
    static let commit: UInt32 = 2
    static let revocation: UInt32 = 5
  }

  let superblock: JournalSuperblock
  private let reader: Ext4Reader
  private let inode: Ext4Reader.Inode

  init(_ reader: Ext4Reader) throws(DisksError) {
    self.reader = reader
    inode = try reader.inode(reader.superblock.journalInode)
    guard inode.kind == .file else { throw reader.error(.inode(inode.number), .number("kind")) }
    guard inode.size <= reader.limits.journal else {
      throw reader.error(.inode(inode.number), .tooMuch("a journal of \(inode.size) bytes"))
    }
    let bytes = try reader.read(inode, at: 0, count: reader.superblock.blockSize)
    let blocks = inode.size / Int64(reader.superblock.blockSize)
    superblock = try reader.at(.journal(block: 0)) { () throws(Ext4Reader.Fault) in
      try JournalSuperblock(bytes, blockSize: reader.superblock.blockSize, blocks: blocks)
    }
  }

  private func bytes(_ block: Int64) throws(DisksError) -> BigEndianReader {
    let size = reader.superblock.blockSize
    return BigEndianReader(
      bytes: try reader.read(inode, at: block * Int64(size), count: size))
  }

  private func error(_ block: Int64, _ reason: String) -> DisksError {
    reader.error(.journal(block: block), .journal(reason))
  }

  // MARK: What was committed

  /// From the oldest on, until the first that was not committed whole. Ends: it looks at no more
  /// blocks than the log has.
  func transactions() throws(DisksError) -> [Transaction] {
    var found: [Transaction] = []
    var current = Transaction(sequence: superblock.sequence)
    var place = superblock.start
    var left = superblock.blocks
    // A descriptor or a list with a wrong checksum, and when the last commit was.
    var broken: Int64?
    var lastCommit: UInt64 = 0
    func advance(_ count: Int64) {
      left -= count
      place += count
      if place >= superblock.blocks { place -= superblock.blocks - superblock.first }
    }
    while left > 0 {
      let here = place
      let block = try bytes(here)
      guard block.number(UInt32.self, at: 0) == Self.magic,
        block.number(UInt32.self, at: 8) == current.sequence
      else { break }
      advance(1)
      switch block.number(UInt32.self, at: 4) {
      case Kind.descriptor:
        if !hasChecksum(block) { broken = broken ?? here }
        for tag in tags(block) {
          guard left > 0 else { return found }
          current.tags.append(
            Tag(
              block: tag.block, place: place, checksum: tag.checksum, isEscaped: tag.isEscaped))
          advance(1)
        }
      case Kind.revocation:
        if !hasChecksum(block) { broken = broken ?? here }
        current.revocations.append(here)
      case Kind.commit:
        let time = block.number(UInt64.self, at: 48) ?? 0
        if let broken {
          // Left over from an earlier round of the log, or really damaged.
          if time < lastCommit { return found }
          throw reader.error(.journal(block: broken), .checksum)
        }
        // Not written to its end.
        guard isWhole(commit: block) else { return found }
        lastCommit = time
        found.append(current)
        current = Transaction(sequence: current.sequence &+ 1)
      default: return found
      }
    }
    return found
  }

  /// Without their places in the log.
  private func tags(_ block: BigEndianReader) -> [Tag] {
    var tags: [Tag] = []
    var offset = 12
    let end = block.bytes.count - (superblock.hasChecksums ? 4 : 0)
    let size = superblock.tagSize
    while offset + size <= end {
      guard let low = block.number(UInt32.self, at: offset),
        let flags = superblock.version3
          ? block.number(UInt32.self, at: offset + 4)
          : block.number(UInt16.self, at: offset + 6).map(UInt32.init)
      else { break }
      var number = Int64(low)
      if superblock.is64 {
        number |= Int64(block.number(UInt32.self, at: offset + 8) ?? 0) << 32
      }
      let checksum =
        superblock.version3
        ? block.number(UInt32.self, at: offset + 12)
        : block.number(UInt16.self, at: offset + 4).map(UInt32.init)
      tags.append(
        Tag(block: number, place: 0, checksum: checksum ?? 0, isEscaped: flags & 1 != 0))
      // "Same UUID" leaves 16 bytes out; "last" ends the list.
      offset += size + (flags & 2 == 0 ? 16 : 0)
      if flags & 8 != 0 { break }
    }
    return tags
  }

  /// Where the contents of a tag are on the disk, in bytes, if they are what was written.
  func verified(_ tag: Tag, of sequence: UInt32) throws(DisksError) -> Int64 {
    guard tag.block >= 0, tag.block < reader.superblock.blocks else {
      throw reader.error(.journal(block: tag.place), .outside(block: tag.block, count: 1))
    }
    let mapping = try reader.mapping(of: inode, block: tag.place)
    guard let start = mapping.start else { throw error(tag.place, "it has no place on the disk") }
    if let seed = superblock.checksumSeed {
      let data = try bytes(tag.place).bytes
      let found = CRC32C.of(
        data, from: CRC32C.of(sequence.byteSwapped, from: seed))
      guard superblock.version3 ? found == tag.checksum : found & 0xFFFF == tag.checksum else {
        throw reader.error(.journal(block: tag.place), .checksum)
      }
    }
    return start * Int64(reader.superblock.blockSize)
  }

  /// Blocks of the disk that a list takes back.
  func revoked(in place: Int64) throws(DisksError) -> [Int64] {
    let block = try bytes(place)
    let size = superblock.is64 ? 8 : 4
    guard let used = block.number(UInt32.self, at: 12).map(Int.init), used >= 16,
      used <= block.bytes.count - (superblock.hasChecksums ? 4 : 0)
    else { throw error(place, "its list of blocks is longer than itself") }
    var found: [Int64] = []
    for offset in stride(from: 16, through: used - size, by: size) {
      let number =
        superblock.is64
        ? block.number(UInt64.self, at: offset).flatMap(Int64.init(exactly:))
        : block.number(UInt32.self, at: offset).map(Int64.init)
      // A block that is not there is in no tag.
      if let number { found.append(number) }
    }
    return found
  }

  // MARK: Checksums

  /// Of a descriptor or a list: in its last four bytes.
  private func hasChecksum(_ block: BigEndianReader) -> Bool {
    guard let seed = superblock.checksumSeed else { return true }
    let end = block.bytes.count - 4
    return block.number(UInt32.self, at: end)
      == CRC32C.of(block.bytes, zeroing: end, count: 4, from: seed)
  }

  private func isWhole(commit block: BigEndianReader) -> Bool {
    guard let seed = superblock.checksumSeed else { return true }
    return block.number(UInt32.self, at: 16)
      == CRC32C.of(block.bytes, zeroing: 16, count: 4, from: seed)
  }
}
