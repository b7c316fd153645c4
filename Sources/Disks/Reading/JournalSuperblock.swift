/// What a journal says of itself, checked.
struct JournalSuperblock {
  /// Blocks of the journal, and the first that holds no superblock.
  let blocks: Int64
  let first: Int64
  /// Of the oldest transaction that is not known to be on the disk.
  let sequence: UInt32
  /// Where that begins; 0 if there is none.
  let start: Int64
  let is64: Bool
  let version3: Bool
  /// Where checksums begin; `nil` if there are none.
  let checksumSeed: UInt32?

  private enum Feature {
    static let revocations: UInt32 = 1
    static let wide: UInt32 = 2
    static let asynchronous: UInt32 = 4
    static let checksums2: UInt32 = 8
    static let checksums3: UInt32 = 16
    static let known = revocations | wide | asynchronous | checksums2 | checksums3
  }

  /// - Parameters:
  ///   - bytes: the first block of the journal.
  ///   - count: of blocks that the journal's file has.
  init(_ bytes: [UInt8], blockSize: Int, blocks count: Int64) throws(Ext4Reader.Fault) {
    let raw = BigEndianReader(bytes: bytes)
    func word(_ offset: Int) throws(Ext4Reader.Fault) -> UInt32 {
      guard let value = raw.number(UInt32.self, at: offset) else { throw .tooShort }
      return value
    }
    // Version 1 has no features.
    guard try word(0) == JournalLog.magic, try word(4) == 4 else {
      throw .journal("there is no journal of version 2")
    }
    guard try word(12) == UInt32(blockSize) else { throw .number("block size") }
    blocks = Int64(try word(16))
    first = Int64(try word(20))
    sequence = try word(24)
    start = Int64(try word(28))
    guard blocks <= count, first >= 1, first < blocks else { throw .number("length") }
    guard start == 0 || (first..<blocks).contains(start) else { throw .number("beginning") }
    let features = try word(40)
    guard features & ~Feature.known == 0 else { throw .features(features & ~Feature.known) }
    is64 = features & Feature.wide != 0
    version3 = features & Feature.checksums3 != 0
    guard features & (Feature.checksums2 | Feature.checksums3) != 0 else {
      checksumSeed = nil
      return
    }
    guard !version3 || features & Feature.checksums2 == 0, bytes.count >= 1024, bytes[80] == 4
    else { throw .number("kind of checksum") }
    let found = CRC32C.of(
      Array(bytes[..<1024]), zeroing: 0xFC, count: 4, from: .max)
    guard try word(0xFC) == found else { throw .checksum }
    checksumSeed = CRC32C.of(bytes[48..<64], from: .max)
  }

  var hasChecksums: Bool { checksumSeed != nil }

  /// Bytes of a tag, without the UUID that may follow it.
  var tagSize: Int {
    if version3 { return 16 }
    // `journal_tag_bytes()`: two more than would be expected for the second version.
    return (is64 ? 12 : 8) + (hasChecksums ? 2 : 0)
  }
}
