import Disks
import Host
import Testing
import Vocabulary

/// A small file system without checksums, with places in it to change.
final class AttackImage {
  let disk: MemoryDisk
  let blockSize: Int
  private let inodeSize: Int
  private let inodesPerGroup: Int

  /// What it holds: `/dir/sub/file`, `/link`, `/pieces` with a tree of extents of two levels,
  /// `/noted` with attributes in its inode and in a block, `/null`, and a slow link `/far`.
  static let bytes = Result { try make(more: []) }
  static let checkedBytes = Result { try make(more: ["metadata_csum"]) }

  private static func make(more: [String]) throws -> [UInt8] {
    let place = try Workplace()
    try Files.makeDirectories(place("tree/dir/sub"))
    try Files.write(place("tree/dir/sub/file"), [UInt8](repeating: 1, count: 9000))
    let root = try OwnedDescriptor.open(place("tree"), .directory)
    try root.makeLink(target: Array("dir/sub".utf8), at: Array("link".utf8))
    try root.makeLink(target: [UInt8](repeating: 65, count: 300), at: Array("far".utf8))
    try Files.write(place("tree/noted"), [])
    let name = Array("noted".utf8)
    try root.setExtendedAttribute(of: name, Array("user.a".utf8), value: [1])
    try root.setExtendedAttribute(
      of: name, Array("user.b".utf8), value: [UInt8](repeating: 2, count: 600))
    let pieces = try OwnedDescriptor.open(place("tree/pieces"), .createExclusive(mode: 0o644))
    for index in 0..<8 { try pieces.pwriteAll([7], at: Int64(index) * 16384) }
    try place.makeImage(
      "disk", size: "4M", tree: "tree", more: more, inodes: 256, options: ["-O", "^has_journal"])
    try place.debugfs("disk", ["mknod null c 1 3"])
    return try place.memory("disk").bytes
  }

  init(checked: Bool = false) throws {
    disk = MemoryDisk(try (checked ? Self.checkedBytes : Self.bytes).get())
    blockSize = 1024 << Int(disk.word(1024 + 0x18))
    inodeSize = Int(disk.half(1024 + 0x58))
    inodesPerGroup = Int(disk.word(1024 + 0x28))
  }

  // MARK: Places, in bytes

  static let superblock = 1024

  func group(_ number: Int = 0) -> Int { blockSize + number * 64 }

  func inode(_ number: Int) -> Int {
    let table = Int(disk.word(group((number - 1) / inodesPerGroup) + 8)) * blockSize
    return table + (number - 1) % inodesPerGroup * inodeSize
  }

  func inode(_ path: String) throws -> Int { inode(try number(path)) }

  func number(_ path: String) throws -> Int {
    Int(try Ext4Reader(MemoryDisk(disk.bytes)).found(path).number)
  }

  /// The root of the tree of extents.
  func extents(_ path: String) throws -> Int { try inode(path) + 0x28 }

  /// The first block of a file whose extents stand in its inode, or the first node below.
  func block(_ path: String) throws -> Int {
    let root = try extents(path)
    let isLeaf = disk.half(root + 6) == 0
    return Int(disk.word(root + 12 + (isLeaf ? 8 : 4))) * blockSize
  }

  /// An entry of a directory.
  func entry(_ name: String, in directory: String) throws -> Int {
    let start = try block(directory)
    var place = start
    while place < start + blockSize {
      let count = Int(disk.bytes[place + 6])
      if disk.bytes[place + 8..<place + 8 + count].elementsEqual(name.utf8) { return place }
      place += Int(disk.half(place + 4))
    }
    throw NoSuchName(name: name)
  }

  struct NoSuchName: Error { var name: String }

  /// All of it is looked at, contents too.
  func look(limits: Ext4Reader.Limits = .init()) throws(DisksError) {
    let reader = try Ext4Reader.open(disk, limits: limits)
    try reader.walk { entry throws(DisksError) in
      // What says that it is larger than any disk is not read to its end.
      if entry.inode.kind == .file, entry.inode.size < 64 << 20 {
        try reader.contents(of: entry.inode) { _ in }
      }
    }
  }
}
