import Disks
import Host
import TestSupport
import Testing
import Vocabulary

/// Seeded: the same changes in every run. Whatever is changed, a reader ends, with what it found or
/// with an error; a trap would end the test run.
@Suite(.with("mke2fs", "debugfs")) struct ReaderFuzzTests {
  /// Flips and overwrites bytes where metadata is: bytes that are not zero, rather than others.
  private func change(
    _ disk: MemoryDisk, _ places: [Int], _ random: inout SplitMix
  ) {
    for _ in 0..<(1 + random.next() % 8) {
      let place = places[Int(random.next() % UInt64(places.count))]
      switch random.next() % 4 {
      case 0: disk.bytes[place] ^= 1 << UInt8(random.next() % 8)
      case 1: disk.bytes[place] = 0xFF
      case 2: disk.bytes[place] = 0
      default: disk.bytes[place] = UInt8(truncatingIfNeeded: random.next())
      }
    }
    if random.next() % 32 == 0 {
      disk.bytes.removeLast(Int(random.next() % UInt64(disk.bytes.count)))
    }
  }

  private func run(
    _ disk: MemoryDisk, _ places: [Int], seed: UInt64, times: Int,
    _ body: () throws(DisksError) -> Void
  ) -> (whole: Int, refused: Int) {
    let original = disk.bytes
    var random = SplitMix(state: seed)
    var (whole, refused) = (0, 0)
    for _ in 0..<times {
      disk.bytes = original
      change(disk, places, &random)
      do {
        try body()
        whole += 1
      } catch {
        refused += 1
      }
    }
    return (whole, refused)
  }

  private func places(_ image: AttackImage, _ ranges: [Range<Int>]) -> [Int] {
    ranges.flatMap { $0 }.filter { image.disk.bytes[$0] != 0 }
  }

  @Test func `superblock and groups`() throws {
    let image = try AttackImage()
    let found = run(
      image.disk, places(image, [1024..<2048, image.group()..<image.group() + 64]), seed: 1,
      times: 1500
    ) { () throws(DisksError) in try image.look() }
    #expect(found.whole > 0 && found.refused > 0, "\(found)")
  }

  @Test func `inodes and attributes`() throws {
    let image = try AttackImage()
    let first = image.inode(2)
    let attributes = Int(image.disk.word(try image.inode("noted") + 0x68)) * image.blockSize
    let found = run(
      image.disk,
      places(image, [first..<first + 30 * 256, attributes..<attributes + image.blockSize]), seed: 2,
      times: 2000
    ) { () throws(DisksError) in try image.look() }
    #expect(found.whole > 0 && found.refused > 0, "\(found)")
  }

  @Test func `directories and extents`() throws {
    let image = try AttackImage()
    let blocks = try ["/", "dir", "dir/sub", "pieces"].map { try image.block($0) }
    let found = run(
      image.disk, places(image, blocks.map { $0..<$0 + 200 }), seed: 3, times: 2000
    ) { () throws(DisksError) in try image.look() }
    #expect(found.whole > 0 && found.refused > 0, "\(found)")
  }

  @Test func `whole images`() throws {
    for checked in [true, false] {
      let image = try AttackImage(checked: checked)
      let found = run(
        image.disk, places(image, [0..<image.disk.bytes.count]), seed: 4, times: 300
      ) { () throws(DisksError) in try image.look() }
      #expect(found.whole > 0 && found.refused > 0, "\(found)")
    }
  }

  @Test(arguments: ["jo", "jo -c -v 3"]) func `journals`(open: String) throws {
    let place = try Workplace()
    let (disk, journal) = try JournalReplayTests.unclean(place, open)
    let places = (journal..<journal + 10 * 4096).filter { disk.bytes[$0] != 0 }
    // Of the data only some: there is most of it.
    let metadata = places.filter { disk.bytes[$0] != 7 || $0 % 64 == 0 }
    let found = run(disk, metadata, seed: 5, times: 800) { () throws(DisksError) in
      try Ext4Reader.open(disk).walk { _ in }
    }
    #expect(found.whole > 0 && found.refused > 0, "\(found)")
  }
}
