import Disks
import Host
import TestSupport
import Testing
import Vocabulary

@Suite(.with("mke2fs", "debugfs", "e2fsck")) struct Ext4ReaderTests {
  /// A tree with one of everything that a tree of the host's can have.
  static func fill(_ path: String) throws {
    try Files.makeDirectories(path + "/usr/bin")
    try Files.makeDirectories(path + "/empty", mode: 0o700)
    try Files.makeDirectories(path + "/sticky", mode: 0o755)
    let root = try OwnedDescriptor.open(path, .directory)
    for index in 0..<60 {
      let bytes = (0..<index * 197).map { UInt8(truncatingIfNeeded: $0 &* index) }
      try Files.write(path + "/usr/bin/tool-\(index)", bytes, mode: 0o755, durable: false)
    }
    let name = Array("usr/bin/tool-7".utf8)
    try root.hardLink(from: name, to: Array("usr/hard".utf8))
    try root.hardLink(from: name, to: Array("another".utf8))
    try root.makeLink(target: Array("bin/tool-7".utf8), at: Array("usr/soft".utf8))
    for count in [59, 60, 61, 1000] {
      let target = [UInt8](repeating: UInt8(ascii: "x"), count: count)
      try root.makeLink(target: target, at: Array("link-\(count)".utf8))
    }
    try root.makeLink(target: [0xFF, 0xFE, 10], at: [0x66, 0xFF, 0x20])
    try root.setMode(of: Array("usr/bin/tool-8".utf8), 0o4755)
    try root.setMode(of: Array("sticky".utf8), 0o1777)
    if isRoot {
      try root.setOwner(of: Array("usr/bin/tool-9".utf8), uid: 1000, gid: 7)
      try root.setOwner(of: Array("usr/bin/tool-10".utf8), uid: 100_000, gid: 4_000_000)
    }
    try root.setExtendedAttribute(of: name, Array("user.note".utf8), value: [1, 2, 3])
    try root.setExtendedAttribute(of: name, Array("user.empty".utf8), value: [])
    // Too large for the inode, so in a block.
    let large = [UInt8](repeating: 7, count: 900)
    let other = Array("usr/bin/tool-11".utf8)
    try root.setExtendedAttribute(of: other, Array("user.large".utf8), value: large)
    try root.setExtendedAttribute(of: other, Array("user.small".utf8), value: [9])
    if isRoot {
      try root.setExtendedAttribute(
        of: other, Array("security.capability".utf8),
        value: [1, 0, 0, 2, 0, 32, 0, 0] + [UInt8](repeating: 0, count: 12))
    }
    // Holes at the beginning, in the middle and at the end.
    let sparse = try OwnedDescriptor.open(path + "/sparse", .createExclusive(mode: 0o600))
    try sparse.pwriteAll([UInt8](repeating: 1, count: 5000), at: 1 << 20)
    try sparse.pwriteAll([2], at: 9 << 20)
    try sparse.truncate(to: 40 << 20)
    _ = try OwnedDescriptor.open(path + "/hole", .createExclusive(mode: 0o600)).truncate(
      to: 3 << 30)
    try setTimes(root)
  }

  private static func setTimes(_ directory: borrowing OwnedDescriptor) throws {
    for name in try directory.entries() {
      if try directory.status(of: name).kind == .directory {
        try setTimes(try directory.openBeneath(name, .directory))
      }
      let times: [Int64] = [-1_000_000, 1_600_000_000, 2_000_000_000]
      try directory.setTimes(of: name, seconds: times[name.count % 3])
    }
  }

  @Test(arguments: [
    (4096, ["metadata_csum"]), (4096, ["metadata_csum", "metadata_csum_seed"]), (1024, []),
    (2048, ["metadata_csum", "meta_bg"]), (4096, ["meta_bg"]),
  ])
  func `a file system holds what the tree holds that it was made from`(
    blockSize: Int, more: [String]
  ) throws {
    let place = try Workplace()
    try Self.fill(place("tree"))
    try place.makeImage("disk", size: "64M", tree: "tree", more: more, blockSize: blockSize)
    let reader = try Ext4Reader.open(try place.raw("disk"))
    #expect(reader.superblock.blockSize == blockSize)
    // A hole of 3 GiB need not be read to be known.
    try Files.remove(place("tree/hole"))
    let lines = try TreeLines.of(reader, leavingOut: "/hole")
    expectSame(try TreeLines.of(tree: place("tree")), lines)
    let hole = try reader.found("hole")
    #expect(hole.size == 3 << 30)
    #expect(try reader.read(hole, at: 3 << 30 - 2, count: 9) == [0, 0])
    #expect(try reader.read(hole, at: 3 << 30, count: 9).isEmpty)
    let nothing = try #require(GuestPath("usr/nothing"))
    #expect(try reader.inode(at: nothing) == nil)
    let below = try #require(GuestPath("usr/soft/x"))
    #expect(try reader.inode(at: below) == nil)
  }

  @Test func `devices, pipes and what debugfs makes`() throws {
    let place = try Workplace()
    try place.makeImage("disk", size: "16M", more: ["metadata_csum"])
    try Files.write(place("plain"), [UInt8](repeating: 3, count: 10_000))
    try place.debugfs(
      "disk",
      [
        "mknod null c 1 3", "mknod disk b 200 7000", "sif disk block[0] 0",
        "sif disk block[1] 0x11110370", "mknod old b 8 1", "mknod pipe p",
        "write plain reserved", "write plain short", "sif short size 5", "fallocate reserved 0 9",
        "sif reserved size 40960", "symlink way /etc/passwd", "mkdir folder",
        "ea_set folder user.a b", "sif null mtime @5000000000", "sif null mtime_extra 3999999993",
      ])
    let reader = try Ext4Reader.open(try place.raw("disk"))
    var kinds: [String: Ext4Reader.Entry.Kind] = [:]
    try reader.walk { kinds[$0.path.description] = $0.kind }
    #expect(kinds["/null"] == .characterDevice(major: 1, minor: 3))
    #expect(kinds["/disk"] == .blockDevice(major: 259, minor: 70000))
    #expect(kinds["/old"] == .blockDevice(major: 8, minor: 1))
    #expect(kinds["/pipe"] == .fifo)
    #expect(kinds["/short"] == .file(size: 5))
    #expect(kinds["/way"] == .symlink(target: Array("/etc/passwd".utf8)))
    let null = try reader.found("null")
    // 5,000,000,000 needs 33 bits.
    #expect(null.modified == 5_000_000_000)
    #expect(null.modifiedNanoseconds == 999_999_998)
    // Blocks that were allocated and never written read as zeroes, whatever is there.
    let reserved = try reader.found("reserved")
    let bytes = try reader.read(reserved, at: 0, count: 50_000)
    #expect(
      bytes == [UInt8](repeating: 3, count: 10_000) + [UInt8](repeating: 0, count: 30_960))
    let folder = try reader.found("folder")
    #expect(
      try reader.attributes(of: folder)
        == [.init(name: Array("user.a".utf8), value: Array("b".utf8))])
  }

  @Test func `a file of many extents and a directory of 20,000 names, also hashed`() throws {
    let place = try Workplace()
    try Files.makeDirectories(place("tree/many"))
    let pieces = try OwnedDescriptor.open(place("tree/pieces"), .createExclusive(mode: 0o644))
    for index in 0..<3000 {
      try pieces.pwriteAll(
        [UInt8](repeating: UInt8(index & 255), count: 4096), at: Int64(index) * 8192)
    }
    let many = try OwnedDescriptor.open(place("tree/many"), .directory)
    try Files.write(place("tree/many/first"), [], durable: false)
    for index in 0..<20_000 {
      try many.makeLink(target: [65], at: Array("a name that is somewhat long \(index)".utf8))
    }
    try place.makeImage("disk", size: "64M", tree: "tree", more: ["metadata_csum"], inodes: 24_000)
    let lines = try TreeLines.of(tree: place("tree"))
    #expect(try place.run("debugfs", ["-R", "dump_extents /pieces", "disk"]).contains(" 2/ 2 "))
    expectSame(lines, try TreeLines.of(try Ext4Reader.open(try place.raw("disk"))))
    // It rebuilds directories as hash trees, and says so in its status.
    _ = try Processes.run(Command("e2fsck", ["-fyD", "disk"], workingDirectory: place.path))
    #expect(try place.run("debugfs", ["-R", "htree_dump /many", "disk"]).contains("Root node"))
    expectSame(lines, try TreeLines.of(try Ext4Reader.open(try place.raw("disk"))))
  }

  @Test(.asRoot) func `access lists are as the system calls show them`() throws {
    let place = try Workplace()
    try Files.makeDirectories(place("tree/folder"))
    let root = try OwnedDescriptor.open(place("tree"), .directory)
    func list(_ entries: [(UInt8, UInt8, UInt32)]) -> [UInt8] {
      [2, 0, 0, 0]
        + entries.flatMap { tag, rights, who in
          [tag, 0, rights, 0] + (0..<4).map { UInt8(truncatingIfNeeded: who >> (8 * $0)) }
        }
    }
    let nobody = UInt32.max
    let lists = list([
      (1, 7, nobody), (2, 5, 1000), (4, 5, nobody), (8, 4, 70_000), (16, 5, nobody),
      (32, 0, nobody),
    ])
    for name in ["system.posix_acl_access", "system.posix_acl_default"] {
      try root.setExtendedAttribute(of: Array("folder".utf8), Array(name.utf8), value: lists)
    }
    try place.makeImage("disk", size: "16M", tree: "tree", more: ["metadata_csum"])
    expectSame(
      try TreeLines.of(tree: place("tree")),
      try TreeLines.of(try Ext4Reader.open(try place.raw("disk"))))
  }

  @Test func `a file system in a chain of overlays is read like any other`() throws {
    guard present("ext4 in qcow2", "qemu-img") else { return }
    let place = try Workplace()
    try Self.fill(place("tree"))
    try Files.remove(place("tree/hole"))
    try place.makeImage("disk.raw", size: "64M", tree: "tree", more: ["metadata_csum"])
    try QCOW2Overlay(
      virtualSize: .gibibytes(64), backingName: "disk.raw", backingFormat: .raw
    ).write(to: place("o.qcow2"), durable: false)
    let disk = try DiskReader([
      ChainFile(
        try OwnedDescriptor.open(place("o.qcow2"), .read), path: "o", name: "", format: .qcow2),
      ChainFile(
        try OwnedDescriptor.open(place("disk.raw"), .read), path: "d", name: "disk.raw",
        format: .raw),
    ])
    expectSame(
      try TreeLines.of(tree: place("tree")), try TreeLines.of(try Ext4Reader.open(disk)))
  }

  @Test func `checksums are those of everybody else`() {
    // RFC 3720, B.4, with the inversions at both ends that it has.
    func crc(_ bytes: [UInt8]) -> UInt32 { ~CRC32C.of(bytes, from: .max) }
    #expect(crc([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    #expect(crc([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
    #expect(crc(Array(0..<32)) == 0x46DD_794E)
    #expect(crc(Array("123456789".utf8)) == 0xE306_9283)
    // In parts it is the same.
    let half = CRC32C.of(Array("1234".utf8), from: .max)
    #expect(~CRC32C.of(Array("56789".utf8), from: half) == 0xE306_9283)
  }
}
