import Disks
import Host
import TestSupport
import Testing
import Vocabulary

@Suite struct QCOW2ImageTests {
  static let size: Int64 = 20 << 20

  /// A raw file of random blocks, `base.raw`, shorter than the disks over it.
  func base(in place: Workplace, size: Int64 = QCOW2ImageTests.size - 5_000_704) throws {
    let file = try OwnedDescriptor.open(place("base.raw"), .createExclusive(mode: 0o600))
    try file.truncate(to: size)
    var random = SplitMix(state: 7)
    for offset in stride(from: Int64(0), to: size, by: 1 << 20) {
      var bytes = [UInt8](repeating: 0, count: 300_000)
      for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: random.next()) }
      try file.pwriteAll(Array(bytes.prefix(Int(min(300_000, size - offset)))), at: offset)
    }
  }

  func create(
    _ place: Workplace, _ name: String, over base: String = "base.raw",
    _ format: BackingFormat = .raw, extended: Bool
  ) throws {
    try place.run(
      "qemu-img",
      [
        "create", "-q", "-f", "qcow2", "-o", "extended_l2=\(extended ? "on" : "off")", "-b", base,
        "-F", format.rawValue, name, "\(Self.size)",
      ])
  }

  func raw(_ place: Workplace, _ name: String = "base.raw") throws -> RawImage {
    try RawImage(OwnedDescriptor.open(place(name), .read))
  }

  func image(
    _ place: Workplace, _ name: String, over backing: (any DiskContents)? = nil,
    named: String = "base.raw", _ format: BackingFormat = .raw
  ) throws -> QCOW2Image {
    try QCOW2Image(
      OwnedDescriptor.open(place(name), .read), path: name, backingName: named,
      backingFormat: format, over: try backing ?? raw(place))
  }

  /// Writes, zeroes and discards of all sizes, at places that `seed` decides.
  func scatter(_ place: Workplace, _ name: String, seed: UInt64, count: Int = 150) throws {
    var random = SplitMix(state: seed)
    var arguments = ["-f", "qcow2", "-d", "unmap"]
    for _ in 0..<count {
      let length = [512, 4096, 4096, 4096, 12288, 70_144, 1 << 20][Int(random.next() % 7)]
      let offset = Int64(random.next() % UInt64(Self.size / 512 - Int64(length) / 512)) * 512
      let command =
        switch random.next() % 6 {
        case 0: "write -z \(offset) \(length)"
        case 1: "write -z -u \(offset) \(length)"
        case 2: "discard \(offset) \(length)"
        default: "write -P \(1 + random.next() % 255) \(offset) \(length)"
        }
      arguments += ["-c", command]
    }
    try place.run("qemu-io", arguments + [name])
  }

  /// All of it, in pieces that fit nothing.
  func bytes(of disk: any DiskContents) throws -> [UInt8] {
    var all: [UInt8] = []
    while all.count < disk.size {
      all += try disk.read(
        at: Int64(all.count), count: min(777_777, Int(disk.size) - all.count))
    }
    return all
  }

  func requireSame(_ place: Workplace, _ name: String, _ disk: QCOW2Image) throws {
    try place.run("qemu-img", ["convert", "-f", "qcow2", "-O", "raw", name, "judge.raw"])
    let judge = try Files.read(place("judge.raw"), limit: 1 << 30)
    let found = try bytes(of: disk)
    #expect(judge.count == found.count)
    for start in stride(from: 0, to: judge.count, by: 4096) {
      guard judge[start..<start + 4096] == found[start..<start + 4096] else {
        Issue.record("\(name): the block at \(start) differs")
        return
      }
    }
    try Files.remove(place("judge.raw"))
  }

  @Test(.with("qemu-img", "qemu-io"), arguments: [true, false], [1, 2, 3] as [UInt64])
  func `what QEMU wrote is read as QEMU reads it`(extended: Bool, seed: UInt64) throws {
    let place = try Workplace()
    try base(in: place)
    try create(place, "o.qcow2", extended: extended)
    try scatter(place, "o.qcow2", seed: seed)
    try requireSame(place, "o.qcow2", try image(place, "o.qcow2"))
  }

  @Test(.with("qemu-img", "qemu-io"))
  func `an overlay that we wrote is read before and after QEMU wrote into it`() throws {
    let place = try Workplace()
    try base(in: place)
    try QCOW2Overlay(
      virtualSize: ByteCount(Self.size), backingName: "base.raw", backingFormat: .raw
    ).write(to: place("o.qcow2"), durable: false)
    let empty = try image(place, "o.qcow2")
    try requireSame(place, "o.qcow2", empty)
    #expect(try empty.firstAllocated(in: 0..<empty.size) == nil)
    try scatter(place, "o.qcow2", seed: 9)
    try requireSame(place, "o.qcow2", try image(place, "o.qcow2"))
  }

  @Test(.with("qemu-img", "qemu-io"))
  func `a chain is read through, each overlay over what the caller has opened`() throws {
    let place = try Workplace()
    try base(in: place)
    var disk: any DiskContents = try raw(place)
    var (below, format) = ("base.raw", BackingFormat.raw)
    for index in 1...4 {
      let name = "o\(index).qcow2"
      try create(place, name, over: below, format, extended: index != 2)
      try scatter(place, name, seed: UInt64(40 + index), count: 60)
      let image = try image(place, name, over: disk, named: below, format)
      #expect(image.overlays == index)
      try requireSame(place, name, image)
      (disk, below, format) = (image, name, .qcow2)
    }
  }

  @Test(.with("qemu-img", "qemu-io"), arguments: [true, false])
  func `the ranges of an overlay are those that qemu-img sees in it`(extended: Bool) throws {
    let place = try Workplace()
    try base(in: place, size: Self.size)
    try create(place, "o.qcow2", extended: extended)
    try scatter(place, "o.qcow2", seed: 5)
    let said = try place.run("qemu-img", ["map", "-f", "qcow2", "--output=json", "o.qcow2"])
    var judge: [Range<Int64>] = []
    for line in said.split(separator: "\n") where line.contains("\"depth\": 0") {
      func number(_ key: String) -> Int64? {
        guard let start = line.range(of: "\"\(key)\": ")?.upperBound else { return nil }
        return Int64(line[start...].prefix { $0.isNumber })
      }
      let start = try #require(number("start"))
      let end = start + (try #require(number("length")))
      if judge.last?.upperBound == start {
        judge[judge.count - 1] = judge[judge.count - 1].lowerBound..<end
      } else {
        judge.append(start..<end)
      }
    }
    let disk = try image(place, "o.qcow2")
    var found: [Range<Int64>] = []
    try disk.forEachAllocated { next in
      if found.last?.upperBound == next.range.lowerBound {
        found[found.count - 1] = found[found.count - 1].lowerBound..<next.range.upperBound
      } else {
        found.append(next.range)
      }
    }
    #expect(found == judge)
    #expect(judge.count > 10)
    // A part of one is found from within it.
    let one = try #require(found.last)
    let inside = one.lowerBound + 512..<one.upperBound
    #expect(try disk.firstAllocated(in: inside)?.range.lowerBound == inside.lowerBound)
  }

  @Test func `reading past the end gives zeroes`() throws {
    let place = try Workplace()
    try base(in: place)
    try QCOW2Overlay(
      virtualSize: ByteCount(Self.size), backingName: "base.raw", backingFormat: .raw
    ).write(to: place("o.qcow2"), durable: false)
    let disk = try image(place, "o.qcow2")
    #expect(try disk.read(at: Self.size - 4, count: 10) == [UInt8](repeating: 0, count: 10))
    #expect(try disk.read(at: Self.size + 4096, count: 2) == [0, 0])
    #expect(try disk.read(at: Int64.max - 1, count: 1) == [0])
    #expect(try raw(place).read(at: Self.size, count: 3) == [0, 0, 0])
  }
}

extension StringProtocol {
  /// Where the text stands first.
  func range(of text: String) -> Range<Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
      start = index(after: start)
    }
    return nil
  }
}
