/// Where a file's data lies, as ext4 writes it: up to four extents in the inode, else one level
/// of blocks below it (ext4 documentation, "Extent Tree").
enum ExtentTree {
  struct Extent: Hashable {
    var logical: UInt32
    var start: UInt32
    var count: UInt32
  }

  static let perBlock = 340
  private static let magic: UInt16 = 0xF30A
  private static let inInode = 4
  /// The most that one initialised extent covers.
  private static let longest: UInt32 = 32768

  static func extents(_ runs: [BlockRun]) -> [Extent] {
    var extents: [Extent] = []
    var logical: UInt32 = 0
    for run in runs {
      var done: UInt32 = 0
      while done < run.count {
        let count = min(longest, run.count - done)
        extents.append(Extent(logical: logical, start: run.start + done, count: count))
        logical += count
        done += count
      }
    }
    return extents
  }

  /// Blocks that are needed besides the inode. Four of them hold more than fits on the disk.
  static func blocksNeeded(for extents: Int) -> Int {
    extents <= inInode ? 0 : (extents + perBlock - 1) / perBlock
  }

  /// The 60 bytes `i_block`.
  static func root(_ extents: [Extent], blocks: [UInt32]) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 60)
    if blocks.isEmpty {
      bytes.put(header(extents.count, most: inInode, depth: 0), at: 0)
      for (index, extent) in extents.enumerated() { bytes.put(record(extent), at: 12 + index * 12) }
      return bytes
    }
    bytes.put(header(blocks.count, most: inInode, depth: 1), at: 0)
    for (index, block) in blocks.enumerated() {
      bytes.put(extents[index * perBlock].logical, at: 12 + index * 12)
      bytes.put(block, at: 16 + index * 12)
    }
    return bytes
  }

  /// The contents of the block number `index` of the tree.
  static func block(_ index: Int, _ extents: [Extent], inodeSeed: UInt32) -> [UInt8] {
    let part = extents[index * perBlock..<min(extents.count, (index + 1) * perBlock)]
    var bytes = [UInt8](repeating: 0, count: DiskFormat.blockSize)
    bytes.put(header(part.count, most: perBlock, depth: 0), at: 0)
    for (position, extent) in part.enumerated() {
      bytes.put(record(extent), at: 12 + position * 12)
    }
    let end = 12 + perBlock * 12
    bytes.put(CRC32C.of(bytes[..<end], from: inodeSeed), at: end)
    return bytes
  }

  private static func header(_ count: Int, most: Int, depth: UInt16) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 12)
    bytes.put(magic, at: 0)
    bytes.put(UInt16(count), at: 2)
    bytes.put(UInt16(most), at: 4)
    bytes.put(depth, at: 6)
    return bytes
  }

  private static func record(_ extent: Extent) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 12)
    bytes.put(extent.logical, at: 0)
    bytes.put(UInt16(extent.count), at: 4)
    bytes.put(extent.start, at: 8)
    return bytes
  }
}
