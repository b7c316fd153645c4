/// A stretch of a file ("Extent Tree", `ext4_extent`), in blocks.
struct Ext4Extent: Hashable {
  /// Its first block in the file.
  var logical: Int64
  var count: Int64
  /// Its first block in the file system.
  var start: Int64
  /// Else it is only reserved, and reads as zeroes.
  var isWritten: Bool

  var end: Int64 { logical + count }
}

extension Ext4Reader {
  /// The extents of a file, ascending and apart from each other.
  func extents(of inode: Ext4Inode) throws(DisksError) -> [Ext4Extent] {
    var walk = Ext4ExtentWalk(inode, self)
    try walk.node(inode.map, depth: nil, block: nil, before: 1 << 32)
    return walk.found
  }
}

/// One way through an extent tree. Ends whatever the blocks say: a child must have less depth than
/// its parent, and keys that lie between its parent's, so no block is a child twice.
private struct Ext4ExtentWalk {
  private let reader: Ext4Reader
  private let inode: Ext4Inode
  private(set) var found: [Ext4Extent] = []
  /// Keys must not be below.
  private var next: Int64 = 0
  private var blocks: Int64 = 0

  init(_ inode: Ext4Inode, _ reader: Ext4Reader) {
    self.inode = inode
    self.reader = reader
  }

  private func flaw(_ flaw: Ext4Flaw) -> DisksError { reader.refusal(.extents(inode.number), flaw) }

  /// - Parameters:
  ///   - depth: which it must have; `nil` for the root.
  ///   - block: of the node, which has a checksum; `nil` for the root.
  ///   - limit: the first key that is not its own any more.
  mutating func node(
    _ bytes: [UInt8], depth: Int?, block: Int64?, before limit: Int64
  ) throws(DisksError) {
    func half(_ offset: Int) -> Int { Int(bytes.number(UInt16.self, at: offset)) }
    guard bytes.number(UInt16.self, at: 0) == Ext4.extentMagic else {
      throw flaw(inode.flags & Ext4.InodeFlag.extents == 0 ? .blockMap : .magic)
    }
    let count = half(2)
    let most = half(4)
    let level = half(6)
    guard depth == nil ? level <= Ext4.deepestExtentTree : level == depth else {
      throw flaw(.depth)
    }
    guard most <= (bytes.count - Ext4.extentHeaderSize) / Ext4.extentSize, count <= most,
      count > 0 || (depth == nil && level == 0)
    else { throw flaw(.entries) }
    if block != nil, reader.volume.hasChecksums {
      let tail = Ext4.extentHeaderSize + most * Ext4.extentSize
      guard tail <= bytes.count - 4,
        CRC32C.of(bytes[..<tail], after: inode.checksumSeed)
          == bytes.number(UInt32.self, at: tail)
      else { throw flaw(.checksum) }
    }
    for index in 0..<count {
      let place = Ext4.extentHeaderSize + index * Ext4.extentSize
      let key = Int64(bytes.number(UInt32.self, at: place))
      guard key >= next, key < limit else { throw flaw(.order) }
      if level == 0 {
        try leaf(bytes, at: place, key, before: limit)
      } else {
        var end = limit
        if index + 1 < count {
          end = min(limit, Int64(bytes.number(UInt32.self, at: place + Ext4.extentSize)))
        }
        next = key
        try child(bytes, at: place, depth: level - 1, before: end)
      }
    }
  }

  private mutating func leaf(
    _ bytes: [UInt8], at place: Int, _ key: Int64, before limit: Int64
  ) throws(DisksError) {
    let length = UInt32(bytes.number(UInt16.self, at: place + 4))
    let isWritten = length <= Ext4.longestExtent
    let count = Int64(isWritten ? length : length - Ext4.longestExtent)
    let start =
      Int64(bytes.number(UInt32.self, at: place + 8))
      | Int64(bytes.number(UInt16.self, at: place + 6)) << 32
    guard count > 0, key + count <= limit else { throw flaw(.length) }
    guard start > reader.volume.firstDataBlock, start <= reader.blocks.blockCount - count else {
      throw flaw(.outside)
    }
    try take(count)
    next = key + count
    found.append(Ext4Extent(logical: key, count: count, start: start, isWritten: isWritten))
  }

  private mutating func child(
    _ bytes: [UInt8], at place: Int, depth: Int, before limit: Int64
  ) throws(DisksError) {
    let block =
      Int64(bytes.number(UInt32.self, at: place + 4))
      | Int64(bytes.number(UInt16.self, at: place + 8)) << 32
    guard block > reader.volume.firstDataBlock else { throw flaw(.outside) }
    try take(1)
    let node = try reader.blocks.block(block, of: .extents(inode.number))
    try self.node(node, depth: depth, block: block, before: limit)
  }

  /// A file takes no more blocks than its inode says, and nothing here takes more steps.
  private mutating func take(_ count: Int64) throws(DisksError) {
    blocks += count
    guard blocks <= inode.blocks else { throw flaw(.moreBlocks) }
  }
}
