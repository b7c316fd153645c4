internal import Host

/// The numbers of a journal (`Documentation/filesystems/ext4/journal.rst`), all big-endian.
enum JournalFormat {
  static let magicBytes: [UInt8] = [0xC0, 0x3B, 0x39, 0x98]
  static let headerSize = 12

  enum Kind {
    static let descriptor: UInt32 = 1
    static let commit: UInt32 = 2
    static let superblock: UInt32 = 4
    static let revocation: UInt32 = 5
  }

  enum Feature {
    static let revocations: UInt32 = 0x1
    static let wide: UInt32 = 0x2
    static let checksumsV2: UInt32 = 0x8
    static let checksumsV3: UInt32 = 0x10
    static let known = revocations | wide | checksumsV2 | checksumsV3
  }

  enum TagFlag {
    static let escaped: UInt32 = 1
    static let sameIdentifier: UInt32 = 2
    static let last: UInt32 = 8
  }
}

/// A block of the journal: one kind of number, at checked places.
struct JournalBlock {
  let bytes: [UInt8]

  func word(_ offset: Int) -> UInt32 { number(offset, 4, UInt32.self) }
  func half(_ offset: Int) -> UInt16 { number(offset, 2, UInt16.self) }
  func long(_ offset: Int) -> UInt64 { number(offset, 8, UInt64.self) }

  /// The place must lie within the block.
  private func number<Value: FixedWidthInteger>(
    _ offset: Int, _ size: Int, _ type: Value.Type
  ) -> Value {
    bytes[offset..<offset + size].reduce(0) { $0 << 8 | Value($1) }
  }

  /// Whether this is a block of the journal's own, of the transaction with that number.
  func isOwn(_ sequence: UInt32) -> Bool {
    bytes.starts(with: JournalFormat.magicBytes) && word(8) == sequence
  }

  var kind: UInt32 { word(4) }

  /// CRC-32C over all of it, the four bytes at `offset` as zeroes.
  func hasChecksum(at offset: Int, seed: UInt32) -> Bool {
    var copy = bytes
    copy.replaceSubrange(offset..<offset + 4, with: [0, 0, 0, 0])
    return CRC32C.of(copy, after: seed) == word(offset)
  }
}

/// The journal of a file system that was not unmounted, to be replayed into memory: which blocks
/// of the disk it has newer, and where. Its transactions count up to the last one that was
/// committed, as for the kernel (`fs/jbd2/recovery.c`).
struct Ext4Journal {
  /// 4 GiB of 4 KiB blocks: a hundred times ours.
  private static let longest = 1 << 20

  let reader: Ext4Reader
  let seed: UInt32
  let hasChecksums: Bool
  let isWide: Bool
  let tagSize: Int
  let tagsHaveWideChecksums: Bool
  /// The ring is from `first` up to `length`; `start` is 0 if there is nothing in it.
  let first: Int64
  let length: Int64
  let start: Int64
  let sequence: UInt32
  private let extents: [Ext4Extent]

  init(_ reader: Ext4Reader) throws(DisksError) {
    self.reader = reader
    let inode = try reader.inode(reader.volume.journalInode)
    guard inode.kind == .regular, inode.flags & Ext4.InodeFlag.extents != 0 else {
      throw reader.refusal(.journal, .blockMap)
    }
    extents = try reader.extents(of: inode)
    let blockSize = Int64(reader.volume.blockSize)
    guard let head = extents.first, head.logical == 0, head.isWritten else {
      throw reader.refusal(.journal, .hole)
    }
    let block = JournalBlock(
      bytes: try reader.blocks.read(from: head.start, count: 1, of: .journal))
    guard block.bytes.starts(with: JournalFormat.magicBytes),
      block.kind == JournalFormat.Kind.superblock
    else { throw reader.refusal(.journal, .magic) }
    guard block.word(0xC) == UInt32(blockSize) else { throw reader.refusal(.journal, .blockSize) }
    let features = block.word(0x28)
    let checksums =
      features & (JournalFormat.Feature.checksumsV2 | JournalFormat.Feature.checksumsV3)
    // Compatible feature 1: checksums of a whole transaction, from before there were others.
    guard features & ~JournalFormat.Feature.known == 0, block.word(0x24) & 1 == 0,
      checksums.nonzeroBitCount <= 1
    else { throw reader.refusal(.journal, .features) }
    hasChecksums = checksums != 0
    tagsHaveWideChecksums = checksums == JournalFormat.Feature.checksumsV3
    isWide = features & JournalFormat.Feature.wide != 0
    tagSize =
      tagsHaveWideChecksums ? 16 : 8 + (hasChecksums ? 2 : 0) + (isWide ? 4 : 0)
    if hasChecksums {
      let superblock = JournalBlock(bytes: Array(block.bytes[..<1024]))
      guard block.bytes[0x50] == 4, superblock.hasChecksum(at: 0xFC, seed: CRC32C.start) else {
        throw reader.refusal(.journal, .checksum)
      }
    }
    seed = CRC32C.of(block.bytes[0x30..<0x40])
    length = Int64(block.word(0x10))
    first = Int64(block.word(0x14))
    start = Int64(block.word(0x1C))
    sequence = block.word(0x18)
    guard length <= Self.longest, length <= inode.size / blockSize, first > 0, first < length,
      start == 0 || (first..<length).contains(start)
    else { throw reader.refusal(.journal, .size) }
  }

  /// Where a block of the journal stands on the disk.
  func place(of block: Int64) throws(DisksError) -> Int64 {
    var low = 0
    var high = extents.count
    while low < high {
      let middle = (low + high) / 2
      if extents[middle].end <= block { low = middle + 1 } else { high = middle }
    }
    guard low < extents.count, extents[low].logical <= block, extents[low].isWritten else {
      throw reader.refusal(.journal, .hole)
    }
    return extents[low].start + block - extents[low].logical
  }

  func block(_ number: Int64) throws(DisksError) -> JournalBlock {
    do throws(HostError) { try Interrupt.check() } catch { throw .host(error) }
    return JournalBlock(
      bytes: try reader.blocks.read(
        from: try place(of: number), count: 1, of: .journalBlock(number)))
  }

  /// The blocks that committed transactions have written and none has revoked since, each as the
  /// last one left it.
  func replay() throws(DisksError) -> [Int64: Ext4Blocks.Newer] {
    var revoked: [Int64: UInt32] = [:]
    let transactions = try transactions()
    for transaction in transactions {
      // Later ones replace earlier ones.
      for block in transaction.revoked { revoked[block] = transaction.sequence }
    }
    var newer: [Int64: Ext4Blocks.Newer] = [:]
    for transaction in transactions {
      for tag in transaction.tags {
        if let last = revoked[tag.target], !isAfter(transaction.sequence, last) { continue }
        try check(tag, of: transaction.sequence)
        newer[tag.target] = Ext4Blocks.Newer(
          place: try place(of: tag.block), isEscaped: tag.isEscaped)
      }
    }
    return newer
  }

  /// Numbers of transactions go around.
  private func isAfter(_ left: UInt32, _ right: UInt32) -> Bool {
    Int32(bitPattern: left &- right) > 0
  }

  private func check(_ tag: JournalTag, of sequence: UInt32) throws(DisksError) {
    guard hasChecksums else { return }
    var number: [UInt8] = []
    for shift in [24, 16, 8, 0] { number.append(UInt8(truncatingIfNeeded: sequence >> shift)) }
    let sum = CRC32C.of(
      try block(tag.block).bytes, after: CRC32C.of(number, after: seed))
    guard tag.checksum == (tagsHaveWideChecksums ? sum : sum & 0xFFFF) else {
      throw reader.refusal(.journalBlock(tag.block), .checksum)
    }
  }
}
