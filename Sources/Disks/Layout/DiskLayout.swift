package import Layers
package import Vocabulary

/// Where everything of a chain stands on its disk: a pure function of the layers' tables of
/// contents, with the property that disks share their blocks by: adding a layer moves nothing
/// that is there. Inodes and blocks are given out ascending and never twice; each layer's data
/// begins at 64 KiB, so that it lies in clusters of its own (`docs/formats/disk.md`).
package struct DiskLayout: Sendable {
  enum Content: Sendable, Hashable {
    case free
    case file
    /// A position in `directories`.
    case directory(Int)
    case symlink([UInt8])
    case fifo
    case characterDevice(major: UInt32, minor: UInt32)
    case blockDevice(major: UInt32, minor: UInt32)
  }

  struct Inode: Sendable {
    var content: Content = .free
    /// Permission bits: `07777`.
    var mode: UInt16 = 0
    var uid: UInt32 = 0
    var gid: UInt32 = 0
    /// Seconds; all times of the inode, so that they depend on the layer alone.
    var modified: Int64 = 0
    var size: Int64 = 0
    var links: UInt32 = 0
    /// Where its data begins, and how many blocks it has; not for directories.
    var start: UInt32 = 0
    var count: UInt32 = 0
    /// Likewise the blocks of its extent tree.
    var treeStart: UInt32 = 0
    var treeCount: UInt32 = 0
    /// 0 if it has none.
    var attributeBlock: UInt32 = 0
    var attributes: [LayerEntry.Attribute] = []
  }

  struct Directory: Sendable {
    var inode: UInt32
    var parent: UInt32
    var entries: [[UInt8]: UInt32] = [:]
    var subdirectories: UInt32 = 0
    /// In the directory's order.
    var blocks: [UInt32] = []
    var tree: [UInt32] = []
  }

  /// A new file's contents: where they begin in the layer's tar, and whose they are.
  struct Source: Sendable {
    var tarStart: Int64
    var inode: UInt32
  }

  /// What the newest layer touched.
  struct Changes: Sendable {
    var inodes: Set<UInt32> = []
    var directories: Set<Int> = []
    var groups: Set<Int> = []
  }

  static let root: UInt32 = 2
  static let journal: UInt32 = 8
  static let lostAndFound: UInt32 = 11

  let identity: DiskIdentity
  /// From number 0, which is none, on.
  var inodes: [Inode]
  var directories: [Directory] = []
  /// For each layer.
  private(set) var sources: [[Source]] = []
  var changes = Changes()
  var space: DiskSpace
  /// As it was with the first layer alone: that is what the copies of superblock and descriptors
  /// say on every disk of the chain, as a kernel leaves them alone, too.
  private(set) var firstSpace: DiskSpace
  /// Bytes of blocks that layers took and later ones gave up.
  package internal(set) var deadBytes: Int64 = 0
  private let emptyBytes: Int64
  var paths = PathMemory()

  /// - Parameter seed: the diffID of the chain's first layer.
  package init(seed: Digest) {
    identity = DiskIdentity(seed: seed)
    inodes = [Inode](repeating: Inode(), count: Int(Self.lostAndFound) + 1)
    space = DiskSpace()
    firstSpace = space
    let start = space.allocateFirst(Geometry.journalBlocks)
    emptyBytes = space.usedBytes
    inodes[Int(Self.journal)] = Inode(
      content: .file, mode: 0o600, size: Int64(Geometry.journalBlocks) * 4096, links: 1,
      start: start, count: Geometry.journalBlocks)
    makeDirectory(Self.root, in: Self.root, mode: 0o755)
    makeDirectory(Self.lostAndFound, in: Self.root, mode: 0o700)
    directories[0].entries[Array("lost+found".utf8)] = Self.lostAndFound
    directories[0].subdirectories = 1
    for inode in 1...Self.lostAndFound { space.useInode(inode) }
    space.directories[0] = 2
  }

  package var layerCount: Int { sources.count }
  /// What files of the chain take; the file system itself is not counted.
  package var liveBytes: Int64 { space.usedBytes - emptyBytes }

  private mutating func makeDirectory(_ inode: UInt32, in parent: UInt32, mode: UInt16) {
    inodes[Int(inode)].content = .directory(directories.count)
    inodes[Int(inode)].mode = mode
    changes.directories.insert(directories.count)
    directories.append(Directory(inode: inode, parent: parent))
    changes.inodes.insert(inode)
  }

  // MARK: Adding a layer

  /// Lays one more layer on top.
  package mutating func add(_ layer: TableOfContents) throws(DisksError) {
    // What the empty file system itself needs comes with the first layer.
    if layerCount > 0 { changes = Changes() }
    space.changed = []
    space.alignToCluster()
    sources.append([])
    for item in layer.items where item.entry.isRemoval { try remove(item.entry) }
    var links: [LayerEntry] = []
    for item in layer.items where !item.entry.isRemoval {
      if case .hardLink = item.entry.kind { links.append(item.entry) } else { try add(item) }
    }
    // Last: their files may stand anywhere in the layer.
    for link in links { try add(link: link) }
    try placeMetadata()
    changes.groups = space.changed
    if layerCount == 1 { firstSpace = space }
  }

  private mutating func add(_ item: TableOfContents.Item) throws(DisksError) {
    let entry = item.entry
    if entry.path.isRoot {
      guard entry.kind == .directory else { throw refused(entry, "the root is a directory") }
      return try setMetadata(Self.root, entry)
    }
    let above = try directory(above: entry)
    let name = Array(entry.path.name)
    if let known = directories[above].entries[name] {
      if entry.kind == .directory, case .directory = inodes[Int(known)].content {
        return try setMetadata(known, entry)
      }
      drop(name, from: above)
    }
    let number = try newInode()
    var size: Int64 = 0
    switch entry.kind {
    case .directory:
      makeDirectory(number, in: directories[above].inode, mode: 0)
      directories[above].subdirectories += 1
      changes.inodes.insert(directories[above].inode)
      space.directories[DiskSpace.groupOfInode(number)] += 1
    case .file(let length):
      inodes[Int(number)].content = .file
      size = length
      if size > 0 { sources[layerCount - 1].append(Source(tarStart: item.start, inode: number)) }
    case .symlink(let target):
      guard target.count < DiskFormat.blockSize, !target.isEmpty, !target.contains(0) else {
        throw refused(entry, "its target has \(target.count) bytes")
      }
      inodes[Int(number)].content = .symlink(target)
      size = Int64(target.count)
    case .fifo: inodes[Int(number)].content = .fifo
    case .characterDevice(let major, let minor):
      inodes[Int(number)].content = .characterDevice(major: major, minor: minor)
    case .blockDevice(let major, let minor):
      inodes[Int(number)].content = .blockDevice(major: major, minor: minor)
    case .hardLink, .whiteout, .opaque: break
    }
    inodes[Int(number)].size = size
    inodes[Int(number)].links = 1
    if case .file = entry.kind { try placeData(number, size) }
    try setMetadata(number, entry)
    directories[above].entries[name] = number
    changes.directories.insert(above)
  }

  private mutating func add(link entry: LayerEntry) throws(DisksError) {
    guard case .hardLink(let target) = entry.kind else { return }
    let above = try directory(above: entry)
    guard let file = inode(at: target), !isDirectory(file) else {
      throw refused(entry, "it links to \"\(target)\", which is no file")
    }
    let name = Array(entry.path.name)
    if let known = directories[above].entries[name] {
      if known == file { return }
      drop(name, from: above)
    }
    guard inodes[Int(file)].links < 65000 else { throw refused(entry, "its file has 65,000 names") }
    directories[above].entries[name] = file
    inodes[Int(file)].links += 1
    changes.inodes.insert(file)
    changes.directories.insert(above)
  }

  private mutating func setMetadata(
    _ number: UInt32, _ entry: LayerEntry
  ) throws(DisksError) {
    do {
      let needsBlock = try Attributes.needBlock(entry.attributes)
      let old = inodes[Int(number)].attributeBlock
      if !needsBlock, old != 0 { give(BlockRun(start: old, count: 1)) }
      if !needsBlock { inodes[Int(number)].attributeBlock = 0 }
    } catch {
      throw refused(entry, "its extended attributes can't be kept (\(error))")
    }
    inodes[Int(number)].mode = UInt16(entry.mode & 0o7777)
    inodes[Int(number)].uid = entry.uid
    inodes[Int(number)].gid = entry.gid
    inodes[Int(number)].modified = entry.modified
    inodes[Int(number)].attributes = entry.attributes
    changes.inodes.insert(number)
  }

  private mutating func newInode() throws(DisksError) -> UInt32 {
    guard inodes.count <= Int(Geometry.inodeCount) else {
      throw .diskTooSmall(what: "\(Geometry.inodeCount) files")
    }
    let number = UInt32(inodes.count)
    inodes.append(Inode())
    space.useInode(number)
    return number
  }

  private mutating func placeData(_ number: UInt32, _ size: Int64) throws(DisksError) {
    if size == 0 { return }
    guard size <= DiskFormat.size.bytes else { throw .diskTooSmall(what: "\(DiskFormat.size)") }
    let count = UInt32((size + 4095) / 4096)
    inodes[Int(number)].start = try space.allocate(count)
    inodes[Int(number)].count = count
  }

  /// Behind all data of the layer: what its new and changed inodes need besides.
  private mutating func placeMetadata() throws(DisksError) {
    for number in changes.inodes.sorted() {
      let inode = inodes[Int(number)]
      switch inode.content {
      case .file where inode.treeCount == 0:
        let count = ExtentTree.blocksNeeded(for: extents(of: number).count)
        if count > 0 {
          inodes[Int(number)].treeStart = try space.allocate(UInt32(count))
          inodes[Int(number)].treeCount = UInt32(count)
        }
      case .symlink(let target) where target.count >= 60 && inode.count == 0:
        inodes[Int(number)].start = try space.allocate(1)
        inodes[Int(number)].count = 1
      default: break
      }
      if inode.attributeBlock == 0, (try? Attributes.needBlock(inode.attributes)) == true {
        inodes[Int(number)].attributeBlock = try space.allocate(1)
      }
    }
    for index in changes.directories.sorted(by: { directories[$0].inode < directories[$1].inode }) {
      try placeDirectory(index)
    }
  }

  private mutating func placeDirectory(_ index: Int) throws(DisksError) {
    guard let packed = packed(index) else { throw .diskTooSmall(what: "a directory's entries") }
    var blocks = directories[index].blocks
    if blocks.count < packed.count {
      let missing = UInt32(packed.count - blocks.count)
      let start = try space.allocate(missing)
      for run in Geometry.runs(from: start, count: missing) { blocks += run.start..<run.end }
    }
    for block in blocks.dropFirst(packed.count) { give(BlockRun(start: block, count: 1)) }
    directories[index].blocks = Array(blocks.prefix(packed.count))
    let inode = directories[index].inode
    changes.inodes.insert(inode)
    let needed = ExtentTree.blocksNeeded(for: extents(of: inode).count)
    while directories[index].tree.count < needed {
      directories[index].tree.append(try space.allocate(1))
    }
    while directories[index].tree.count > needed {
      give(BlockRun(start: directories[index].tree.removeLast(), count: 1))
    }
  }
}
