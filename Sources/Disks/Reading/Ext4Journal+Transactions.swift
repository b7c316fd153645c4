/// A block that a transaction has written.
struct JournalTag: Hashable {
  /// The block of the disk that it is for.
  var target: Int64
  /// The block of the journal that holds it.
  var block: Int64
  var checksum: UInt32
  var isEscaped: Bool
}

/// What became durable at once.
struct JournalTransaction {
  var sequence: UInt32
  var tags: [JournalTag] = []
  /// Blocks that are something else now: what this transaction or earlier ones wrote there is not
  /// to be written.
  var revoked: [Int64] = []
  /// Something in it has another checksum than it should: a leftover, unless a commit follows that
  /// is no leftover.
  var isDoubtful = false
}

extension Ext4Journal {
  /// All that were committed, in their order. The first block that is not the journal's own, or
  /// not of the next transaction, ends it: what lies behind is from an earlier turn of the ring.
  func transactions() throws(DisksError) -> [JournalTransaction] {
    guard start != 0 else { return [] }
    var done: [JournalTransaction] = []
    var current = JournalTransaction(sequence: sequence)
    var lastCommit: UInt64 = 0
    var next = start
    var steps: Int64 = 0

    func pass(_ count: Int64) throws(DisksError) {
      steps += count
      guard steps <= length - first else { throw reader.refusal(.journal, .endless) }
      next = first + (next - first + count) % (length - first)
    }

    while true {
      // Once around, and there is nothing that was not read.
      if steps == length - first { return done }
      let number = next
      let block = try block(number)
      guard block.isOwn(current.sequence) else { return done }
      try pass(1)
      switch block.kind {
      case JournalFormat.Kind.descriptor:
        if hasChecksums, !block.hasChecksum(at: block.bytes.count - 4, seed: seed) {
          current.isDoubtful = true
        }
        for var tag in tags(of: block) {
          tag.block = next
          current.tags.append(tag)
          try pass(1)
        }
      case JournalFormat.Kind.revocation:
        if hasChecksums, !block.hasChecksum(at: block.bytes.count - 4, seed: seed) {
          current.isDoubtful = true
        }
        if !current.isDoubtful { current.revoked += try revocations(in: block, number) }
      case JournalFormat.Kind.commit:
        let time = block.long(48)
        if hasChecksums, !block.hasChecksum(at: 16, seed: seed) { current.isDoubtful = true }
        if current.isDoubtful {
          // Older than what was committed before: from an earlier turn.
          if time < lastCommit { return done }
          throw reader.refusal(.journalBlock(number), .checksum)
        }
        try checkTargets(of: current)
        done.append(current)
        lastCommit = time
        current = JournalTransaction(sequence: current.sequence &+ 1)
      default: return done
      }
    }
  }

  /// "Block Tags", in three forms. The places of their blocks follow from their order.
  private func tags(of block: JournalBlock) -> [JournalTag] {
    let end = block.bytes.count - (hasChecksums ? 4 : 0)
    var tags: [JournalTag] = []
    var place = JournalFormat.headerSize
    while place <= end - tagSize {
      var target = UInt64(block.word(place))
      let flags: UInt32
      let checksum: UInt32
      if tagsHaveWideChecksums {
        flags = block.word(place + 4)
        if isWide { target |= UInt64(block.word(place + 8)) << 32 }
        checksum = block.word(place + 12)
      } else {
        checksum = UInt32(block.half(place + 4))
        flags = UInt32(block.half(place + 6))
        if isWide { target |= UInt64(block.word(place + 8)) << 32 }
      }
      tags.append(
        JournalTag(
          target: Int64(clamping: target), block: 0, checksum: checksum,
          isEscaped: flags & JournalFormat.TagFlag.escaped != 0))
      if flags & JournalFormat.TagFlag.last != 0 { break }
      place += tagSize + (flags & JournalFormat.TagFlag.sameIdentifier == 0 ? 16 : 0)
    }
    return tags
  }

  /// "Revocation Block": how many bytes of it are in use, then block numbers.
  private func revocations(
    in block: JournalBlock, _ number: Int64
  ) throws(DisksError) -> [Int64] {
    let end = Int64(block.word(12))
    let most = block.bytes.count - (hasChecksums ? 4 : 0)
    guard end >= 16, end <= most else { throw reader.refusal(.journalBlock(number), .length) }
    let size = isWide ? 8 : 4
    return stride(from: 16, through: Int(end) - size, by: size).map {
      isWide ? Int64(clamping: block.long($0)) : Int64(block.word($0))
    }
  }

  private func checkTargets(of transaction: JournalTransaction) throws(DisksError) {
    for tag in transaction.tags where tag.target >= reader.diskBlocks {
      throw reader.refusal(.journalBlock(tag.block), .outside)
    }
  }
}
