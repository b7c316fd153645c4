import Disks
import Host
import TestSupport
import Testing
import Vocabulary

/// File systems that lie, one lie a test. Most have no checksums, which would stop a lie before it
/// is looked at. Blocks of 1 KiB; where things stand is what `debugfs` says.
@Suite(.with("mke2fs", "debugfs"))
struct HostileExt4Tests {
  /// A small file system of a directory, files, links, attributes; its bytes can be changed.
  final class Victim {
    let place: Workplace
    private(set) var bytes: [UInt8]

    init(checksums: Bool = false) throws {
      place = try Workplace()
      try Files.makeDirectories(place("tree/d"))
      for (name, content) in [("f", "file"), ("d/g", "another"), ("d/h", "third")] {
        try Files.write(place("tree/" + name), Array(content.utf8), durable: false)
      }
      let tree = try OwnedDescriptor.open(place("tree"), .directory)
      try tree.makeLink(target: Array("short".utf8), at: Array("fast".utf8))
      try tree.makeLink(target: [UInt8](repeating: 0x6C, count: 200), at: Array("slow".utf8))
      try tree.setExtendedAttribute(
        of: Array("f".utf8), Array("user.note".utf8), value: [1, 2, 3])
      try tree.setExtendedAttribute(
        of: Array("d/g".utf8), Array("user.long".utf8), value: [UInt8](repeating: 5, count: 600))
      let features = checksums ? "metadata_csum,64bit" : "^metadata_csum,^uninit_bg,^64bit"
      try place.run(
        "mke2fs",
        [
          "-q", "-t", "ext4", "-b", "1024", "-I", "256", "-O", "^resize_inode," + features, "-d",
          "tree", "disk", "4M",
        ])
      // A file of many pieces, so that its tree has a block.
      var script = ""
      for index in 0..<8 { script += "sif f block[\(index)] 0\n" }
      bytes = try Files.read(place("disk"), limit: 8 << 20)
    }

    func debugfs(_ command: String) throws -> String {
      try place.run("debugfs", ["-R", command, "disk"])
    }

    /// The place of an inode: "located at block 39, offset 0x0b00".
    func inode(_ path: String) throws -> Int {
      let said = try debugfs("imap \(path)")
      let words = said.split { " \n,".contains($0) }.map(String.init)
      let block = try #require(words.firstIndex(of: "block").map { Int(words[words.index($0, offsetBy: 0) + 1]) } ?? nil)
      _ = block
      let located = try #require(words.firstIndex(of: "located"))
      let number = try #require(Int(words[located + 3]))
      let offset = try #require(Int(words[located + 5].dropFirst(2), radix: 16))
      return number * 1024 + offset
    }

    /// The place of the first block of a file's data.
    func data(_ path: String) throws -> Int {
      let said = try debugfs("blocks \(path)")
      return try #require(said.split(whereSeparator: \.isWhitespace).first.flatMap { Int($0) })
        * 1024
    }

    func number(_ path: String) throws -> UInt32 {
      let said = try debugfs("stat \(path)")
      let words = said.split(whereSeparator: \.isWhitespace)
      return try #require(UInt32(words[1]))
    }

    /// The place of an entry in the first block of a directory.
    func entry(_ name: String, in directory: String) throws -> Int {
      var place = try data(directory)
      while true {
        let length = Int(bytes[place + 6])
        if bytes[place + 8..<place + 8 + length].elementsEqual(name.utf8) { return place }
        place += Int(bytes[place + 4]) | Int(bytes[place + 5]) << 8
      }
    }

    func put<Value: FixedWidthInteger>(_ value: Value, at place: Int) {
      for index in 0..<Value.bitWidth / 8 {
        bytes[place + index] = UInt8(truncatingIfNeeded: value >> (index * 8))
      }
    }

    func put(_ more: [UInt8], at place: Int) {
      bytes.replaceSubrange(place..<place + more.count, with: more)
    }

    func word(_ place: Int) -> UInt32 {
      (0..<4).reduce(0) { $0 | UInt32(bytes[place + $1]) << UInt32($1 * 8) }
    }

    func reader() throws -> Ext4Reader { try Ext4Reader(MemoryDisk(bytes), path: "disk") }
  }

  /// Everything that can be read of a file system.
  static func readAll(_ reader: Ext4Reader) throws {
    let walk = reader.walk()
    var data: Int64 = 0
    var entries = 0
    while let entry = try walk.next() {
      entries += 1
      _ = try reader.attributes(of: entry.inode)
      switch entry.inode.kind {
      case .regular:
        var total: Int64 = 0
        try reader.readFile(entry.inode) { (part) throws(DisksError) in
          switch part {
          case .data(let bytes):
            total += Int64(bytes.count)
            if entry.linkOf == nil { data += Int64(bytes.count) }
          case .hole(let count): total += count
          }
        }
        #expect(total == entry.inode.size)
      case .symlink: #expect(try !reader.target(of: entry.inode).isEmpty)
      default: break
      }
    }
    // Whatever a file system says, no more comes out than is in it.
    #expect(data <= 16 << 20)
    #expect(entries < 10_000)
  }

  func refuses(
    _ reason: Ext4Refusal, checksums: Bool = false, _ change: (Victim) throws -> Void
  ) throws {
    let victim = try Victim(checksums: checksums)
    try Self.readAll(victim.reader())
    try change(victim)
    #expect {
      try Self.readAll(victim.reader())
    } throws: { error in
      guard case DisksError.refusedFileSystem("disk", let found) = error else { return false }
      if found != reason { print("found \(found) instead of \(reason)") }
      return found == reason
    }
  }

  // MARK: The superblock

  @Test(arguments: [
    (0x38, 0, Ext4Refusal.notExt4), (0x18, 3, .damaged(.superblock, .blockSize)),
    (0x18, 0xFFFF_FFFF, .damaged(.superblock, .blockSize)),
    (0x4, 4097, .damaged(.superblock, .groups)), (0x4, 0, .damaged(.superblock, .groups)),
    (0x14, 0, .damaged(.superblock, .groups)), (0x20, 0, .damaged(.superblock, .groups)),
    (0x20, 8193, .damaged(.superblock, .groups)), (0x20, 1, .damaged(.superblock, .groups)),
    (0x28, 0, .damaged(.superblock, .groups)), (0x28, 0xFFFF_FFFF, .damaged(.superblock, .groups)),
    (0x0, 0xFFFF_FFFF, .damaged(.superblock, .groups)), (0x58, 0, .damaged(.superblock, .inodeSize)),
    (0x58, 192, .damaged(.superblock, .inodeSize)), (0x58, 2048, .damaged(.superblock, .inodeSize)),
    (0x54, 0, .damaged(.superblock, .groups)), (0x60, 0x8042, .features(["inline_data"])),
    (0x60, 0x2, .features(["no extents"])), (0x60, 0x8000_0042, .features(["I80000000"])),
    (0x60, 0x1_0442, .features(["ea_inode", "encrypt"])), (0x64, 0x200, .features(["bigalloc"])),
    (0x60, 0xC2, .damaged(.superblock, .descriptorSize)),
  ])
  func `should fail: a superblock whose numbers can't be`(
    offset: Int, value: UInt32, reason: Ext4Refusal
  ) throws {
    try refuses(reason) { victim in
      if offset == 0x38 || offset == 0x58 {
        victim.put(UInt16(truncatingIfNeeded: value), at: 1024 + offset)
      } else {
        victim.put(value, at: 1024 + offset)
      }
    }
  }

  @Test func `should fail: a file system that is longer than its disk or is none`() throws {
    let victim = try Victim()
    for count in [0, 1024, 1080, 2047, victim.bytes.count - 1] {
      #expect(throws: DisksError.self) {
        try Ext4Reader(MemoryDisk(Array(victim.bytes.prefix(count))), path: "disk")
      }
    }
  }

  @Test(arguments: [0, 1, 4096, 0xFFFF_FFFF] as [UInt32])
  func `should fail: an inode table outside of the file system`(block: UInt32) throws {
    try refuses(.damaged(.groupDescriptor(0), .outside)) { $0.put(block, at: 2048 + 8) }
  }

  // MARK: Checksums

  @Test func `should fail: one changed byte in what has a checksum`() throws {
    let probe = try Victim(checksums: true)
    let file = try probe.number("f")
    let directory = try probe.number("d")
    let attributes = Int64(probe.word(try probe.inode("d/g") + 0x68))
    #expect(attributes != 0)
    let cases: [(Ext4Structure, Int)] = [
      (.superblock, 1024 + 0x80), (.groupDescriptor(0), 2048 + 0x10),
      (.inode(file), try probe.inode("f") + 0x8), (.inode(file), try probe.inode("f") + 0xE0),
      (.directory(directory), try probe.data("d") + 50),
      (.directory(directory), try probe.data("d") + 1020),
      (.attributeBlock(attributes), Int(attributes) * 1024 + 900),
    ]
    for (structure, place) in cases {
      try refuses(.damaged(structure, .checksum), checksums: true) { victim in
        victim.put(victim.bytes[place] ^ 0x10, at: place)
      }
    }
  }

  // MARK: Inodes

  @Test func `should fail: an inode that is not in use`() throws {
    let number = try Victim().number("f")
    try refuses(.damaged(.inode(number), .unused)) { $0.put(UInt16(0), at: try $0.inode("f") + 0x1A) }
  }

  @Test func `should fail: an inode of no kind`() throws {
    let number = try Victim().number("f")
    try refuses(.damaged(.inode(number), .kind)) {
      $0.put(UInt16(0x3000), at: try $0.inode("f"))
    }
  }

  @Test func `should fail: fields of an inode that reach out of it`() throws {
    let number = try Victim().number("f")
    for size in [130, 132, 0xFFFC] as [UInt16] {
      try refuses(.damaged(.inode(number), .size)) { $0.put(size, at: try $0.inode("f") + 0x80) }
    }
  }

  @Test func `should fail: a file longer than files can be`() throws {
    let number = try Victim().number("f")
    try refuses(.damaged(.inode(number), .size)) {
      $0.put(UInt32.max, at: try $0.inode("f") + 0x6C)
    }
  }

  @Test func `a file may be as long as it says, without blocks`() throws {
    let victim = try Victim()
    victim.put(UInt32(0x3F), at: try victim.inode("f") + 0x6C)
    let reader = try victim.reader()
    let file = try #require(try reader.lookup(Ext4ReaderTests.path("f")))
    var parts: [FilePart] = []
    try reader.readFile(file.inode) { (part) throws(DisksError) in parts.append(part) }
    #expect(parts.count == 2)
    #expect(parts.last == .hole(0x3F << 32 | 4 - 1024))
  }

  @Test func `should fail: a link whose length lies`() throws {
    let (fast, slow) = (try Victim().number("fast"), try Victim().number("slow"))
    for length in [0, 60, 1024, 4096] as [UInt32] {
      try refuses(.damaged(.link(fast), .size)) { $0.put(length, at: try $0.inode("fast") + 4) }
    }
    for length in [0, 1024, 5000] as [UInt32] {
      try refuses(.damaged(.link(slow), .size)) { $0.put(length, at: try $0.inode("slow") + 4) }
    }
    // Longer than what is there: zeroes.
    try refuses(.damaged(.link(fast), .name)) { $0.put(UInt32(6), at: try $0.inode("fast") + 4) }
    try refuses(.damaged(.link(slow), .name)) { $0.put(UInt32(201), at: try $0.inode("slow") + 4) }
  }

  // MARK: Directories

  @Test(arguments: [0, 1, 4, 11, 13, 1024, 65532] as [UInt16])
  func `should fail: a directory entry of a length that can't be`(length: UInt16) throws {
    let number = try Victim().number("d")
    try refuses(.damaged(.directory(number), .length)) {
      $0.put(length, at: try $0.entry("g", in: "d") + 4)
    }
  }

  @Test func `should fail: a name longer than its entry`() throws {
    let number = try Victim().number("d")
    try refuses(.damaged(.directory(number), .length)) {
      $0.put(UInt8(5), at: try $0.entry("g", in: "d") + 6)
    }
  }

  @Test(arguments: [1, 3, 10, 0x7FFF_FFFF, 0xFFFF_FFFF, 2] as [UInt32])
  func `should fail: an inode number that no name may have`(inode: UInt32) throws {
    let number = try Victim().number("d")
    try refuses(.damaged(.directory(number), .number)) {
      $0.put(inode, at: try $0.entry("g", in: "d"))
    }
  }

  @Test(arguments: ["/", "\0", ".", ".."])
  func `should fail: a name that is none`(name: String) throws {
    let number = try Victim().number("d")
    try refuses(.damaged(.directory(number), .name)) { victim in
      let place = try victim.entry("g", in: "d")
      victim.put(UInt8(name.utf8.count), at: place + 6)
      victim.put(Array(name.utf8), at: place + 8)
    }
  }

  @Test func `should fail: an empty name`() throws {
    let number = try Victim().number("d")
    try refuses(.damaged(.directory(number), .name)) {
      $0.put(UInt8(0), at: try $0.entry("g", in: "d") + 6)
    }
  }

  @Test func `should fail: the same name twice`() throws {
    let number = try Victim().number("d")
    try refuses(.damaged(.directory(number), .duplicate)) {
      $0.put(Array("g".utf8), at: try $0.entry("h", in: "d") + 8)
    }
  }

  @Test func `should fail: a directory that is in itself, and one that is there twice`() throws {
    let number = try Victim().number("d")
    try refuses(.damaged(.directory(number), .loop)) { victim in
      let place = try victim.entry("g", in: "d")
      victim.put(number, at: place)
      victim.put(UInt8(2), at: place + 7)
    }
    try refuses(.damaged(.directory(2), .loop)) { victim in
      let place = try victim.entry("f", in: "/")
      victim.put(number, at: place)
      victim.put(UInt8(2), at: place + 7)
    }
  }

  @Test func `should fail: a directory that does not begin with itself and its parent`() throws {
    let number = try Victim().number("d")
    for (offset, value) in [(0, 2), (8, 0x2F), (12, 11), (20, 0x41)] as [(Int, UInt8)] {
      try refuses(.damaged(.directory(number), .dots)) {
        $0.put(value, at: try $0.data("d") + offset)
      }
    }
  }

  @Test func `should fail: an entry of another kind than its inode`() throws {
    let number = try Victim().number("d")
    for kind in [2, 7, 8, 0xDE] as [UInt8] {
      try refuses(.damaged(.directory(number), .fileType)) {
        $0.put(kind, at: try $0.entry("g", in: "d") + 7)
      }
    }
  }

  @Test func `should fail: more names than the inode says`() throws {
    let (one, two) = (try Victim().number("d/g"), try Victim().number("d/h"))
    try refuses(.damaged(.inode(one), .moreNames)) { victim in
      #expect(victim.word(try victim.entry("h", in: "d")) == two)
      victim.put(one, at: try victim.entry("h", in: "d"))
    }
  }

  @Test func `should fail: a directory of a length that can't be, or with a hole`() throws {
    let number = try Victim().number("d")
    for size in [0, 1, 1023, 1025] as [UInt32] {
      try refuses(.damaged(.directory(number), .size)) { $0.put(size, at: try $0.inode("d") + 4) }
    }
    for size in [2048, 0xFFFF_FC00] as [UInt32] {
      try refuses(.damaged(.directory(number), .hole)) { $0.put(size, at: try $0.inode("d") + 4) }
    }
  }

  // MARK: Attributes

  @Test func `should fail: an attribute whose value is elsewhere`() throws {
    let number = try Victim().number("f")
    for (offset, value) in [(2, 0xFFFF), (2, 0), (2, 4), (2, 90)] as [(Int, UInt16)] {
      try refuses(.damaged(.attributes(number), .value)) {
        $0.put(value, at: try $0.attribute("f") + offset)
      }
    }
    for size in [0x7FFF_FFFF, 0xFFFF_FFFF, 100] as [UInt32] {
      try refuses(.damaged(.attributes(number), .value)) {
        $0.put(size, at: try $0.attribute("f") + 8)
      }
    }
    try refuses(.damaged(.attributes(number), .valueInode)) {
      $0.put(UInt32(12), at: try $0.attribute("f") + 4)
    }
  }

  @Test func `should fail: attributes without an end`() throws {
    let number = try Victim().number("f")
    try refuses(.damaged(.attributes(number), .length)) {
      $0.put(UInt8(255), at: try $0.attribute("f"))
    }
    try refuses(.damaged(.attributes(number), .prefix)) {
      $0.put(UInt8(9), at: try $0.attribute("f") + 1)
    }
    try refuses(.damaged(.attributes(number), .name)) {
      $0.put(UInt8(2), at: try $0.attribute("f") + 1)
    }
  }

  @Test func `should fail: a block of attributes that is none`() throws {
    let block = Int64(try Victim().attributeBlock("d/g"))
    for (offset, flaw) in [(0, Ext4Flaw.magic), (8, .magic), (32 + 8, .value)] {
      try refuses(.damaged(.attributeBlock(block), flaw)) {
        $0.put(UInt32.max, at: Int(block) * 1024 + offset)
      }
    }
    for other in [1, 4096, 0xFFFF_FFFF] as [UInt32] {
      try refuses(.damaged(.attributeBlock(Int64(other)), .outside)) {
        $0.put(other, at: try $0.inode("d/g") + 0x68)
      }
    }
  }
}

extension HostileExt4Tests.Victim {
  /// The place of the first entry of the attributes in an inode.
  func attribute(_ path: String) throws -> Int {
    let place = try inode(path)
    return place + 128 + Int(bytes[place + 0x80]) + 4
  }

  func attributeBlock(_ path: String) throws -> UInt32 { word(try inode(path) + 0x68) }
}

/// A disk in memory.
final class MemoryDisk: DiskContents {
  var bytes: [UInt8]
  var size: Int64 { Int64(bytes.count) }
  var overlays: Int { 0 }

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  func read(at offset: Int64, count: Int) throws(DisksError) -> [UInt8] {
    let start = Int(min(offset, size))
    let part = bytes[start..<min(bytes.count, start + count)]
    return Array(part) + [UInt8](repeating: 0, count: count - part.count)
  }
}
