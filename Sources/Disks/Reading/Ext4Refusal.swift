/// A part of an ext4 file system, as errors name it.
package enum Ext4Structure: Sendable, Hashable, CustomStringConvertible {
  case superblock
  case groupDescriptor(Int64)
  case inode(UInt32)
  /// The extent tree of an inode.
  case extents(UInt32)
  /// The entries of a directory, by its inode.
  case directory(UInt32)
  /// The target of a symbolic link, by its inode.
  case link(UInt32)
  /// Extended attributes in an inode, and in a block.
  case attributes(UInt32)
  case attributeBlock(Int64)
  case journal
  /// A block of the journal, counted from its beginning.
  case journalBlock(Int64)

  package var description: String {
    switch self {
    case .superblock: "the superblock"
    case .groupDescriptor(let group): "the descriptor of group \(group)"
    case .inode(let number): "inode \(number)"
    case .extents(let inode): "the extent tree of inode \(inode)"
    case .directory(let inode): "the directory with inode \(inode)"
    case .link(let inode): "the target of the link with inode \(inode)"
    case .attributes(let inode): "the extended attributes of inode \(inode)"
    case .attributeBlock(let block): "the extended attributes in block \(block)"
    case .journal: "the journal"
    case .journalBlock(let block): "block \(block) of the journal"
    }
  }
}

/// What is wrong with one of them.
package enum Ext4Flaw: String, Sendable, CaseIterable {
  case checksum = "its checksum is another"
  case magic = "it does not begin as one does"
  case blockSize = "its block size is not 1, 2 or 4 KiB"
  case groups = "its numbers of blocks, inodes and groups don't fit"
  case inodeSize = "its inode size can't be"
  case descriptorSize = "its descriptor size can't be"
  case journalPlace = "it does not say where its journal is"
  case outside = "it leads outside of the file system"
  case number = "there is no inode with that number"
  case unused = "it is not in use"
  case kind = "it is of no known kind"
  case size = "its size can't be"
  case blockMap = "it has a map of blocks instead of extents"
  case inlineData = "its contents stand in the inode"
  case encrypted = "it is encrypted"
  case moreBlocks = "it has more blocks than it says"
  case tooManyBlocks = "the files have more blocks than there are"
  case depth = "its depth can't be"
  case entries = "its number of entries can't be"
  case order = "its entries are out of order"
  case length = "an entry has a length that can't be"
  case hole = "it has a hole"
  case name = "a name is empty, too long, or holds a slash or a zero byte"
  case dots = "it does not begin with itself and its parent"
  case duplicate = "a name is there twice"
  case fileType = "an entry says another kind than its inode"
  case loop = "a directory is there twice"
  case moreNames = "it has more names than it says"
  case pathTooLong = "a path in it is longer than 4,095 bytes"
  case value = "a value is not where one can be"
  case prefix = "a name has an unknown prefix"
  case valueInode = "a value stands in an inode of its own"
  case accessList = "an access list can't be read"
  case features = "it uses features that are not known here"
  case endless = "it has no end"
}

/// Why a file system, or something in it, is not read.
package enum Ext4Refusal: Error, Sendable, Hashable, CustomStringConvertible {
  case notExt4
  /// Names as `mke2fs -O` takes them; numbers in hex for those without a name here.
  case features([String])
  case damaged(Ext4Structure, Ext4Flaw)

  package var description: String {
    switch self {
    case .notExt4: "it is not ext4"
    case .features(let names): "it uses " + names.joined(separator: ", ")
    case .damaged(let structure, let flaw): "\(structure): \(flaw.rawValue)"
    }
  }
}
