import Disks
import Host
import TestSupport
import Testing
import Vocabulary

@Suite(.with("mke2fs", "debugfs", "e2fsck")) struct JournalReplayTests {
  private static let blockSize = 4096

  /// A disk, and the same one after something was done to it.
  private func makePair(_ place: Workplace, more: [String]) throws {
    try Files.makeDirectories(place("tree/folder"))
    for index in 0..<20 {
      let bytes = [UInt8](repeating: UInt8(index), count: 3000 * index)
      try Files.write(place("tree/folder/\(index)"), bytes, durable: false)
    }
    try Files.write(place("new"), [UInt8](repeating: 99, count: 50_000))
    // A block that begins as the journal's own do.
    try Files.write(place("magic"), [0xC0, 0x3B, 0x39, 0x98] + [UInt8](repeating: 1, count: 5000))
    try place.makeImage(
      "before", size: "32M", tree: "tree", more: more, options: ["-J", "size=4"])
    try place.run("cp", ["before", "after"])
    try place.debugfs(
      "after",
      [
        "mkdir added", "write new added/new", "write magic magic", "rm folder/3", "rm folder/4",
        "ea_set folder user.a b",
      ])
  }

  /// Numbers of the blocks in which two images differ.
  private func difference(_ place: Workplace) throws -> [Int] {
    let (before, after) = (try place.memory("before"), try place.memory("after"))
    return (0..<before.bytes.count / Self.blockSize).filter { block in
      let range = block * Self.blockSize..<(block + 1) * Self.blockSize
      return before.bytes[range] != after.bytes[range]
    }
  }

  private func write(_ place: Workplace, _ name: String, blocks: [Int], of image: MemoryDisk) throws
  {
    try Files.write(
      place(name),
      blocks.flatMap { image.bytes[$0 * Self.blockSize..<($0 + 1) * Self.blockSize] },
      durable: false)
  }

  private func list(_ blocks: [Int]) -> String { blocks.map(String.init).joined(separator: ",") }

  /// The judge: what `e2fsck` makes of a copy.
  private func expectAsRecovered(_ place: Workplace, _ image: String) throws {
    try? Files.remove(place("judge"))
    try place.run("cp", [image, "judge"])
    let result = try Processes.run(
      Command("e2fsck", ["-fy", "judge"], workingDirectory: place.path))
    #expect(result.text.contains("recovering journal"))
    let judge = try Ext4Reader.open(try place.raw("judge"))
    #expect(!judge.superblock.needsRecovery)
    let reader = try Ext4Reader.open(try place.raw(image))
    expectSame(try TreeLines.of(judge), try TreeLines.of(reader))
  }

  @Test(arguments: [
    ("jo", ["metadata_csum"]), ("jo -c -v 3", ["metadata_csum"]), ("jo -c -v 2", []), ("jo", []),
  ])
  func `what waits in the journal is seen as after a recovery`(
    open: String, more: [String]
  ) throws {
    let place = try Workplace()
    try makePair(place, more: more)
    let blocks = try difference(place)
    #expect(blocks.count > 10)
    let (before, after) = (try place.memory("before"), try place.memory("after"))
    // In two transactions: first some, then all, so that the later one must win. Superblock aside:
    // debugfs writes that itself.
    let changed = blocks.filter { $0 != 0 }
    try write(place, "some", blocks: Array(changed.prefix(7)), of: before)
    try write(place, "all", blocks: changed, of: after)
    try place.debugfs(
      "before",
      [open, "jw -b \(list(Array(changed.prefix(7)))) some", "jw -b \(list(changed)) all", "jc"])
    let reader = try Ext4Reader(try place.raw("before"))
    #expect(reader.superblock.needsRecovery)
    let replayed = try Ext4Reader.open(try place.raw("before"))
    let lines = try TreeLines.of(replayed)
    expectSame(try TreeLines.of(try Ext4Reader.open(try place.raw("after"))), lines)
    #expect(lines.contains { $0.hasPrefix("/added/new file") })
    #expect(!lines.contains { $0.hasPrefix("/folder/3 ") })
    try expectAsRecovered(place, "before")
  }

  @Test func `a block that was taken back later is not replayed`() throws {
    let place = try Workplace()
    try makePair(place, more: ["metadata_csum"])
    let blocks = try difference(place).filter { $0 != 0 }
    let after = try place.memory("after")
    try write(place, "all", blocks: blocks, of: after)
    // All of them are written, and all but a few taken back.
    try place.run("cp", ["before", "kept"])
    try place.debugfs(
      "before",
      ["jo", "jw -b \(list(blocks)) all", "jw -r \(list(blocks))", "jc"])
    let reader = try Ext4Reader.open(try place.raw("before"))
    expectSame(
      try TreeLines.of(try Ext4Reader.open(try place.raw("kept"))), try TreeLines.of(reader))
    try expectAsRecovered(place, "before")
    // What is written again after that counts.
    try place.run("cp", ["kept", "again"])
    try place.debugfs(
      "again",
      [
        "jo -c -v 3", "jw -b \(list(blocks)) all", "jw -r \(list(blocks))",
        "jw -b \(list(blocks)) all", "jc",
      ])
    expectSame(
      try TreeLines.of(try Ext4Reader.open(try place.raw("after"))),
      try TreeLines.of(try Ext4Reader.open(try place.raw("again"))))
    try expectAsRecovered(place, "again")
  }

  @Test func `what was not committed is not there`() throws {
    let place = try Workplace()
    try makePair(place, more: ["metadata_csum"])
    let blocks = try difference(place).filter { $0 != 0 }
    try write(place, "all", blocks: blocks, of: try place.memory("after"))
    try place.run("cp", ["before", "kept"])
    try place.debugfs("before", ["jo -c -v 3", "jw -c -b \(list(blocks)) all", "jc"])
    let reader = try Ext4Reader.open(try place.raw("before"))
    expectSame(
      try TreeLines.of(try Ext4Reader.open(try place.raw("kept"))), try TreeLines.of(reader))
  }

  // MARK: Damage

  /// An image with one transaction in its journal, and where the journal begins.
  static func unclean(_ place: Workplace, _ open: String = "jo -c -v 3") throws -> (
    disk: MemoryDisk, journal: Int
  ) {
    try place.makeImage(
      "disk", size: "16M", more: open.contains("-c") ? ["metadata_csum"] : [],
      options: ["-J", "size=4"])
    try Files.write(place("block"), [UInt8](repeating: 7, count: 4096 * 3))
    try place.debugfs("disk", [open, "jw -b 3000,3001,3002 block", "jw -r 3001", "jc"])
    let said = try place.run("debugfs", ["-R", "bmap <8> 0", "disk"])
    let block = try #require(Int(said.filter(\.isNumber)))
    return (try place.memory("disk"), block * 4096)
  }

  private func fault(
    _ disk: MemoryDisk, location: SourceLocation = #_sourceLocation
  ) -> Ext4Reader.Fault? {
    do {
      try Ext4Reader.open(disk).walk { _ in }
      return nil
    } catch {
      guard case .unreadableFileSystem(_, .journal, let fault) = error else {
        Issue.record("\(error)", sourceLocation: location)
        return nil
      }
      return fault
    }
  }

  /// Big-endian.
  private func put(_ value: UInt32, in disk: MemoryDisk, at offset: Int) {
    disk.put(value.byteSwapped, at: offset)
  }

  @Test func `should fail: a journal that is none`() throws {
    let place = try Workplace()
    let (disk, journal) = try Self.unclean(place, "jo")
    let original = disk.bytes
    #expect(fault(disk) == nil)
    for (offset, value, expected) in [
      (0, 1, .journal("there is no journal of version 2")),
      (4, 3, .journal("there is no journal of version 2")), (12, 1024, .number("block size")),
      (16, 5000, .number("length")), (20, 0, .number("length")),
      (28, 1 << 30, .number("beginning")), (40, 0x20, .features(0x20)),
      (40, 0x8000_0000, .features(0x8000_0000)),
    ] as [(Int, UInt32, Ext4Reader.Fault)] {
      disk.bytes = original
      put(value, in: disk, at: journal + offset)
      #expect(fault(disk) == expected)
    }
  }

  @Test func `should fail: blocks outside, and lists longer than themselves`() throws {
    let place = try Workplace()
    let (disk, journal) = try Self.unclean(place, "jo")
    let original = disk.bytes
    let start = Int(disk.word(journal + 28).byteSwapped)
    let descriptor = journal + start * 4096
    #expect(disk.word(descriptor + 4).byteSwapped == 1)
    put(0x7FFF_FFFF, in: disk, at: descriptor + 12)
    #expect(fault(disk) == .outside(block: 0x7FFF_FFFF, count: 1))
    disk.bytes = original
    let revocation = descriptor + 5 * 4096
    #expect(disk.word(revocation + 4).byteSwapped == 5)
    for size in [15, 5000, UInt32.max] {
      put(size, in: disk, at: revocation + 12)
      #expect(fault(disk) == .journal("its list of blocks is longer than itself"))
    }
  }

  @Test func `should fail: data that is not what was written`() throws {
    let place = try Workplace()
    let (disk, journal) = try Self.unclean(place)
    let start = Int(disk.word(journal + 28).byteSwapped)
    disk.bytes[journal + (start + 2) * 4096 + 77] ^= 1
    // The second of the three was taken back, so nobody looks at it.
    #expect(fault(disk) == nil)
    disk.bytes[journal + (start + 3) * 4096 + 77] ^= 1
    #expect(fault(disk) == .checksum)
  }

  @Test func `a log that only goes round ends all the same`() throws {
    let place = try Workplace()
    let (disk, journal) = try Self.unclean(place, "jo")
    let start = Int(disk.word(journal + 28).byteSwapped)
    let descriptor = Array(disk.bytes[journal + start * 4096..<journal + (start + 1) * 4096])
    for index in 1..<1024 {
      let place = journal + index * 4096
      disk.bytes.replaceSubrange(place..<place + 4096, with: descriptor)
      // No tags at all.
      put(1, in: disk, at: place + 12)
      put(2, in: disk, at: place + 4 + (index.isMultiple(of: 2) ? 4 : 0))
    }
    _ = try? Ext4Reader.open(disk)
    for index in 1..<1024 { put(5, in: disk, at: journal + index * 4096 + 4) }
    _ = try? Ext4Reader.open(disk)
    #expect(disk.reads < 20_000)
  }
}
