import Disks
import Host
import TestSupport
import Testing
import Vocabulary

@Suite(.with("qemu-img", "qemu-io")) struct DiskReaderTests {
  /// A chain by its names, the topmost first.
  private func open(_ place: Workplace, _ names: [String]) throws -> DiskReader {
    try DiskReader(
      try names.map { name in
        ChainFile(
          try OwnedDescriptor.open(place(name), .read), path: name, name: name,
          format: name.hasSuffix(".raw") ? .raw : .qcow2)
      })
  }

  private func makeBase(_ place: Workplace, megabytes: Int64 = 20) throws {
    let base = try OwnedDescriptor.open(place("base.raw"), .createExclusive(mode: 0o600))
    try base.truncate(to: megabytes << 20)
    var random = SplitMix(state: 1)
    for _ in 0..<200 {
      let count = Int(random.next() % 9000)
      let byte = UInt8(truncatingIfNeeded: random.next())
      try base.pwriteAll(
        [UInt8](repeating: byte, count: count),
        at: Int64(random.next() % UInt64(megabytes << 20 - 9000)))
    }
  }

  private func makeOverlay(
    _ place: Workplace, _ name: String, on below: String, size: String, extended: Bool = true
  ) throws {
    try place.run(
      "qemu-img",
      [
        "create", "-q", "-f", "qcow2", "-o", "extended_l2=\(extended ? "on" : "off")", "-b", below,
        "-F", below.hasSuffix(".raw") ? "raw" : "qcow2", name, size,
      ])
  }

  /// Writes, zeroes and discards in many places, in units of 512 bytes.
  private func scribble(_ place: Workplace, _ name: String, megabytes: UInt64, seed: UInt64) throws
  {
    var random = SplitMix(state: seed)
    var commands: [String] = []
    for _ in 0..<120 {
      let unit: UInt64 = [512, 2048, 4096, 65536][Int(random.next() % 4)]
      let offset = random.next() % (megabytes << 20 / unit) * unit
      let count = min(unit * (1 + random.next() % 20), megabytes << 20 - offset)
      let what = [
        "write -P \(1 + random.next() % 255)", "write -P \(1 + random.next() % 255)", "write -z",
        "write -z -u", "discard",
      ][Int(random.next() % 5)]
      commands += ["-c", "\(what) \(offset) \(count)"]
    }
    try place.run("qemu-io", ["-f", "qcow2"] + commands + [name])
  }

  /// What QEMU reads, in pieces of odd sizes from odd places, and as a whole.
  private func expectAsQEMU(_ place: Workplace, _ disk: DiskReader, _ name: String) throws {
    try? Files.remove(place("flat"))
    try place.run("qemu-img", ["convert", "-f", "qcow2", "-O", "raw", name, "flat"])
    let flat = try OwnedDescriptor.open(place("flat"), .read)
    #expect(try flat.status().size == disk.size)
    var offset: Int64 = 0
    while offset < disk.size {
      let count = Int(min(1 << 20, disk.size - offset))
      #expect(try disk.read(at: offset, count: count) == flat.pread(at: offset, count: count))
      offset += Int64(count)
    }
    var random = SplitMix(state: 7)
    for _ in 0..<300 {
      let offset = Int64(random.next() % UInt64(disk.size))
      let count = Int(min(Int64(random.next() % 200_000), disk.size - offset))
      #expect(
        try disk.read(at: offset, count: count) == flat.pread(at: offset, count: count),
        "\(offset) \(count)")
    }
  }

  @Test(arguments: [true, false])
  func `a chain reads as QEMU reads it`(extended: Bool) throws {
    let place = try Workplace()
    try makeBase(place)
    try makeOverlay(place, "one.qcow2", on: "base.raw", size: "24M", extended: extended)
    try scribble(place, "one.qcow2", megabytes: 24, seed: 2)
    // Longer than what is below, and shorter than what is above.
    try makeOverlay(place, "two.qcow2", on: "one.qcow2", size: "22M")
    try scribble(place, "two.qcow2", megabytes: 22, seed: 3)
    try makeOverlay(place, "three.qcow2", on: "two.qcow2", size: "600M", extended: extended)
    try scribble(place, "three.qcow2", megabytes: 600, seed: 4)
    try scribble(place, "three.qcow2", megabytes: 30, seed: 5)
    let names = ["three.qcow2", "two.qcow2", "one.qcow2", "base.raw"]
    let disk = try open(place, names)
    #expect(disk.size == 600 << 20)
    try expectAsQEMU(place, disk, "three.qcow2")
    try expectAsQEMU(place, try open(place, Array(names.dropFirst(2))), "one.qcow2")
  }

  @Test func `an empty overlay of ours, and a long chain of them`() throws {
    let place = try Workplace()
    try makeBase(place)
    var names = ["base.raw"]
    for index in 0..<20 {
      let name = "\(index).qcow2"
      try QCOW2Overlay(
        virtualSize: .mebibytes(32), backingName: names[0],
        backingFormat: index == 0 ? .raw : .qcow2
      ).write(to: place(name), durable: false)
      names.insert(name, at: 0)
    }
    try place.run("qemu-io", ["-f", "qcow2", "-c", "write -P 9 5M 4k", "19.qcow2"])
    try expectAsQEMU(place, try open(place, names), names[0])
  }

  @Test func `a raw file alone is a disk, whatever its size`() throws {
    let place = try Workplace()
    try Files.write(place("odd.raw"), [1, 2, 3])
    let disk = try open(place, ["odd.raw"])
    #expect(disk.size == 3)
    #expect(try disk.read(at: 1, count: 2) == [2, 3])
    for (offset, count) in [(-1, 1), (0, 4), (4, 0), (.max, 1), (1, .max), (0, -1)] {
      #expect {
        try disk.read(at: Int64(offset), count: count)
      } throws: { error in
        guard case DisksError.outsideOfDisk("odd.raw", Int64(offset), count) = error else {
          return false
        }
        return true
      }
    }
  }

  // MARK: What is refused

  private func refusal(
    _ expected: QCOW2Refusal, _ body: () throws -> Void,
    location: SourceLocation = #_sourceLocation
  ) {
    #expect(sourceLocation: location) {
      try body()
    } throws: { error in
      guard case DisksError.refusedImage(_, let reason) = error else { return false }
      return reason == expected
    }
  }

  @Test func `should fail: files that the caller did not mean`() throws {
    let place = try Workplace()
    try makeBase(place)
    try makeOverlay(place, "one.qcow2", on: "base.raw", size: "20M")
    try Files.write(place("other.raw"), [1])
    refusal(.foreignBacking("base.raw")) { _ = try open(place, ["one.qcow2", "other.raw"]) }
    refusal(.notQCOW2) {
      _ = try DiskReader([
        ChainFile(
          try OwnedDescriptor.open(place("base.raw"), .read), path: "x", name: "x", format: .qcow2),
        ChainFile(
          try OwnedDescriptor.open(place("base.raw"), .read), path: "x", name: "x", format: .raw),
      ])
    }
    for names in [[], ["one.qcow2"], ["base.raw", "base.raw"]] as [[String]] {
      #expect(throws: DisksError.self, "\(names)") { try open(place, names) }
    }
    let many = [String](repeating: "one.qcow2", count: 64) + ["base.raw"]
    #expect(throws: DisksError.self) { try open(place, many) }
  }

  @Test func `should fail: kinds of qcow2 that we never make`() throws {
    let place = try Workplace()
    try makeBase(place)
    try makeOverlay(place, "packed.qcow2", on: "base.raw", size: "20M")
    try place.run("qemu-io", ["-f", "qcow2", "-c", "write -c -P 3 1M 64k", "packed.qcow2"])
    let packed = try open(place, ["packed.qcow2", "base.raw"])
    refusal(.compressedCluster(1 << 20)) { _ = try packed.read(at: 1 << 20, count: 1) }
    #expect(try packed.read(at: 0, count: 100).count == 100)

    try makeOverlay(place, "saved.qcow2", on: "base.raw", size: "20M")
    try place.run("qemu-img", ["snapshot", "-c", "then", "saved.qcow2"])
    refusal(.snapshots) { _ = try open(place, ["saved.qcow2", "base.raw"]) }
    let options = "data_file=data.raw,data_file_raw=off"
    try place.run(
      "qemu-img",
      ["create", "-q", "-f", "qcow2", "-o", options, "-b", "base.raw", "-F", "raw", "apart.qcow2"])
    refusal(.externalDataFile) { _ = try open(place, ["apart.qcow2", "base.raw"]) }
  }

  /// One cluster written at 0, and where its entry is.
  private func written(_ place: Workplace, extended: Bool = true) throws -> (
    bytes: [UInt8], entry: Int
  ) {
    try makeBase(place, megabytes: 4)
    try makeOverlay(place, "o.qcow2", on: "base.raw", size: "4M", extended: extended)
    try place.run("qemu-io", ["-f", "qcow2", "-c", "write -P 5 0 4k", "o.qcow2"])
    let bytes = try Files.read(place("o.qcow2"), limit: 4 << 20)
    func long(_ place: Int) -> Int { bytes[place..<place + 8].reduce(0) { $0 << 8 | Int($1) } }
    return (bytes, long(long(40)) & (1 << 56 - 1))
  }

  @Test(arguments: [
    // Entry of the L2 table: the first byte, the last ones, and both bitmaps.
    (1, 0xFF, QCOW2Refusal.outside(0)), (0, 0xC0, .compressedCluster(0)), (0, 0x90, .tableEntry(0)),
    (7, 0x01, .tableEntry(0)), (7, 0x02, .tableEntry(0)), (6, 0x02, .tableEntry(0)),
    (11, 0x01, .subclusters(0)),
  ])
  func `should fail: a bad entry`(offset: Int, value: Int, reason: QCOW2Refusal) throws {
    let place = try Workplace()
    var (bytes, entry) = try written(place)
    bytes[entry + offset] = UInt8(value)
    try Files.write(place("o.qcow2"), bytes)
    let disk = try open(place, ["o.qcow2", "base.raw"])
    refusal(reason) { _ = try disk.read(at: 0, count: 1) }
  }

  @Test func `should fail: data without a place, tables and data past the end`() throws {
    let place = try Workplace()
    let (bytes, entry) = try written(place)
    func check(_ reason: QCOW2Refusal, _ change: (inout [UInt8]) -> Void) throws {
      var changed = bytes
      change(&changed)
      try Files.write(place("o.qcow2"), changed)
      let disk = try open(place, ["o.qcow2", "base.raw"])
      refusal(reason) { _ = try disk.read(at: 0, count: 1) }
    }
    try check(.subclusters(0)) { for index in 0..<8 { $0[entry + index] = 0 } }
    try check(.outside(0)) { $0.removeLast($0.count - entry - 65536) }
    // L1 is at a place that the header names.
    let l1 = bytes[40..<48].reduce(0) { $0 << 8 | Int($1) }
    try check(.outside(0)) { $0[l1 + 2] = 1 }
    try check(.tableEntry(0)) { $0[l1 + 7] = 1 }
    try check(.tableEntry(0)) { $0[l1 + 6] = 2 }
    try check(.tableEntry(0)) { $0[l1] = 0xC0 }
  }

  @Test func `no change of a file makes the reader fall over`() throws {
    let place = try Workplace()
    for extended in [true, false] {
      try? Files.remove(place("o.qcow2"))
      try? Files.remove(place("base.raw"))
      let (bytes, entry) = try written(place, extended: extended)
      let l1 = bytes[40..<48].reduce(0) { $0 << 8 | Int($1) }
      var random = SplitMix(state: 99)
      var whole = 0
      for _ in 0..<600 {
        var changed = bytes
        for _ in 0..<(1 + random.next() % 4) {
          let place = [0, l1, entry][Int(random.next() % 3)] + Int(random.next() % 40)
          changed[place] = UInt8(truncatingIfNeeded: random.next())
        }
        if random.next() % 8 == 0 { changed.removeLast(Int(random.next() % UInt64(bytes.count))) }
        try Files.write(place("o.qcow2"), changed, durable: false)
        guard let disk = try? open(place, ["o.qcow2", "base.raw"]) else { continue }
        for offset in stride(from: 0, to: min(disk.size, 4 << 20), by: 1 << 20) {
          let count = Int(min(1 << 20, disk.size - offset))
          if (try? disk.read(at: offset, count: count))?.count == count { whole += 1 }
        }
      }
      #expect(whole > 0)
    }
  }
}
