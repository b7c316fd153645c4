import Disks
import Host
import TestSupport
import Testing
import Vocabulary

/// One thing that somebody who owns a VM's disk could do to it, and what is said then.
struct Attack: Sendable, CustomTestStringConvertible {
  var name: String
  var fault: Ext4Reader.Fault
  var change: @Sendable (AttackImage) throws -> Void
  var testDescription: String { name }

  init(
    _ name: String, _ fault: Ext4Reader.Fault,
    _ change: @escaping @Sendable (AttackImage) throws -> Void
  ) {
    self.name = name
    self.fault = fault
    self.change = change
  }

  /// Changes of the 32 bits at a place.
  static func word(
    _ name: String, _ fault: Ext4Reader.Fault, _ value: UInt32,
    at place: @escaping @Sendable (AttackImage) throws -> Int
  ) -> Attack {
    Attack(name, fault) { $0.disk.put(value, at: try place($0)) }
  }

  static func half(
    _ name: String, _ fault: Ext4Reader.Fault, _ value: UInt16,
    at place: @escaping @Sendable (AttackImage) throws -> Int
  ) -> Attack {
    Attack(name, fault) { $0.disk.put(value, at: try place($0)) }
  }

  /// Gives a name of a directory to something else.
  static func rename(_ name: String, to bytes: [UInt8]) -> Attack {
    Attack(name, .entry(at: 24, "has a name that no file can have")) { image in
      let entry = try image.entry("sub", in: "dir")
      image.disk.bytes[entry + 6] = UInt8(bytes.count)
      image.disk.bytes.replaceSubrange(entry + 8..<entry + 8 + bytes.count, with: bytes)
    }
  }
}

@Suite(.with("mke2fs", "debugfs")) struct Ext4AttackTests {
  private func expect(
    _ attack: Attack, _ limits: Ext4Reader.Limits = .init(),
    location: SourceLocation = #_sourceLocation
  ) throws {
    let image = try AttackImage()
    try attack.change(image)
    #expect(sourceLocation: location) {
      try image.look(limits: limits)
    } throws: { error in
      guard case DisksError.unreadableFileSystem("memory", _, let fault) = error else {
        return false
      }
      return fault == attack.fault
    }
    #expect(image.disk.reads < 3000, sourceLocation: location)
  }

  @Test func `nothing is wrong before anything is changed`() throws {
    try AttackImage().look()
    try AttackImage(checked: true).look()
  }

  // MARK: Directories

  static let directories: [Attack] = [
    Attack("a directory that is its own child", .directoryTwice) {
      $0.disk.put(UInt32(try $0.number("dir")), at: try $0.entry("sub", in: "dir"))
    },
    Attack("a loop of directories", .directoryTwice) { image in
      let file = try image.entry("file", in: "dir/sub")
      image.disk.put(UInt32(try image.number("dir")), at: file)
      image.disk.bytes[file + 7] = 2
    },
    Attack("the root in a directory", .directoryTwice) {
      $0.disk.put(UInt32(2), at: try $0.entry("sub", in: "dir"))
    },
    Attack("the journal as a file", .reservedInode) {
      $0.disk.put(UInt32(8), at: try $0.entry("file", in: "dir/sub"))
    },
    .word("an inode past the last", .noSuchInode, 100_000) { try $0.entry("file", in: "dir/sub") },
    .word("an inode far past the last", .noSuchInode, .max) { try $0.entry("file", in: "dir/sub") },
    .word("an inode that is not in use", .freeInode, 200) { try $0.entry("file", in: "dir/sub") },
    .half("an entry of no length", .entry(at: 24, "is 0 bytes long"), 0) {
      try $0.entry("sub", in: "dir") + 4
    },
    .half("an entry shorter than any", .entry(at: 24, "is 8 bytes long"), 8) {
      try $0.entry("sub", in: "dir") + 4
    },
    .half("an entry off its place", .entry(at: 24, "is 17 bytes long"), 17) {
      try $0.entry("sub", in: "dir") + 4
    },
    .half("an entry longer than its block", .entry(at: 24, "is 4096 bytes long"), 4096) {
      try $0.entry("sub", in: "dir") + 4
    },
    .half("an entry as long as can be", .entry(at: 24, "is 65532 bytes long"), 65532) {
      try $0.entry("sub", in: "dir") + 4
    },
    Attack("a name longer than its entry", .entry(at: 24, "has a name of 200 bytes in 12")) {
      let entry = try $0.entry("sub", in: "dir")
      $0.disk.put(UInt16(12), at: entry + 4)
      $0.disk.bytes[entry + 6] = 200
      $0.disk.put(UInt16(4060), at: entry + 12 + 4)
    },
    Attack("no name", .entry(at: 24, "has a name of 0 bytes in 4072")) {
      $0.disk.bytes[try $0.entry("sub", in: "dir") + 6] = 0
    },
    .rename("a slash", to: Array("/".utf8)), .rename("a path", to: Array("a/b".utf8)),
    .rename("NUL", to: [97, 0, 98]), .rename("one dot", to: Array(".".utf8)),
    .rename("two dots", to: Array("..".utf8)),
    Attack("the same name twice", .entry(at: 0, "has a name that stands there twice")) {
      let place = try $0.entry("dir", in: "/")
      $0.disk.bytes.replaceSubrange(place + 8..<place + 11, with: Array("far".utf8))
    },
    .word("a dot that leads elsewhere", .entry(at: 0, "is not \".\" of inode 12"), 2) {
      try $0.block("dir")
    },
    Attack("two dots that lead elsewhere", .entry(at: 12, "is not \"..\" of inode 2")) {
      $0.disk.put(UInt32(try $0.number("dir/sub")), at: try $0.block("dir") + 12)
    },
    Attack("a file that says it is a directory", .number("kind")) {
      $0.disk.bytes[try $0.entry("file", in: "dir/sub") + 7] = 2
    },
    .word("a directory of no size", .size(0), 0) { try $0.inode("dir") + 4 },
    .word("a directory of half a block", .size(6144), 6144) { try $0.inode("dir") + 4 },
    Attack("a directory of 4 TiB", .tooMuch("directories of more than 4.00 GiB")) {
      $0.disk.put(UInt32(1024), at: try $0.inode("dir") + 0x6C)
      $0.disk.put(UInt32(0), at: try $0.inode("dir") + 4)
    },
    .word("a directory with a hole", .extents("it has a hole"), 8192) { try $0.inode("dir") + 4 },
    .half("a root that is a file", .number("kind"), 0o100644) { $0.inode(2) },
    .half("a root that is not there", .freeInode, 0) { $0.inode(2) },
  ]

  @Test(arguments: directories)
  func `should fail: directories`(attack: Attack) throws { try expect(attack) }

  // MARK: Inodes and extents

  static let inodes: [Attack] = [
    Attack("a file of 8 EiB", .size(UInt64(Int64.max))) {
      $0.disk.put(UInt64.max, at: try $0.inode("dir/sub/file") + 4)
      $0.disk.put(UInt32.max, at: try $0.inode("dir/sub/file") + 4)
      $0.disk.put(UInt32(0x7FFF_FFFF), at: try $0.inode("dir/sub/file") + 0x6C)
    },
    Attack("a file of a negative size", .size(.max)) {
      $0.disk.put(UInt32.max, at: try $0.inode("dir/sub/file") + 4)
      $0.disk.put(UInt32.max, at: try $0.inode("dir/sub/file") + 0x6C)
    },
    .half("a kind that is none", .number("kind"), 0o030644) { try $0.inode("dir/sub/file") },
    .half("a file without names", .freeInode, 0) { try $0.inode("dir/sub/file") + 0x1A },
    .word("data in the inode", .unread("its data in the inode"), 0x1000_0000) {
      try $0.inode("dir/sub/file") + 0x20
    },
    .word("encrypted data", .unread("encrypted data"), 0x8_0800) {
      try $0.inode("dir/sub/file") + 0x20
    },
    .word("a map of blocks", .unread("a map of blocks instead of extents"), 0) {
      try $0.inode("dir/sub/file") + 0x20
    },
    .half("more fields than an inode has", .number("size of its fields"), 132) {
      try $0.inode("dir/sub/file") + 0x80
    },
    .word("a link of no length", .size(0), 0) { try $0.inode("link") + 4 },
    .word("a link longer than its inode", .size(60), 60) { try $0.inode("link") + 4 },
    .word("a link longer than a path", .size(4096), 4096) { try $0.inode("far") + 4 },
    Attack("a link with NUL", .target) { $0.disk.bytes[try $0.inode("link") + 0x2A] = 0 },
    .half("no node", .extents("there is no node"), 0xF30B) { try $0.extents("dir/sub/file") },
    .half(
      "more extents than there is room for", .extents("a node has 5 entries, with room for 4"), 5
    ) { try $0.extents("dir/sub/file") + 2 },
    .half("room that is not there", .extents("a node has 1 entries, with room for 900"), 900) {
      try $0.extents("dir/sub/file") + 4
    },
    .half("a tree that is too deep", .extents("the tree is 6 deep"), 6) {
      try $0.extents("dir/sub/file") + 6
    },
    .half("an extent of no length", .extents("extents are out of order"), 0) {
      try $0.extents("dir/sub/file") + 12 + 4
    },
    .word("an extent past the end", .outside(block: 1020, count: 3), 1020) {
      // 1,024 blocks: one of them fits.
      $0.disk.put(UInt16(3), at: try $0.extents("dir/sub/file") + 12 + 4)
      $0.disk.put(UInt32(1022), at: AttackImage.superblock + 4)
      return try $0.extents("dir/sub/file") + 12 + 8
    },
    .word("an extent far past the end", .outside(block: 0xFFFF_FFFF, count: 3), .max) {
      try $0.extents("dir/sub/file") + 12 + 8
    },
    .half(
      "an extent at the end of all numbers", .outside(block: 0xFFFF_0000_0000, count: 3), 0xFFFF
    ) {
      $0.disk.put(UInt32(0), at: try $0.extents("dir/sub/file") + 12 + 8)
      return try $0.extents("dir/sub/file") + 12 + 6
    },
    .word("the superblock as data", .outside(block: 0, count: 3), 0) {
      try $0.extents("dir/sub/file") + 12 + 8
    },
    Attack("a node that is its own child", .extents("a node is at depth 1 instead of 0")) {
      // The node below becomes an index that leads to itself.
      let node = try $0.block("pieces")
      $0.disk.put(UInt16(1), at: node + 6)
      $0.disk.put(UInt16(2), at: try $0.extents("pieces") + 6)
      for index in 0..<Int($0.disk.half(node + 2)) {
        $0.disk.put(UInt32(node / $0.blockSize), at: node + 12 + index * 12 + 4)
        $0.disk.put(UInt32(0), at: node + 12 + index * 12 + 8)
      }
    },
    .half("a node of the wrong depth", .extents("a node is at depth 3 instead of 0"), 3) {
      try $0.block("pieces") + 6
    },
    .half("an empty node", .extents("a node is empty"), 0) { try $0.block("pieces") + 2 },
    .half("an empty tree", .extents("a node is empty"), 0) { try $0.extents("pieces") + 2 },
    .word("a node past the end", .outside(block: 0xFFFF_FFFF, count: 1), .max) {
      try $0.extents("pieces") + 12 + 4
    },
    .word("extents out of order", .extents("extents are out of order"), 0) {
      try $0.block("pieces") + 24
    },
    Attack("extents over each other", .extents("extents are out of order")) {
      $0.disk.put(UInt16(20), at: try $0.block("pieces") + 12 + 4)
    },
  ]

  @Test(arguments: inodes)
  func `should fail: inodes and extents`(attack: Attack) throws { try expect(attack) }

  // MARK: Attributes

  /// In the inode: behind its 32 bytes of further fields and the magic number.
  private static func first(_ image: AttackImage) throws -> Int {
    try image.inode("noted") + 128 + 32 + 4
  }

  private static func block(_ image: AttackImage) throws -> Int {
    Int(image.disk.word(try image.inode("noted") + 0x68)) * image.blockSize
  }

  static let attributes: [Attack] = [
    .half("a value outside of the inode", .tooShort, 200) { try first($0) + 2 },
    .word("a value larger than its place", .attribute("a value is 4294967295 bytes long"), .max) {
      try first($0) + 8
    },
    .word("a value in another file", .unread("an attribute in a file of its own"), 12) {
      try first($0) + 4
    },
    Attack("a name longer than its place", .tooShort) { $0.disk.bytes[try first($0)] = 255 },
    Attack("a name of no known kind", .attribute("a name is of kind 99, which is not known")) {
      $0.disk.bytes[try first($0) + 1] = 99
    },
    Attack("a name with NUL", .attribute("a name has a NUL in it")) {
      $0.disk.bytes[try first($0) + 16] = 0
    },
    Attack("the same name twice", .attribute("a name stands there twice")) {
      $0.disk.bytes[try block($0) + 32 + 16] = UInt8(ascii: "a")
    },
    Attack("an access list that is none", .attribute("a name is of kind 2, which is not known")) {
      $0.disk.bytes[try first($0) + 1] = 2
    },
    Attack("an access list of nobody's", .attribute("an access list has another version than 1")) {
      $0.disk.bytes[try block($0) + 32] = 0
      $0.disk.put(UInt16(0x0200), at: try block($0) + 32)
    },
    .word("a block past the end", .outside(block: 0xFFFF_FFFF, count: 1), .max) {
      try $0.inode("noted") + 0x68
    },
    .word("a block that holds none", .attribute("there are none"), 0) { try block($0) },
    .half("a value outside of the block", .tooShort, 4000) { try block($0) + 32 + 2 },
  ]

  @Test(arguments: attributes)
  func `should fail: attributes`(attack: Attack) throws { try expect(attack) }

  // MARK: The file system itself

  private static func field(
    _ name: String, _ fault: Ext4Reader.Fault, _ value: UInt32, at offset: Int
  ) -> Attack {
    .word(name, fault, value) { _ in AttackImage.superblock + offset }
  }

  static let superblocks: [Attack] = [
    field("another file system", .notExt4, 0, at: 0x38),
    field("compressed files", .features(1), 0x2C3, at: 0x60),
    field("a journal elsewhere", .features(8), 0x2CA, at: 0x60),
    field("data in inodes", .features(0x8000), 0x82C2, at: 0x60),
    field("encryption", .features(0x1_0000), 0x1_02C2, at: 0x60),
    field("names without case", .features(0x2_0000), 0x2_02C2, at: 0x60),
    field("attributes in files", .features(0x400), 0x6C2, at: 0x60),
    field("what comes after all that", .features(0x8000_0000), 0x8000_02C2, at: 0x60),
    field("clusters", .unread("clusters of blocks (bigalloc)"), 0x27B, at: 0x64),
    field("an old revision", .number("revision"), 0, at: 0x4C),
    field("blocks of 64 KiB", .number("block size"), 6, at: 0x18),
    field("blocks of no size that there is", .number("block size"), .max, at: 0x18),
    field("more blocks than the disk", .number("number of blocks"), 1025, at: 4),
    field("more blocks than any disk", .number("number of blocks"), .max, at: 0x150),
    field("no blocks", .number("number of blocks"), 0, at: 4),
    field("a first block that is not", .number("first block"), 1, at: 0x14),
    field("groups of no blocks", .number("number of blocks in a group"), 0, at: 0x20),
    field("groups of too many blocks", .number("number of blocks in a group"), 32769, at: 0x20),
    field("groups of no inodes", .number("number of inodes in a group"), 0, at: 0x28),
    field("groups of too many inodes", .number("number of inodes in a group"), 1 << 20, at: 0x28),
    field("no inodes", .number("number of inodes"), 0, at: 0),
    field("too many inodes", .number("number of inodes"), .max, at: 0),
    field("inodes of no size", .number("size of inodes"), 0, at: 0x58),
    field("inodes of 8 KiB", .number("size of inodes"), 8192, at: 0x58),
    field("inodes of 200 bytes", .number("size of inodes"), 200, at: 0x58),
    field("no first inode", .number("first inode"), 0, at: 0x54),
    .half("descriptors of 8 bytes", .number("size of descriptors"), 8) { _ in
      AttackImage.superblock + 0xFE
    },
    .word("a journal of nobody", .unread("a journal elsewhere"), 12) { image in
      image.disk.put(UInt32(0x2C6), at: AttackImage.superblock + 0x60)
      image.disk.put(UInt32(0x4), at: AttackImage.superblock + 0x5C)
      return AttackImage.superblock + 0xE0
    },
    .word("inodes past the end", .outside(block: 1020, count: 16), 1020) { $0.group() + 8 },
    .word("inodes far past the end", .outside(block: 1 << 62, count: 16), 0x4000_0000) {
      $0.disk.put(UInt32(0), at: $0.group() + 8)
      return $0.group() + 0x28
    },
  ]

  @Test(arguments: superblocks)
  func `should fail: superblock and groups`(attack: Attack) throws { try expect(attack) }

  @Test func `should fail: a disk that ends early`() throws {
    let whole = try AttackImage().disk.bytes
    for count in [0, 1, 1024, 1500, 2047, 2048, 4096, 50_000, whole.count - 1] {
      let image = try AttackImage()
      image.disk.bytes.removeLast(whole.count - count)
      #expect(throws: DisksError.self) { try image.look() }
    }
  }

  @Test func `should fail: more than the limits allow`() throws {
    var limits = Ext4Reader.Limits()
    limits.entries = 5
    try expect(Attack("entries", .tooMuch("more than 5 names")) { _ in }, limits)
    limits = .init()
    limits.names = 50
    try expect(
      Attack("names", .tooMuch("names and attributes of more than 50 B")) { _ in }, limits)
    limits = .init()
    limits.directory = 1000
    try expect(Attack("directory", .tooMuch("a directory of 4.00 KiB")) { _ in }, limits)
    limits = .init()
    limits.directories = 5000
    try expect(
      Attack("directories", .tooMuch("directories of more than 4.88 KiB")) { _ in }, limits)
  }

  @Test func `should fail: a path longer than any path`() throws {
    let place = try Workplace()
    try place.makeImage("disk", size: "4M", options: ["-O", "^has_journal"])
    let name = String(repeating: "n", count: 250)
    var commands: [String] = []
    for _ in 0..<17 { commands += ["mkdir \(name)", "cd \(name)"] }
    try place.debugfs("disk", commands)
    #expect {
      try Ext4Reader.open(try place.raw("disk")).walk { _ in }
    } throws: { error in
      guard case DisksError.unreadableFileSystem(_, _, .tooMuch) = error else { return false }
      return "\(error)".contains("paths of more than 4,095 bytes")
    }
  }

  @Test func `should fail: files whose blocks stand in a map`() throws {
    let place = try Workplace()
    try place.makeImage(
      "disk", size: "4M", options: ["-O", "none,filetype,ext_attr"])
    #expect {
      try Ext4Reader.open(try place.raw("disk")).walk { _ in }
    } throws: { error in "\(error)".contains("a map of blocks instead of extents") }
  }

  // MARK: Checksums

  @Test func `should fail: metadata that does not fit its checksum`() throws {
    func fault(_ change: (AttackImage) throws -> Int) throws -> Ext4Reader.Place? {
      let image = try AttackImage(checked: true)
      image.disk.bytes[try change(image)] ^= 1
      do {
        try image.look()
      } catch {
        guard case .unreadableFileSystem(_, let place, .checksum) = error else { return nil }
        return place
      }
      return nil
    }
    #expect(try fault { _ in AttackImage.superblock + 0x78 } == .superblock)
    #expect(try fault { $0.group() + 0x0C } == .group(0))
    let image = try AttackImage(checked: true)
    let file = UInt32(try image.number("dir/sub/file"))
    #expect(try fault { try $0.inode("dir/sub/file") + 0x10 } == .inode(file))
    #expect(try fault { try $0.inode("dir/sub/file") + 0x83 } == .inode(file))
    let sub = UInt32(try image.number("dir/sub"))
    #expect(try fault { try $0.block("dir/sub") + 30 } == .directory(inode: sub, block: 0))
    let pieces = try image.block("pieces")
    #expect(
      try fault { try $0.block("pieces") + 12 + 8 }
        == .extents(
          inode: UInt32(try image.number("pieces")), block: Int64(pieces / image.blockSize)))
    #expect(
      try fault { try Self.block($0) + 2000 }
        == .attributes(
          inode: UInt32(try image.number("noted")),
          block: Int64(try Self.block(image) / image.blockSize)))
  }
}
