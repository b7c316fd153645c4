extension Ext4Reader {
  /// Where in a file system something is wrong.
  package enum Place: Sendable, Hashable, CustomStringConvertible {
    case superblock
    case group(UInt32)
    case inode(UInt32)
    /// A block of a directory, counted from its beginning.
    case directory(inode: UInt32, block: Int64)
    /// The tree that says where a file is: in the inode, or in a block of the disk.
    case extents(inode: UInt32, block: Int64?)
    case attributes(inode: UInt32, block: Int64?)
    case link(inode: UInt32)
    /// A block of the journal, counted from its beginning.
    case journal(block: Int64)
    case tree

    package var description: String {
      switch self {
      case .superblock: "superblock"
      case .group(let group): "group \(group)"
      case .inode(let inode): "inode \(inode)"
      case .directory(let inode, let block): "directory of inode \(inode), block \(block)"
      case .extents(let inode, nil): "extents of inode \(inode)"
      case .extents(let inode, let block?): "extents of inode \(inode) in block \(block)"
      case .attributes(let inode, nil): "attributes of inode \(inode)"
      case .attributes(let inode, let block?): "attributes of inode \(inode) in block \(block)"
      case .link(let inode): "symbolic link of inode \(inode)"
      case .journal(let block): "block \(block) of the journal"
      case .tree: "the tree of all files"
      }
    }
  }

  /// What is wrong there.
  package enum Fault: Error, Sendable, Hashable, CustomStringConvertible {
    /// Something reaches past the end of what holds it.
    case tooShort
    case notExt4
    /// Incompatible features that are not known here.
    case features(UInt32)
    /// A kind of thing that Hutch's disks don't have.
    case unread(String)
    /// A number that can't be.
    case number(String)
    case checksum
    /// Blocks that the file system does not have.
    case outside(block: Int64, count: Int64)
    case noSuchInode
    case freeInode
    /// A file of the file system's own.
    case reservedInode
    case size(UInt64)
    case extents(String)
    /// An entry of a directory, by the place in its block.
    case entry(at: Int, String)
    case directoryTwice
    case attribute(String)
    case target
    case journal(String)
    case tooMuch(String)

    package var description: String {
      switch self {
      case .tooShort: "it ends early"
      case .notExt4: "it is not ext4"
      case .features(let bits): "it has unknown features (0x\(String(bits, radix: 16)))"
      case .unread(let what): "it has \(what), which is not read"
      case .number(let what): "its \(what) can't be"
      case .checksum: "its checksum does not fit"
      case .outside(let block, let count):
        "blocks \(block) to \(block &+ count &- 1) are not on the disk"
      case .noSuchInode: "there is no such inode"
      case .freeInode: "it is not in use"
      case .reservedInode: "it belongs to the file system itself"
      case .size(let size): "its size can't be \(size)"
      case .extents(let reason): reason
      case .entry(let offset, let reason): "the entry at byte \(offset) \(reason)"
      case .directoryTwice: "it stands in the tree more than once"
      case .attribute(let reason): reason
      case .target: "it leads nowhere"
      case .journal(let reason): reason
      case .tooMuch(let what): "it holds too much: \(what)"
      }
    }
  }

  /// How much of a file system is taken before it is called too much. What a guest wrote decides
  /// how much there is, so nothing goes without a bound.
  package struct Limits: Sendable, Hashable {
    /// Names in the whole tree.
    package var entries = 5_000_000
    /// Bytes of one directory, and of all together.
    package var directory: Int64 = 256 << 20
    package var directories: Int64 = 4 << 30
    /// Bytes of all paths, targets of links and attributes of a walk together.
    package var names = 1 << 30
    package var journal: Int64 = 128 << 20

    package init() {}
  }
}
