/// What a kernel does with the journal before it shows a file system that was not closed, done in
/// memory: which blocks of the disk are to be read from the journal instead.
///
/// Format: "ext4 Data Structures and Algorithms" of the kernel, "Journal (jbd2)"; the order of
/// things follows `fs/jbd2/recovery.c`.
enum JournalReplay {
  /// The disk as it is after a recovery; `nil` if the journal holds nothing.
  static func replay(_ reader: Ext4Reader) throws(DisksError) -> ReplayedSource? {
    let log = try JournalLog(reader)
    guard log.superblock.start != 0 else { return nil }
    let transactions = try log.transactions()
    let tagged = Set(transactions.flatMap { $0.tags.map(\.block) })
    // The last transaction that took a block back, of those that matter.
    var revoked: [Int64: UInt32] = [:]
    for transaction in transactions {
      for block in transaction.revocations {
        for number in try log.revoked(in: block) where tagged.contains(number) {
          revoked[number] = transaction.sequence
        }
      }
    }
    var places: [Int64: ReplayedSource.Place] = [:]
    for transaction in transactions {
      for tag in transaction.tags {
        // Transactions are in their order, so a later one is never less.
        if let last = revoked[tag.block], Int32(bitPattern: transaction.sequence &- last) <= 0 {
          continue
        }
        places[tag.block] = ReplayedSource.Place(
          start: try log.verified(tag, of: transaction.sequence), isEscaped: tag.isEscaped)
      }
    }
    return ReplayedSource(
      reader.source, blockSize: reader.superblock.blockSize, places: places)
  }
}

/// A disk of which some blocks are as the journal has them.
final class ReplayedSource: BlockSource {
  struct Place {
    /// In bytes, on the disk below.
    var start: Int64
    /// Begins with the journal's magic number, which the journal itself can't hold.
    var isEscaped: Bool
  }

  var size: Int64 { below.size }
  var name: String { below.name }
  private let below: any BlockSource
  private let blockSize: Int64
  private let places: [Int64: Place]

  init(_ below: any BlockSource, blockSize: Int, places: [Int64: Place]) {
    self.below = below
    self.blockSize = Int64(blockSize)
    self.places = places
  }

  func read(at offset: Int64, count: Int) throws(DisksError) -> [UInt8] {
    try require(offset, count)
    if count == 0 { return [] }
    let blocks = offset / blockSize...(offset + Int64(count) - 1) / blockSize
    var bytes = try below.read(at: offset, count: count)
    for block in blocks {
      guard let place = places[block] else { continue }
      var found = try below.read(at: place.start, count: Int(blockSize))
      if place.isEscaped { found.replaceSubrange(0..<4, with: JournalLog.magicBytes) }
      let first = max(offset, block * blockSize)
      let end = min(offset + Int64(count), (block + 1) * blockSize)
      bytes.replaceSubrange(
        Int(first - offset)..<Int(end - offset),
        with: found[Int(first - block * blockSize)..<Int(end - block * blockSize)])
    }
    return bytes
  }
}
