/// Which blocks and inodes are taken, and how many are free in each group.
struct DiskSpace: Sendable {
  /// A bit for each block, as in the bitmaps on disk.
  private(set) var blocks: [UInt8]
  /// A bit for each inode.
  private(set) var inodes: [UInt8]
  private(set) var freeBlocks: [UInt32]
  private(set) var freeInodes: [UInt32]
  var directories: [UInt32]
  /// The highest inode that was ever taken in each group, counted from 1 within it.
  private(set) var inodesUsed: [UInt32]
  /// Groups whose bitmap of blocks has to be read; the others' follows from the geometry.
  private(set) var hasBlocks: [Bool]
  /// Groups whose descriptor changed.
  var changed: Set<Int> = []
  private var next = Geometry.firstFree

  init() {
    let groups = Geometry.groupCount
    blocks = [UInt8](repeating: 0, count: Int(Geometry.blockCount) / 8)
    inodes = [UInt8](repeating: 0, count: Int(Geometry.inodeCount) / 8)
    freeBlocks = [UInt32](repeating: Geometry.blocksPerGroup, count: groups)
    freeInodes = [UInt32](repeating: Geometry.inodesPerGroup, count: groups)
    directories = [UInt32](repeating: 0, count: groups)
    inodesUsed = directories
    hasBlocks = [Bool](repeating: false, count: groups)
    for copy in Geometry.copies { use(copy) }
    hasBlocks = [Bool](repeating: false, count: groups)
    // e2fsprogs never leaves the last one's to be worked out.
    hasBlocks[groups - 1] = true
    var taken = BlockRun(start: 0, count: Geometry.firstFree)
    for copy in Geometry.copies where copy.start < Geometry.firstFree {
      use(BlockRun(start: taken.start, count: copy.start - taken.start))
      taken.start = copy.end
    }
    use(BlockRun(start: taken.start, count: Geometry.firstFree - taken.start))
    // Where a table would have met a copy, blocks between the two stay free for good: they are
    // given up here, so that they count as free and nobody is told of them.
    for gap in Self.gaps { free(gap) }
    changed = []
  }

  /// Blocks before the first table's end that nothing stands in.
  private static let gaps: [BlockRun] = {
    var gaps: [BlockRun] = []
    for (table, after) in zip(Geometry.inodeTables, Geometry.inodeTables.dropFirst()) {
      let end = table + Geometry.tableBlocksPerGroup
      for copy in Geometry.copies where copy.start > end && copy.end <= after {
        gaps.append(BlockRun(start: end, count: copy.start - end))
      }
    }
    return gaps
  }()

  var usedBytes: Int64 {
    (Int64(Geometry.blockCount) - freeBlocks.reduce(0) { $0 + Int64($1) }) * 4096
  }

  static func groupOfInode(_ inode: UInt32) -> Int {
    Int((inode - 1) / Geometry.inodesPerGroup)
  }

  // MARK: Giving out

  /// Only for the journal, which always fits.
  mutating func allocateFirst(_ count: UInt32) -> UInt32 { (try? allocate(count)) ?? 0 }

  /// The first of `count` blocks that follow each other but for the copies in between.
  mutating func allocate(_ count: UInt32) throws(DisksError) -> UInt32 {
    let runs = Geometry.runs(from: next, count: count)
    guard UInt64(next) + UInt64(count) + 256 < UInt64(Geometry.blockCount), let first = runs.first,
      let last = runs.last
    else { throw .diskTooSmall(what: "\(DiskFormat.size)") }
    for run in runs { use(run) }
    next = last.end
    return first.start
  }

  /// Later data begins in a cluster of its own.
  mutating func alignToCluster() { next = (next + 15) & ~15 }

  private mutating func use(_ run: BlockRun) { set(run, true) }

  mutating func free(_ run: BlockRun) { set(run, false) }

  private mutating func set(_ run: BlockRun, _ isUsed: Bool) {
    for block in run.start..<run.end {
      let bit = UInt8(1) << UInt8(block & 7)
      if isUsed { blocks[Int(block >> 3)] |= bit } else { blocks[Int(block >> 3)] &= ~bit }
    }
    var rest = run
    while rest.count > 0 {
      let group = Int(rest.start / Geometry.blocksPerGroup)
      let count = min(rest.count, UInt32(group + 1) * Geometry.blocksPerGroup - rest.start)
      if isUsed { freeBlocks[group] -= count } else { freeBlocks[group] += count }
      hasBlocks[group] = true
      changed.insert(group)
      rest = BlockRun(start: rest.start + count, count: rest.count - count)
    }
  }

  mutating func useInode(_ inode: UInt32) {
    let index = inode - 1
    inodes[Int(index >> 3)] |= 1 << UInt8(index & 7)
    let group = Self.groupOfInode(inode)
    freeInodes[group] -= 1
    inodesUsed[group] = max(inodesUsed[group], index % Geometry.inodesPerGroup + 1)
    changed.insert(group)
  }

  mutating func freeInode(_ inode: UInt32) {
    let index = inode - 1
    inodes[Int(index >> 3)] &= ~(1 << UInt8(index & 7))
    let group = Self.groupOfInode(inode)
    freeInodes[group] += 1
    changed.insert(group)
  }

  // MARK: As blocks

  func blockBitmap(_ group: Int) -> [UInt8] {
    let size = Int(Geometry.blocksPerGroup) / 8
    return Array(blocks[group * size..<(group + 1) * size])
  }

  /// Bits beyond the last inode are set.
  func inodeBitmap(_ group: Int) -> [UInt8] {
    let size = Int(Geometry.inodesPerGroup) / 8
    return Array(inodes[group * size..<(group + 1) * size])
      + [UInt8](repeating: 0xFF, count: DiskFormat.blockSize - size)
  }
}
