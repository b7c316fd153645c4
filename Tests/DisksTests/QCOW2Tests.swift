import Disks
import Host
import TestSupport
import Testing
import Vocabulary

@Suite struct QCOW2Tests {
  func overlay(
    _ size: ByteCount = .gibibytes(64), _ name: String = "../disks/base.raw",
    _ format: BackingFormat = .raw
  ) throws -> QCOW2Overlay {
    try QCOW2Overlay(virtualSize: size, backingName: name, backingFormat: format)
  }

  @Test func `the same values give the same bytes, and these`() throws {
    let bytes = try overlay().bytes
    #expect(bytes == (try overlay().bytes))
    #expect(
      Digest.of(bytes).description
        == "sha256:37146aeccaf56e2c4fc9fbd99940cdcdb26cb3e344b767ca3671b0d9f52d0022")
  }

  @Test(arguments: [ByteCount.mebibytes(1), .gibibytes(64), .gibibytes(3000), .gibibytes(16384)])
  func `what is written is read back`(size: ByteCount) throws {
    for format in BackingFormat.allCases {
      let overlay = try overlay(size, "d/\(format).img", format)
      let header = try QCOW2Header(
        Array(overlay.bytes.prefix(65536)), fileSize: overlay.fileSize, path: "o")
      #expect(header.virtualSize == size)
      #expect(header.backingName == "d/\(format).img")
      #expect(header.backingFormat == format)
      #expect(header.hasExtendedL2)
      try header.requireBacking("d/\(format).img", format, path: "o")
      #expect(throws: DisksError.self) {
        try header.requireBacking("other.img", format, path: "o")
      }
    }
  }

  @Test func `qemu-img finds nothing wrong and reads what the base holds`() throws {
    guard present("qemu-img judge", "qemu-img") else { return }
    let place = try Workplace()
    try place.run("qemu-img", ["create", "-q", "-f", "raw", "base.raw", "300M"])
    let base = try OwnedDescriptor.open(place("base.raw"), .readWrite)
    try base.pwriteAll(Array("something that is not zero".utf8), at: 123 << 20)
    for size in [ByteCount.mebibytes(300), .gibibytes(64), .gibibytes(5000)] {
      let path = place("o.qcow2")
      try Files.remove(path)
      try overlay(size, "base.raw").write(to: path, durable: size == .gibibytes(64))
      let said = try place.run("qemu-img", ["check", "o.qcow2"])
      #expect(said.contains("No errors were found"))
      let info = try place.run("qemu-img", ["info", "o.qcow2"])
      #expect(info.contains("backing file: base.raw"))
      #expect(info.contains("backing file format: raw"))
      #expect(info.contains("extended l2: true"))
      #expect(info.contains("(\(size.bytes) bytes)"))
      // Exit status 0: equal contents; a longer image must be zero past the shorter one's end.
      try place.run("qemu-img", ["compare", "-f", "raw", "-F", "qcow2", "base.raw", "o.qcow2"])
      let status = try #require(Files.status(path))
      #expect(status.allocated <= 16 << 10)
      #expect(status.mode == 0o600)
    }
  }

  @Test func `an overlay that QEMU wrote into is still ours`() throws {
    guard present("QEMU writes", "qemu-img", "qemu-io") else { return }
    let place = try Workplace()
    try place.run("qemu-img", ["create", "-q", "-f", "raw", "base.raw", "300M"])
    try overlay(.gibibytes(1), "base.raw").write(to: place("o.qcow2"), durable: false)
    try place.run(
      "qemu-io", ["-f", "qcow2", "-c", "write 700M 5M", "-c", "write 4k 4k", "o.qcow2"])
    try place.run("qemu-img", ["check", "-q", "o.qcow2"])
    let file = try OwnedDescriptor.open(place("o.qcow2"), .read)
    let header = try QCOW2Header.read(from: file, path: "o.qcow2")
    try header.requireBacking("base.raw", .raw, path: "o.qcow2")
  }

  @Test func `an existing file is never written over`() throws {
    let place = try Workplace()
    try Files.write(place("o"), [1, 2, 3])
    #expect(throws: DisksError.self) { try overlay().write(to: place("o"), durable: false) }
    #expect(try Files.read(place("o"), limit: 10) == [1, 2, 3])
  }

  @Test(arguments: [
    "", "/etc/passwd", "nbd:host", "json:{}", "a\nb", String(repeating: "x", count: 1024),
  ])
  func `names that QEMU could take for something else are refused`(name: String) throws {
    #expect(throws: DisksError.self) { try overlay(.gibibytes(1), name) }
  }

  @Test(arguments: [0, 511, 1 << 20 + 1, 17 << 40, -512] as [Int64])
  func `sizes that can't be are refused`(size: Int64) throws {
    #expect(throws: DisksError.self) { try overlay(ByteCount(size)) }
  }

  /// Place and value of a byte that makes a header foreign, and why.
  @Test(arguments: [
    (0, 0, QCOW2Refusal.notQCOW2), (7, 2, .version(2)), (79, 0x11, .dirty), (79, 0x12, .corrupt),
    (79, 0x14, .externalDataFile), (79, 0x18, .incompatibleFeatures(0x18)),
    (72, 0x80, .incompatibleFeatures(0x8000_0000_0000_0010)), (95, 2, .externalDataFile),
    (35, 1, .encrypted), (63, 1, .snapshots), (23, 12, .geometry("cluster size")),
    (99, 3, .geometry("refcount width")), (103, 96, .geometry("header length")),
    (104, 1, .geometry("compression type")), (31, 1, .geometry("virtual size")),
    (39, 0, .geometry("L1 table")), (40, 1, .geometry("L1 table")),
    (59, 0, .geometry("refcount table")), (19, 0, .noBackingFile), (18, 9, .truncated),
    (15, 0, .noBackingFile), (112, 0, .backingFormat), (120, 0x7A, .backingFormat),
    (136, 0x2F, .backingName), (117, 1, .extensions),
  ])
  func `should fail: a foreign header`(offset: Int, value: Int, reason: QCOW2Refusal) throws {
    let overlay = try overlay(.gibibytes(1))
    var bytes = Array(overlay.bytes.prefix(65536))
    #expect(bytes[offset] != UInt8(value))
    bytes[offset] = UInt8(value)
    #expect {
      try QCOW2Header(bytes, fileSize: overlay.fileSize, path: "o")
    } throws: { error in
      guard case DisksError.refusedImage("o", let found) = error else { return false }
      return found == reason
    }
  }

  @Test func `should fail: a header that ends early`() throws {
    let overlay = try overlay()
    for count in 0..<150 {
      #expect(throws: DisksError.self) {
        try QCOW2Header(Array(overlay.bytes.prefix(count)), fileSize: overlay.fileSize, path: "o")
      }
    }
    #expect(throws: DisksError.self) {
      try QCOW2Header(Array(overlay.bytes.prefix(65536)), fileSize: 65536, path: "o")
    }
  }

  @Test func `no header makes the reader fall over or accept a foreign file`() throws {
    var random = SplitMix(state: 42)
    let overlay = try overlay(.gibibytes(64), "base.raw")
    let original = Array(overlay.bytes.prefix(512))
    var accepted = 0
    for _ in 0..<20_000 {
      var bytes = original
      for _ in 0..<(1 + random.next() % 6) {
        let offset = Int(random.next() % 160)
        bytes[offset] = random.next() % 3 == 0 ? 0xFF : UInt8(truncatingIfNeeded: random.next())
      }
      if random.next() % 8 == 0 { bytes.removeLast(Int(random.next() % 500)) }
      guard let header = try? QCOW2Header(bytes, fileSize: overlay.fileSize, path: "o") else {
        continue
      }
      accepted += 1
      #expect(!header.backingName.hasPrefix("/") && !header.backingName.contains(":"))
      #expect(header.l1Offset + Int64(header.l1Entries) * 8 <= overlay.fileSize)
    }
    #expect(accepted > 0)
  }
}

/// A generator whose numbers are the same in every run (Steele, Lea, Flood: "SplitMix").
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
