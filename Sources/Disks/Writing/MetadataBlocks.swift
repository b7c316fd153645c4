/// Everything in a file system that is no file's contents, block by block: all of it, or what the
/// newest layer touched.
struct MetadataBlocks {
  private enum Part {
    case superblock
    case descriptors
    /// Superblock and descriptors once more. Written with the whole alone: as the kernel does, later
    /// changes leave the copies as they are.
    case copy(group: Int)
    case journal
    case blockBitmap(group: Int)
    case inodeBitmap(group: Int)
    /// The block of an inode table with this inode as its first.
    case inodes(first: UInt32)
    case directory(Int)
    case extentTree(inode: UInt32)
    case attributes(inode: UInt32)
    case symlink(inode: UInt32)
  }

  private let layout: DiskLayout
  private var parts: [Part] = [.superblock, .descriptors]

  init(_ layout: DiskLayout, whole: Bool) {
    self.layout = layout
    var groups = whole ? Array(0..<Geometry.groupCount) : layout.changes.groups.sorted()
    if whole {
      parts += Geometry.groupsWithCopies.map { .copy(group: $0) }
      parts.append(.journal)
    }
    groups = groups.filter { layout.space.hasBlocks[$0] || layout.space.inodesUsed[$0] > 0 }
    parts += groups.filter { layout.space.hasBlocks[$0] }.map { .blockBitmap(group: $0) }
    parts += groups.filter { layout.space.inodesUsed[$0] > 0 }.map { .inodeBitmap(group: $0) }
    let inodes =
      whole ? Array(1..<UInt32(layout.inodes.count)) : layout.changes.inodes.sorted()
    var last: UInt32 = 0
    for inode in inodes {
      let first = (inode - 1) / Geometry.inodesPerBlock * Geometry.inodesPerBlock + 1
      if first != last { parts.append(.inodes(first: first)) }
      last = first
    }
    for inode in inodes {
      let record = layout.inodes[Int(inode)]
      if case .symlink = record.content, record.count > 0 { parts.append(.symlink(inode: inode)) }
      if !layout.tree(of: inode).isEmpty { parts.append(.extentTree(inode: inode)) }
      if record.attributeBlock != 0 { parts.append(.attributes(inode: inode)) }
    }
    let directories =
      whole ? Array(layout.directories.indices) : layout.changes.directories.sorted()
    parts += directories.filter { layout.directories[$0].inode != 0 }.map { .directory($0) }
  }

  /// The numbers of all blocks, without making any.
  var numbers: [UInt32] { parts.flatMap(numbers) }

  private func numbers(_ part: Part) -> [UInt32] {
    switch part {
    case .superblock: [0]
    case .descriptors: Array(1..<1 + Geometry.descriptorBlocks)
    case .copy(let group):
      Array(
        UInt32(group) * Geometry.blocksPerGroup..<UInt32(group) * Geometry.blocksPerGroup + 1
          + Geometry.descriptorBlocks)
    case .journal: [layout.inodes[Int(DiskLayout.journal)].start]
    case .blockBitmap(let group): [Geometry.firstBlockBitmap + UInt32(group)]
    case .inodeBitmap(let group): [Geometry.firstInodeBitmap + UInt32(group)]
    case .inodes(let first): [Geometry.blockOfInode(first)]
    case .directory(let index): layout.directories[index].blocks
    case .extentTree(let inode): layout.tree(of: inode)
    case .attributes(let inode): [layout.inodes[Int(inode)].attributeBlock]
    case .symlink(let inode): [layout.inodes[Int(inode)].start]
    }
  }

  /// Calls with every block's number and its 4,096 bytes.
  func forEach(_ body: (UInt32, ArraySlice<UInt8>) throws -> Void) rethrows {
    for part in parts {
      let bytes = contents(part)
      for (index, number) in numbers(part).enumerated() {
        try body(number, bytes[index * DiskFormat.blockSize..<(index + 1) * DiskFormat.blockSize])
      }
    }
  }

  private func contents(_ part: Part) -> [UInt8] {
    switch part {
    case .superblock: layout.superblock(group: 0)
    case .descriptors: layout.descriptors(group: 0)
    case .copy(let group): layout.superblock(group: group) + layout.descriptors(group: group)
    case .journal: layout.journalSuperblock()
    case .blockBitmap(let group): layout.space.blockBitmap(group)
    case .inodeBitmap(let group): layout.space.inodeBitmap(group)
    case .inodes(let first):
      (first..<first + Geometry.inodesPerBlock).flatMap { layout.inodeRecord($0) }
    case .directory(let index): directory(index)
    case .extentTree(let inode): extentTree(inode)
    case .attributes(let inode):
      Attributes.block(
        layout.inodes[Int(inode)].attributes, number: layout.inodes[Int(inode)].attributeBlock,
        seed: layout.identity.checksumSeed)
    case .symlink(let inode): symlink(inode)
    }
  }

  private func directory(_ index: Int) -> [UInt8] {
    let directory = layout.directories[index]
    let seed = layout.identity.seed(ofInode: directory.inode)
    let blocks = layout.packed(index)?.render(
      inode: directory.inode, parent: directory.parent, inodeSeed: seed)
    return (blocks ?? []).flatMap { $0 }
  }

  private func extentTree(_ inode: UInt32) -> [UInt8] {
    let extents = layout.extents(of: inode)
    let seed = layout.identity.seed(ofInode: inode)
    return layout.tree(of: inode).indices.flatMap {
      ExtentTree.block($0, extents, inodeSeed: seed)
    }
  }

  private func symlink(_ inode: UInt32) -> [UInt8] {
    guard case .symlink(let target) = layout.inodes[Int(inode)].content else { return [] }
    return target + [UInt8](repeating: 0, count: DiskFormat.blockSize - target.count)
  }
}
