internal import Layers
internal import Vocabulary

/// What stands where, as the layers so far leave it.
extension DiskLayout {
  func refused(_ entry: LayerEntry, _ reason: String) -> DisksError {
    .layers(.unsafeEntry(path: entry.path.description, reason: reason))
  }

  func isDirectory(_ number: UInt32) -> Bool {
    if case .directory = inodes[Int(number)].content { return true }
    return false
  }

  mutating func directory(above entry: LayerEntry) throws(DisksError) -> Int {
    guard let parent = entry.path.parent else { return 0 }
    if let known = paths.directory(parent) { return known }
    guard let number = inode(at: parent) else {
      throw refused(entry, "no entry makes its directory")
    }
    guard case .directory(let index) = inodes[Int(number)].content else {
      throw refused(entry, "it lies below something that is no directory")
    }
    paths.remember(parent, index)
    return index
  }

  /// No link is followed.
  func inode(at path: GuestPath) -> UInt32? {
    var number = Self.root
    for part in path.parts {
      guard case .directory(let index) = inodes[Int(number)].content,
        let next = directories[index].entries[Array(part)]
      else { return nil }
      number = next
    }
    return number
  }

  func packed(_ directory: Int) -> DirectoryBlocks? {
    DirectoryBlocks(
      directories[directory].entries.map { name, inode in
        .init(name: name, inode: inode, type: fileType(inode))
      }, hash: identity.directoryHash)
  }

  func extents(of number: UInt32) -> [ExtentTree.Extent] {
    let inode = inodes[Int(number)]
    if case .directory(let index) = inode.content {
      return ExtentTree.extents(Geometry.runs(of: directories[index].blocks))
    }
    return ExtentTree.extents(Geometry.runs(from: inode.start, count: inode.count))
  }

  /// Blocks of the extent tree.
  func tree(of number: UInt32) -> [UInt32] {
    let inode = inodes[Int(number)]
    if case .directory(let index) = inode.content { return directories[index].tree }
    return Geometry.runs(from: inode.treeStart, count: inode.treeCount).flatMap {
      Array($0.start..<$0.end)
    }
  }

  /// `EXT4_FT_…`
  private func fileType(_ number: UInt32) -> UInt8 {
    switch inodes[Int(number)].content {
    case .file: 1
    case .directory: 2
    case .characterDevice: 3
    case .blockDevice: 4
    case .fifo: 5
    case .symlink: 7
    case .free: 0
    }
  }
}

/// The directory that was asked for last: entries that follow each other mostly share it.
struct PathMemory: Sendable {
  private var path: GuestPath?
  private var index = 0

  func directory(_ asked: GuestPath) -> Int? { asked == path ? index : nil }

  mutating func remember(_ asked: GuestPath, _ found: Int) {
    path = asked
    index = found
  }

  mutating func forget() { path = nil }
}
