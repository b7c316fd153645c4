/// A directory's entries laid out in blocks: one linear block, or a hash tree once they don't fit
/// in it (ext4 documentation, "Directory Entries", "Hash Tree Directories").
struct DirectoryBlocks {
  struct Entry {
    var name: [UInt8]
    var inode: UInt32
    /// `EXT4_FT_…`
    var type: UInt8
  }

  private static let size = DiskFormat.blockSize
  /// Behind the entries stands their checksum.
  private static let room = size - 12
  /// Room that stays free for what is added later: a fifth, as e2fsck leaves it.
  private static let filled = size - size / 5 - 12
  private static let rootLimit = (size - 32 - 8) / 8
  private static let nodeLimit = (size - 8 - 8) / 8

  private let entries: [Entry]
  /// Which entries stand in each leaf; empty for a linear directory.
  private var leaves: [(range: Range<Int>, hash: UInt32)] = []
  /// Nodes between the root and the leaves: none, or one level.
  private var nodes = 0

  /// Blocks in all; `nil` for more than a tree of two levels holds.
  private(set) var count = 1
  var isIndexed: Bool { !leaves.isEmpty }

  init?(_ unsorted: [Entry], hash: DirectoryHash) {
    let bytes = unsorted.reduce(24) { $0 + Self.length($1) }
    if bytes <= Self.room {
      entries = unsorted.sorted { $0.name.lexicographicallyPrecedes($1.name) }
      return
    }
    let hashed = unsorted.map { (hash: hash($0.name), entry: $0) }.sorted { left, right in
      left.hash != right.hash
        ? left.hash < right.hash : left.entry.name.lexicographicallyPrecedes(right.entry.name)
    }
    entries = hashed.map(\.entry)
    var first = 0
    var used = 0
    for (index, item) in hashed.enumerated() {
      let length = Self.length(item.entry)
      if used + length > Self.filled, index > first {
        leaves.append((first..<index, hashed[first].hash))
        first = index
        used = 0
      }
      used += length
    }
    leaves.append((first..<hashed.count, hashed[first].hash))
    for index in leaves.indices.dropFirst() {
      let last = hashed[leaves[index].range.lowerBound - 1].hash
      if last == leaves[index].hash { leaves[index].hash |= 1 }
    }
    leaves[0].hash = 0
    if leaves.count > Self.rootLimit {
      nodes = (leaves.count + Self.nodeLimit - 1) / Self.nodeLimit
      if nodes > Self.rootLimit { return nil }
    }
    count = 1 + leaves.count + nodes
  }

  private static func length(_ entry: Entry) -> Int { (8 + entry.name.count + 3) & ~3 }

  /// The blocks in order: the root, the leaves, the nodes.
  func render(inode: UInt32, parent: UInt32, inodeSeed: UInt32) -> [[UInt8]] {
    let dots = [
      Entry(name: [0x2E], inode: inode, type: 2),
      Entry(name: [0x2E, 0x2E], inode: parent, type: 2),
    ]
    if !isIndexed { return [Self.leaf((dots + entries)[...], inodeSeed)] }
    // Positions in the directory: leaves from 1 on, nodes behind them.
    let targets = leaves.enumerated().map { (hash: $1.hash, block: UInt32(1 + $0)) }
    var blocks: [[UInt8]] = []
    var root = [UInt8](repeating: 0, count: Self.size)
    Self.put(dots[0], length: 12, at: 0, in: &root)
    Self.put(dots[1], length: Self.size - 12, at: 12, in: &root)
    root[28] = 1  // half MD4
    root[29] = 8  // length of this information
    root[30] = nodes == 0 ? 0 : 1
    var upper = targets
    if nodes > 0 {
      upper = (0..<nodes).map {
        (targets[$0 * Self.nodeLimit].hash, UInt32(1 + leaves.count + $0))
      }
    }
    Self.index(upper, limit: Self.rootLimit, at: 32, in: &root, inodeSeed)
    blocks.append(root)
    for leaf in leaves { blocks.append(Self.leaf(entries[leaf.range], inodeSeed)) }
    for node in 0..<nodes {
      let part = targets[
        node * Self.nodeLimit..<min(targets.count, (node + 1) * Self.nodeLimit)]
      var block = [UInt8](repeating: 0, count: Self.size)
      block.put(UInt16(Self.size), at: 4)
      Self.index(Array(part), limit: Self.nodeLimit, at: 8, in: &block, inodeSeed)
      blocks.append(block)
    }
    return blocks
  }

  private static func leaf(_ entries: ArraySlice<Entry>, _ inodeSeed: UInt32) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: size)
    var offset = 0
    for (index, entry) in entries.enumerated() {
      let isLast = index == entries.count - 1
      let length = isLast ? room - offset : length(entry)
      put(entry, length: length, at: offset, in: &block)
      offset += length
    }
    if entries.isEmpty { block.put(UInt16(room), at: 4) }
    block.put(UInt16(12), at: room + 4)
    block[room + 7] = 0xDE
    block.put(CRC32C.of(block[..<room], from: inodeSeed), at: room + 8)
    return block
  }

  private static func put(_ entry: Entry, length: Int, at offset: Int, in block: inout [UInt8]) {
    block.put(entry.inode, at: offset)
    block.put(UInt16(length), at: offset + 4)
    block[offset + 6] = UInt8(entry.name.count)
    block[offset + 7] = entry.type
    block.put(entry.name, at: offset + 8)
  }

  /// Entries of the tree; the first one's hash stands for "from 0" and makes room for the counts.
  private static func index(
    _ targets: [(hash: UInt32, block: UInt32)], limit: Int, at start: Int,
    in block: inout [UInt8], _ inodeSeed: UInt32
  ) {
    for (position, target) in targets.enumerated() {
      block.put(target.hash, at: start + position * 8)
      block.put(target.block, at: start + position * 8 + 4)
    }
    block.put(UInt16(limit), at: start)
    block.put(UInt16(targets.count), at: start + 2)
    let end = start + targets.count * 8
    let tail = start + limit * 8
    var crc = CRC32C.of(block[..<end], from: inodeSeed)
    crc = CRC32C.of(block[tail..<tail + 4], from: crc)
    crc = CRC32C.of(UInt32(0), from: crc)
    block.put(crc, at: tail + 4)
  }
}
