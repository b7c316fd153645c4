internal import Vocabulary

/// One overlay of a chain: where the bytes of its disk are.
///
/// Format: qcow2.rst of QEMU, "Cluster mapping" and "Extended L2 Entries".
final class QCOW2File {
  /// A run of bytes that have one origin.
  struct Piece {
    enum Kind: Hashable {
      /// In this file, from there on.
      case data(Int64)
      case zeroes
      /// As the file below has it.
      case below
    }
    var kind: Kind
    var count: Int
  }

  let file: ChainFile
  /// Of the disk, in bytes.
  let size: Int64
  private let isExtended: Bool
  private let fileSize: Int64
  private let l1: BigEndianReader
  private var tables = BoundedCache<Int64, BigEndianReader>(capacity: 16)

  /// - Parameter below: what it must name as its backing file.
  init(_ file: ChainFile, on below: ChainFile) throws(DisksError) {
    self.file = file
    let header = try file.header()
    try header.requireBacking(below.name, below.format, path: file.path)
    size = header.virtualSize.bytes
    isExtended = header.hasExtendedL2
    fileSize = try file.size()
    // The header vouches for so many entries, within the file.
    let reach = QCOW2.clusterSize / (isExtended ? 16 : 8) * QCOW2.clusterSize
    let entries = Int((size + reach - 1) / reach)
    l1 = BigEndianReader(bytes: try file.read(at: header.l1Offset, count: entries * 8))
  }

  /// What is at `offset`, and for how long, `count` bytes at most. All of it must be on the disk.
  func piece(at offset: Int64, count: Int) throws(DisksError) -> Piece {
    let entrySize: Int64 = isExtended ? 16 : 8
    let reach = QCOW2.clusterSize / entrySize * QCOW2.clusterSize
    guard let table = try table(Int(offset / reach)) else {
      return Piece(kind: .below, count: Int(min(Int64(count), reach - offset % reach)))
    }
    let place = Int(offset % reach / QCOW2.clusterSize * entrySize)
    let within = offset % QCOW2.clusterSize
    let left = Int(min(Int64(count), QCOW2.clusterSize - within))
    guard let entry = table.number(UInt64.self, at: place) else { throw refusal(.truncated) }
    if entry & QCOW2Entry.compressed != 0 { throw refusal(.compressedCluster(offset)) }
    guard entry & ~(QCOW2Entry.offset | QCOW2Entry.copied | QCOW2Entry.zeroes) == 0 else {
      throw refusal(.tableEntry(offset))
    }
    let start = Int64(entry & QCOW2Entry.offset)
    guard start.isMultiple(of: QCOW2.clusterSize) else { throw refusal(.tableEntry(offset)) }
    guard isExtended else {
      if entry & QCOW2Entry.zeroes != 0 { return Piece(kind: .zeroes, count: left) }
      if start == 0 { return Piece(kind: .below, count: left) }
      return try data(start + within, left, for: offset)
    }
    // The lower half says which subclusters are allocated, the upper one which are zero.
    guard entry & QCOW2Entry.zeroes == 0, let bits = table.number(UInt64.self, at: place + 8)
    else { throw refusal(.tableEntry(offset)) }
    let allocated = UInt32(truncatingIfNeeded: bits)
    let zeroes = UInt32(truncatingIfNeeded: bits >> 32)
    guard allocated & zeroes == 0, start != 0 || allocated == 0 else {
      throw refusal(.subclusters(offset))
    }
    func kind(_ index: Int64) -> (Bool, Bool) {
      (allocated >> UInt32(index) & 1 != 0, zeroes >> UInt32(index) & 1 != 0)
    }
    let first = within / QCOW2Entry.subclusterSize
    var last = first
    while last < 31, kind(last + 1) == kind(first) { last += 1 }
    let run = min(left, Int((last + 1) * QCOW2Entry.subclusterSize - within))
    switch kind(first) {
    case (true, _): return try data(start + within, run, for: offset)
    case (_, true): return Piece(kind: .zeroes, count: run)
    default: return Piece(kind: .below, count: run)
    }
  }

  private func data(_ start: Int64, _ count: Int, for offset: Int64) throws(DisksError) -> Piece {
    // A cluster at the file's beginning would be its own header. QEMU writes data before it writes
    // where they are, so what lies past the end was cut off.
    guard start >= QCOW2.clusterSize, start <= fileSize, Int64(count) <= fileSize - start else {
      throw refusal(.outside(offset))
    }
    return Piece(kind: .data(start), count: count)
  }

  /// `nil` if nothing of what it is for is in this file.
  private func table(_ index: Int) throws(DisksError) -> BigEndianReader? {
    guard let entry = l1.number(UInt64.self, at: index * 8) else { throw refusal(.truncated) }
    let start = Int64(entry & QCOW2Entry.offset)
    let reach = QCOW2.clusterSize / (isExtended ? 16 : 8) * QCOW2.clusterSize
    guard entry & ~(QCOW2Entry.offset | QCOW2Entry.copied) == 0,
      start.isMultiple(of: QCOW2.clusterSize)
    else { throw refusal(.tableEntry(Int64(index) * reach)) }
    if start == 0 { return nil }
    guard start <= fileSize, QCOW2.clusterSize <= fileSize - start else {
      throw refusal(.outside(Int64(index) * reach))
    }
    if let known = tables[start] { return known }
    let table = BigEndianReader(
      bytes: try file.read(at: start, count: Int(QCOW2.clusterSize)))
    tables[start] = table
    return table
  }

  private func refusal(_ reason: QCOW2Refusal) -> DisksError {
    .refusedImage(path: file.path, reason: reason)
  }
}

/// Bits of entries of L1 and L2 tables.
enum QCOW2Entry {
  static let copied: UInt64 = 1 << 63
  static let compressed: UInt64 = 1 << 62
  /// Bits 9 to 55.
  static let offset: UInt64 = (1 << 56) - 512
  /// Of an entry that is not extended.
  static let zeroes: UInt64 = 1
  static let subclusterSize = QCOW2.clusterSize / 32
}
