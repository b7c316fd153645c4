/// Blocks that follow each other.
struct BlockRun: Sendable, Hashable {
  var start: UInt32
  var count: UInt32
  var end: UInt32 { start + count }
}

/// Where things stand that never move, whatever is in the file system: superblock and group
/// descriptors, their copies, then all bitmaps and all inode tables together (one flex group for
/// the whole), then the journal. Everything else is given out behind them, ascending.
enum Geometry {
  static let blockCount = UInt32(DiskFormat.blockCount)
  static let blocksPerGroup: UInt32 = 32768
  static let groupCount = Int(DiskFormat.groupCount)
  /// One inode for 16 KiB.
  static let inodesPerGroup: UInt32 = 8192
  static let inodeSize = 256
  static let inodesPerBlock = UInt32(DiskFormat.blockSize / inodeSize)
  static let tableBlocksPerGroup = inodesPerGroup / inodesPerBlock
  static let inodeCount = inodesPerGroup * UInt32(groupCount)
  static let descriptorSize = 64
  static let descriptorBlocks = UInt32(groupCount * descriptorSize / DiskFormat.blockSize)
  static let journalBlocks: UInt32 = 8192

  /// Groups with a copy of superblock and descriptors: 0, 1 and powers of 3, 5 and 7 (ext4
  /// documentation, "Sparse Super").
  static let groupsWithCopies: [Int] = {
    var groups: Set<Int> = [1]
    for base in [3, 5, 7] {
      var power = base
      while power < groupCount {
        groups.insert(power)
        power *= base
      }
    }
    return groups.sorted()
  }()

  static let copies: [BlockRun] = groupsWithCopies.map {
    BlockRun(start: UInt32($0) * blocksPerGroup, count: 1 + descriptorBlocks)
  }

  static func hasCopy(_ group: Int) -> Bool { group == 0 || groupsWithCopies.contains(group) }

  static let firstBlockBitmap = 1 + descriptorBlocks
  static let firstInodeBitmap = firstBlockBitmap + UInt32(groupCount)

  /// Where each group's inode table begins: whole, so it steps over copies.
  static let inodeTables: [UInt32] = {
    var tables: [UInt32] = []
    var next = firstInodeBitmap + UInt32(groupCount)
    for _ in 0..<groupCount {
      for copy in copies where copy.start < next + tableBlocksPerGroup && next < copy.end {
        next = copy.end
      }
      tables.append(next)
      next += tableBlocksPerGroup
    }
    return tables
  }()

  /// Blocks that never hold files' contents (`s_overhead_clusters`; Linux, `ext4_calculate_overhead`).
  static let overhead =
    UInt32(1 + groupsWithCopies.count) * (1 + descriptorBlocks)
    + UInt32(groupCount) * (2 + tableBlocksPerGroup) + journalBlocks

  /// The first block that is given out.
  static let firstFree = (inodeTables.last ?? 0) + tableBlocksPerGroup

  static func blockOfInode(_ inode: UInt32) -> UInt32 {
    let index = inode - 1
    return inodeTables[Int(index / inodesPerGroup)] + index % inodesPerGroup / inodesPerBlock
  }

  /// The run, with the copies in its way stepped over: `count` counts blocks of one's own.
  static func runs(from start: UInt32, count: UInt32) -> [BlockRun] {
    var runs: [BlockRun] = []
    var rest = BlockRun(start: start, count: count)
    for copy in copies {
      if copy.end <= rest.start { continue }
      if copy.start >= rest.end { break }
      if copy.start > rest.start {
        runs.append(BlockRun(start: rest.start, count: copy.start - rest.start))
        rest.count -= copy.start - rest.start
      }
      rest.start = copy.end
    }
    if rest.count > 0 { runs.append(rest) }
    return runs
  }

  /// Merges neighbours.
  static func runs(of blocks: [UInt32]) -> [BlockRun] {
    var runs: [BlockRun] = []
    for block in blocks {
      if let last = runs.last, last.end == block {
        runs[runs.count - 1].count += 1
      } else {
        runs.append(BlockRun(start: block, count: 1))
      }
    }
    return runs
  }
}
