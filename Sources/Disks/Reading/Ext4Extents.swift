extension Ext4Reader {
  /// A run of a file's blocks that follow each other on the disk.
  struct Mapping {
    /// The first one; `nil` where the file is all zeroes.
    var start: Int64?
    var count: Int64
  }

  /// One node of the tree that says where a file is, checked as a whole: in order, within what
  /// the node above leaves to it, within the disk.
  ///
  /// Format: "ext4 Data Structures and Algorithms" of the kernel, "Extent Tree".
  struct ExtentNode {
    static let deepest = 5
    private static let entrySize = 12

    let depth: Int
    private let raw: MetadataBytes
    private let count: Int
    /// The blocks of the file that it speaks of.
    private let range: Range<Int64>

    /// - Parameter expected: how many nodes lie below it; `nil` for the topmost.
    init(
      _ bytes: [UInt8], depth expected: Int?, range: Range<Int64>, checksum seed: UInt32?
    ) throws(Fault) {
      raw = MetadataBytes(bytes)
      guard try raw.half(0) == 0xF30A else { throw .extents("there is no node") }
      count = Int(try raw.half(2))
      let most = Int(try raw.half(4))
      depth = Int(try raw.half(6))
      self.range = range
      guard most <= (bytes.count - Self.entrySize) / Self.entrySize, count <= most else {
        throw .extents("a node has \(count) entries, with room for \(most)")
      }
      if let expected {
        guard depth == expected else {
          throw .extents("a node is at depth \(depth) instead of \(expected)")
        }
        // Else a node could stand below any number of others.
        guard count > 0 else { throw .extents("a node is empty") }
      } else {
        guard depth <= Self.deepest else { throw .extents("the tree is \(depth) deep") }
        guard depth == 0 || count > 0 else { throw .extents("a node is empty") }
      }
      guard let seed, expected != nil else { return }
      let end = Self.entrySize * (most + 1)
      guard try raw.word(end) == CRC32C.of(bytes[..<end], from: seed) else { throw .checksum }
    }

    enum Step {
      case found(Mapping)
      /// Go on in this block of the disk, which speaks of these blocks of the file.
      case down(Int64, Range<Int64>)
    }

    /// Where a block of the file is, or who says more.
    func step(to block: Int64, _ superblock: Superblock) throws(Fault) -> Step {
      depth == 0 ? .found(try leaf(block, superblock)) : try index(block, superblock)
    }

    private func leaf(_ block: Int64, _ superblock: Superblock) throws(Fault) -> Mapping {
      var end = range.lowerBound
      for entry in 0..<count {
        let place = Self.entrySize * (entry + 1)
        let first = Int64(try raw.word(place))
        let length = Int64(try raw.half(place + 4))
        let start = Int64(try raw.word(place + 8)) | Int64(try raw.half(place + 6)) << 32
        // "Extents that have been allocated but not initialised" have 32,768 more.
        let isWritten = length <= 32768
        let blocks = isWritten ? length : length - 32768
        guard blocks > 0, first >= end, first + blocks <= range.upperBound else {
          throw .extents("extents are out of order")
        }
        try superblock.require(start, blocks)
        if block < first { return Mapping(start: nil, count: first - block) }
        end = first + blocks
        if block < end {
          return Mapping(start: isWritten ? start + block - first : nil, count: end - block)
        }
      }
      return Mapping(start: nil, count: range.upperBound - block)
    }

    private func index(_ block: Int64, _ superblock: Superblock) throws(Fault) -> Step {
      var found: (child: Int64, first: Int64)?
      var end = range.upperBound
      var last: Int64?
      for entry in 0..<count {
        let place = Self.entrySize * (entry + 1)
        let first = Int64(try raw.word(place))
        guard first > last ?? -1, range.contains(first) else {
          throw .extents("nodes are out of order")
        }
        last = first
        if first > block {
          end = first
          break
        }
        let child = Int64(try raw.word(place + 4)) | Int64(try raw.half(place + 8)) << 32
        try superblock.require(child, 1)
        found = (child, first)
      }
      guard let found else { return .found(Mapping(start: nil, count: end - block)) }
      return .down(found.child, found.first..<end)
    }
  }

  /// Where a block of a file is, and for how many blocks that goes on.
  func mapping(of inode: Inode, block: Int64) throws(DisksError) -> Mapping {
    guard inode.usesExtents else {
      throw error(.inode(inode.number), .unread("a map of blocks instead of extents"))
    }
    let seed = superblock.checksumSeed == nil ? nil : inode.checksumSeed
    var place = Place.extents(inode: inode.number, block: nil)
    var bytes = inode.block
    var range: Range<Int64> = 0..<1 << 32
    var depth: Int?
    // At most six times: each node is one less deep than the one above.
    while true {
      let (step, found) = try at(place) { () throws(Fault) in
        let node = try ExtentNode(bytes, depth: depth, range: range, checksum: seed)
        return (try node.step(to: block, superblock), node.depth)
      }
      switch step {
      case .found(let mapping): return mapping
      case .down(let child, let below):
        place = .extents(inode: inode.number, block: child)
        bytes = try self.block(child)
        range = below
        depth = found - 1
      }
    }
  }
}
