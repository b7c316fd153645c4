internal import Layers
internal import Vocabulary

/// What a layer takes away: names, and inodes and blocks that have no name any more. None of them
/// is given out again.
extension DiskLayout {
  mutating func remove(_ entry: LayerEntry) throws(DisksError) {
    // A mark may speak of what never was.
    if entry.kind == .whiteout {
      guard let parent = entry.path.parent, let above = inode(at: parent),
        case .directory(let index) = inodes[Int(above)].content
      else { return }
      drop(Array(entry.path.name), from: index)
    } else if let number = inode(at: entry.path),
      case .directory(let index) = inodes[Int(number)].content
    {
      for name in directories[index].entries.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
        if number == Self.root, name == Array("lost+found".utf8) { continue }
        drop(name, from: index)
      }
    }
  }

  /// Takes a name out of a directory, and what has no name any more out of the file system.
  mutating func drop(_ name: [UInt8], from directory: Int) {
    guard let number = directories[directory].entries.removeValue(forKey: name) else { return }
    paths.forget()
    changes.directories.insert(directory)
    guard case .directory = inodes[Int(number)].content else { return unlink(number) }
    directories[directory].subdirectories -= 1
    changes.inodes.insert(directories[directory].inode)
    var stack = [number]
    while let next = stack.popLast() {
      guard case .directory(let index) = inodes[Int(next)].content else { continue }
      for child in directories[index].entries.values {
        if isDirectory(child) { stack.append(child) } else { unlink(child) }
      }
      for run in Geometry.runs(of: directories[index].blocks + directories[index].tree) {
        give(run)
      }
      space.directories[DiskSpace.groupOfInode(next)] -= 1
      changes.directories.remove(index)
      directories[index] = Directory(inode: 0, parent: 0)
      free(next)
    }
  }

  private mutating func unlink(_ number: UInt32) {
    inodes[Int(number)].links -= 1
    changes.inodes.insert(number)
    if inodes[Int(number)].links == 0 { free(number) }
  }

  private mutating func free(_ number: UInt32) {
    let inode = inodes[Int(number)]
    for run in Geometry.runs(from: inode.start, count: inode.count)
      + Geometry.runs(from: inode.treeStart, count: inode.treeCount)
    {
      give(run)
    }
    if inode.attributeBlock != 0 { give(BlockRun(start: inode.attributeBlock, count: 1)) }
    inodes[Int(number)] = Inode()
    space.freeInode(number)
    changes.inodes.insert(number)
  }

  mutating func give(_ run: BlockRun) {
    space.free(run)
    deadBytes += Int64(run.count) * 4096
  }
}
