import Disks
import Host
import TestSupport
import Testing
import Vocabulary

/// Overlays that lie. Places: cluster 3 holds the L1 table, the first table that QEMU adds is its
/// neighbour, cluster 4.
@Suite struct HostileQCOW2Tests {
  static let cluster: UInt64 = 65536
  static let copied: UInt64 = 1 << 63

  /// An overlay of 1 GiB with `tables` at their places; its file is `clusters` long.
  func overlay(
    _ place: Workplace, _ tables: [(offset: UInt64, word: UInt64)], clusters: UInt64 = 8
  ) throws -> QCOW2Image {
    let base = try OwnedDescriptor.open(place("base.raw"), .createTruncated(mode: 0o600))
    try base.truncate(to: 1 << 20)
    try? Files.remove(place("o"))
    try QCOW2Overlay(
      virtualSize: .gibibytes(1), backingName: "base.raw", backingFormat: .raw
    ).write(to: place("o"), durable: false)
    let file = try OwnedDescriptor.open(place("o"), .readWrite)
    try file.truncate(to: Int64(clusters * Self.cluster))
    for (offset, word) in tables {
      let bytes = stride(from: 56, through: 0, by: -8).map {
        UInt8(truncatingIfNeeded: word >> UInt64($0))
      }
      try file.pwriteAll(bytes, at: Int64(offset))
    }
    return try QCOW2Image(
      OwnedDescriptor.open(place("o"), .read), path: "o", backingName: "base.raw",
      backingFormat: .raw, over: RawImage(OwnedDescriptor.open(place("base.raw"), .read)))
  }

  func refuses(
    _ reason: QCOW2Refusal, at offset: Int64 = 0,
    _ tables: [(offset: UInt64, word: UInt64)]
  ) throws {
    let place = try Workplace()
    let disk = try overlay(place, tables)
    for attempt in [
      { _ = try disk.read(at: offset, count: 4096) },
      { _ = try disk.firstAllocated(in: 0..<disk.size) },
    ] {
      #expect { try attempt() } throws: { error in
        guard case DisksError.refusedImage("o", let found) = error else { return false }
        return found == reason
      }
    }
  }

  private static let l1 = 3 * cluster
  private static let l2 = 4 * cluster
  private static let table = (offset: l1, word: copied | l2)

  @Test(arguments: [512, 32768, cluster + 512, 8 * cluster, 7 * cluster + 512, 1 << 55])
  func `should fail: an L1 entry that leads into the header or out of the file`(
    place: UInt64
  ) throws {
    try refuses(.tableOutside(at: 0), [(Self.l1, Self.copied | place)])
  }

  @Test(arguments: [1, 1 << 8, 1 << 56, 1 << 62] as [UInt64])
  func `should fail: an L1 entry with unknown bits`(bit: UInt64) throws {
    try refuses(.reservedBits(at: 0), [(Self.l1, Self.copied | Self.l2 | bit)])
  }

  @Test func `should fail: an L1 table that is its own L2 table`() throws {
    // Its own first entry says where data is, its second that all of it is allocated.
    let disk = try overlay(
      Workplace(), [(Self.l1, Self.copied | Self.l1), (Self.l1 + 8, 0xFFFF_FFFF)])
    // Read as data, once: what stands in the table.
    let bytes = try disk.read(at: 0, count: 16)
    #expect(bytes == [0x80, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF])
    // Its second entry is no place of a table.
    #expect {
      try disk.read(at: 256 << 20, count: 1)
    } throws: { error in
      guard case DisksError.refusedImage(_, let reason) = error else { return false }
      return reason == .reservedBits(at: 256 << 20)
    }
  }

  @Test func `two L1 entries may lead to one table, and it ends`() throws {
    let disk = try overlay(
      Workplace(),
      [
        Self.table, (Self.l1 + 8, Self.copied | Self.l2), (Self.l2, Self.copied | 5 * Self.cluster),
        (Self.l2 + 8, 0xFFFF_FFFF), (5 * Self.cluster, 0x0102_0304_0506_0708),
      ])
    #expect(try disk.read(at: 0, count: 8) == [1, 2, 3, 4, 5, 6, 7, 8])
    #expect(try disk.read(at: 256 << 20, count: 8) == [1, 2, 3, 4, 5, 6, 7, 8])
    var ranges: [Range<Int64>] = []
    try disk.forEachAllocated { ranges.append($0.range) }
    let expected: [Range<Int64>] = [0..<65536, (256 << 20)..<(256 << 20) + 65536]
    #expect(ranges == expected)
  }

  @Test(arguments: [512, 32768, 8 * cluster, 1 << 55])
  func `should fail: data in the header, off its cluster or out of the file`(
    place: UInt64
  ) throws {
    try refuses(
      .dataOutside(at: 0),
      [Self.table, (Self.l2, Self.copied | place), (Self.l2 + 8, 0xFFFF_FFFF)])
  }

  @Test(arguments: [1, 2, 1 << 56, 1 << 61] as [UInt64])
  func `should fail: an L2 entry with unknown bits`(bit: UInt64) throws {
    try refuses(
      .reservedBits(at: 0), [Self.table, (Self.l2, Self.copied | 5 * Self.cluster | bit)])
  }

  @Test func `should fail: a compressed cluster`() throws {
    try refuses(.compressed(at: 0), [Self.table, (Self.l2, 1 << 62 | 5 * Self.cluster)])
  }

  @Test(.with("qemu-img"))
  func `should fail: clusters that qemu-img has compressed`() throws {
    let place = try Workplace()
    try Files.write(place("base.raw"), [UInt8](repeating: 0, count: 1 << 20))
    try Files.write(place("new.raw"), [UInt8](repeating: 7, count: 1 << 20))
    for (kind, reason) in [
      ("zlib", QCOW2Refusal.compressed(at: 0)), ("zstd", .incompatibleFeatures(8)),
    ] {
      try place.run(
        "qemu-img",
        [
          "convert", "-c", "-O", "qcow2", "-B", "base.raw", "-F", "raw", "-o",
          "compression_type=\(kind)", "new.raw", "\(kind).qcow2",
        ])
      #expect {
        try QCOW2Image(
          OwnedDescriptor.open(place("\(kind).qcow2"), .read), path: "o",
          backingName: "base.raw", backingFormat: .raw,
          over: RawImage(OwnedDescriptor.open(place("base.raw"), .read))
        ).read(at: 0, count: 1)
      } throws: { error in
        guard case DisksError.refusedImage("o", let found) = error else { return false }
        return found == reason
      }
    }
  }

  @Test func `should fail: a part that is data and zero at once`() throws {
    try refuses(
      .subclusters(at: 0),
      [Self.table, (Self.l2, Self.copied | 5 * Self.cluster), (Self.l2 + 8, 0x8_0000_0008)])
    try refuses(.subclusters(at: 0), [Self.table, (Self.l2, 0), (Self.l2 + 8, 1)])
  }

  @Test func `should fail: another backing file than the caller's`() throws {
    let place = try Workplace()
    _ = try overlay(place, [])
    for (name, format) in [("/etc/passwd", BackingFormat.raw), ("base.raw", .qcow2)] {
      #expect(throws: DisksError.self) {
        try QCOW2Image(
          OwnedDescriptor.open(place("o"), .read), path: "o", backingName: name,
          backingFormat: format, over: RawImage(OwnedDescriptor.open(place("base.raw"), .read)))
      }
    }
  }

  @Test func `should fail: a seventeenth overlay`() throws {
    let place = try Workplace()
    var disk: any DiskContents = try overlay(place, [])
    for index in 2...QCOW2Image.mostOverlays {
      disk = try QCOW2Image(
        OwnedDescriptor.open(place("o"), .read), path: "o", backingName: "base.raw",
        backingFormat: .raw, over: disk)
      #expect(disk.overlays == index)
    }
    #expect(try disk.read(at: 4096, count: 2) == [0, 0])
    #expect {
      try QCOW2Image(
        OwnedDescriptor.open(place("o"), .read), path: "o", backingName: "base.raw",
        backingFormat: .raw, over: disk)
    } throws: { error in
      guard case DisksError.refusedImage("o", .chainTooLong(17)) = error else { return false }
      return true
    }
  }

  @Test(.with("qemu-img", "qemu-io"))
  func `no damage of the tables makes the reader fall over`() throws {
    let place = try Workplace()
    try place.run("truncate", ["-s", "1M", "base.raw"])
    try place.run(
      "qemu-img",
      [
        "create", "-q", "-f", "qcow2", "-o", "extended_l2=on", "-b", "base.raw", "-F", "raw", "o",
        "2M",
      ])
    try place.run(
      "qemu-io",
      ["-f", "qcow2", "-c", "write 4k 4k", "-c", "write 1M 300k", "-c", "write -z 1600k 100k", "o"])
    let file = try OwnedDescriptor.open(place("o"), .readWrite)
    let whole = try file.pread(at: 0, count: 1 << 20)
    // What is not zero before the data: the tables.
    let places = (0..<6 * 65536).filter { whole[$0] != 0 && $0 >= 65536 }
    var random = SplitMix(state: 11)
    var (read, refused) = (0, 0)
    for _ in 0..<1000 {
      var damaged: [Int] = []
      for _ in 0...random.next() % 3 {
        let near = places[Int(random.next() % UInt64(places.count))]
        let place = min(whole.count - 1, near & ~7 + Int(random.next() % 24))
        damaged.append(place)
        try file.pwriteAll([UInt8(truncatingIfNeeded: random.next())], at: Int64(place))
      }
      do {
        let disk = try QCOW2Image(
          OwnedDescriptor.open(place("o"), .read), path: "o", backingName: "base.raw",
          backingFormat: .raw, over: RawImage(OwnedDescriptor.open(place("base.raw"), .read)))
        var total: Int64 = 0
        try disk.forEachAllocated { total += Int64($0.range.count) }
        #expect(total <= disk.size)
        #expect(try disk.read(at: 0, count: Int(disk.size)).count == Int(disk.size))
        read += 1
      } catch is DisksError {
        refused += 1
      }
      for place in damaged { try file.pwriteAll([whole[place]], at: Int64(place)) }
    }
    #expect(read > 0 && refused > 0)
  }
}
