internal import Host
package import Vocabulary

/// One name in a file system and what it stands for.
package struct Ext4Entry: Sendable, Hashable {
  package var path: GuestPath
  package var inode: Ext4Inode
  /// The path that the same inode had before, if this is not its first name.
  package var linkOf: GuestPath?
}

/// All entries of a file system, the root first, in the order of a layer: raw bytes of the path.
///
/// Memory: the names of directories that have been opened and not yet passed, and a bit for each
/// inode seen.
package final class Ext4Walk {
  private struct Pending {
    var path: GuestPath
    var name: Ext4Name
    /// The directory that it is in.
    var parent: UInt32
  }

  private let reader: Ext4Reader
  private var pending = Heap<Pending> { $0.path < $1.path }
  private var seen: [UInt32: [UInt64]] = [:]
  /// Names and first path of inodes that say they have several.
  private var linked: [UInt32: (names: UInt32, first: GuestPath)] = [:]
  /// Blocks of the inodes seen, the shared ones of attributes not counted.
  private var blocks: Int64 = 0

  init(_ reader: Ext4Reader) {
    self.reader = reader
    let root = Ext4Name(name: [], inode: Ext4.rootInode, type: Ext4.FileType.directory)
    pending.insert(Pending(path: .root, name: root, parent: Ext4.rootInode))
  }

  /// `nil` after the last one.
  package func next() throws(DisksError) -> Ext4Entry? {
    // What comes next is the least of all that is known: what is not known yet lies below one of
    // them and comes after it.
    guard let next = pending.removeLeast() else { return nil }
    let inode = try reader.inode(next.name.inode)
    guard next.name.agrees(with: inode) else {
      throw reader.refusal(.directory(next.parent), .fileType)
    }
    var entry = Ext4Entry(path: next.path, inode: inode)
    if insert(inode.number) {
      blocks += max(0, inode.blocks - (inode.attributeBlock == 0 ? 0 : 1))
      guard blocks <= reader.blocks.blockCount else {
        throw reader.refusal(.inode(inode.number), .tooManyBlocks)
      }
      if inode.kind != .directory, inode.links > 1 { linked[inode.number] = (1, next.path) }
    } else {
      guard inode.kind != .directory else { throw reader.refusal(.directory(next.parent), .loop) }
      guard let known = linked[inode.number], known.names < inode.links else {
        throw reader.refusal(.inode(inode.number), .moreNames)
      }
      linked[inode.number]?.names += 1
      entry.linkOf = known.first
    }
    if inode.kind == .directory { try open(next.path, inode, in: next.parent) }
    return entry
  }

  private func open(
    _ path: GuestPath, _ inode: Ext4Inode, in parent: UInt32
  ) throws(DisksError) {
    for name in try reader.names(in: inode, parent: parent) {
      guard let path = path.appending(name.name) else {
        throw reader.refusal(.directory(inode.number), .pathTooLong)
      }
      pending.insert(Pending(path: path, name: name, parent: inode.number))
    }
  }

  /// False if it was there already.
  private func insert(_ inode: UInt32) -> Bool {
    let (page, bit) = (inode / 4096, Int(inode % 4096))
    var words = seen.removeValue(forKey: page) ?? [UInt64](repeating: 0, count: 64)
    let mask: UInt64 = 1 << UInt64(bit % 64)
    let isNew = words[bit / 64] & mask == 0
    words[bit / 64] |= mask
    seen[page] = words
    return isNew
  }
}

/// A binary heap: the least of what is in it comes out first.
struct Heap<Element> {
  private var elements: [Element] = []
  private let isBefore: (Element, Element) -> Bool

  init(_ isBefore: @escaping (Element, Element) -> Bool) { self.isBefore = isBefore }

  mutating func insert(_ element: Element) {
    elements.append(element)
    var index = elements.count - 1
    while index > 0, isBefore(elements[index], elements[(index - 1) / 2]) {
      elements.swapAt(index, (index - 1) / 2)
      index = (index - 1) / 2
    }
  }

  /// `nil` if it is empty.
  mutating func removeLeast() -> Element? {
    guard let least = elements.first else { return nil }
    let last = elements.removeLast()
    if elements.isEmpty { return least }
    elements[0] = last
    var index = 0
    while true {
      var smallest = index
      for child in [2 * index + 1, 2 * index + 2]
      where child < elements.count && isBefore(elements[child], elements[smallest]) {
        smallest = child
      }
      if smallest == index { return least }
      elements.swapAt(index, smallest)
      index = smallest
    }
  }
}

extension Ext4Reader {
  /// All that is in the file system.
  package func walk() -> Ext4Walk { Ext4Walk(self) }

  /// What has that path; `nil` if nothing has. Links are not followed, at no part of it.
  package func lookup(_ path: GuestPath) throws(DisksError) -> Ext4Entry? {
    var inode = try root
    var parent = Ext4.rootInode
    for part in path.parts {
      guard inode.kind == .directory else { return nil }
      let names = try names(in: inode, parent: parent)
      guard let found = names.first(where: { $0.name.elementsEqual(part) }) else { return nil }
      parent = inode.number
      inode = try self.inode(found.inode)
      guard found.agrees(with: inode) else { throw refusal(.directory(parent), .fileType) }
    }
    return Ext4Entry(path: path, inode: inode)
  }
}
