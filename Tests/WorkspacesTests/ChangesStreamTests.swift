import GuestProtocol
import Host
import TestSupport
import Testing
import Vocabulary

@testable import Workspaces

/// What comes has to be an archive of ours, and no larger than agreed.
struct ChangesStreamTests {
  @Test func `the changes appear under their name once they are whole`() throws {
    let place = try Workplace()
    var maker = TarMaker()
    try maker.file("a", "x")
    try Files.write(place("changes"), bytes("old"))
    let writer = try ChangesWriter(path: place("changes"))
    for byte in maker.whole { try writer.take([byte]) }
    #expect(try Files.read(place("changes"), limit: 9) == bytes("old"))
    try writer.finish()
    #expect(try Files.read(place("changes"), limit: 1 << 20) == maker.whole)
    #expect(writer.byteCount == UInt64(maker.whole.count))
    #expect(Files.status(place("changes"))?.mode == 0o600)
    #expect(try place.names() == ["changes", "tree"])
    for late in [{ try writer.take([0]) }, writer.finish] {
      guard case .changesClosed = try failure(late) else { return #expect(Bool(false)) }
    }
  }

  @Test func `nothing is left of changes that were given up`() throws {
    let place = try Workplace()
    do {
      let writer = try ChangesWriter(path: place("changes"))
      try writer.take([0, 0, 0])
      #expect(try place.names().count == 2)
    }
    #expect(try place.names() == ["tree"])
  }

  @Test func `changes that are cut anywhere are refused`() throws {
    var maker = TarMaker()
    try maker.file("a", String(repeating: "x", count: 700))
    try maker.gone("b")
    for count in stride(from: 0, to: maker.whole.count, by: 256) {
      try expectMalformed([UInt8](maker.whole.prefix(count)))
    }
  }

  @Test(arguments: [1, 511, 512, 8192])
  func `anything but zeroes behind the end is refused`(_ gap: Int) throws {
    var maker = TarMaker()
    try maker.file("a", "x")
    let zeroes = [UInt8](repeating: 0, count: gap)
    try expectMalformed(maker.whole + zeroes + [1])
    try expectMalformed(maker.whole + maker.whole)
    let place = try Workplace()
    #expect(try place.changes(maker.whole + zeroes, on: place.snapshot()).list.count == 1)
  }

  @Test(arguments: ["9223372036854775808", "9223372036854775807", "999999999999999999", "-1", ""])
  func `an impossible size is refused`(_ size: String) throws {
    var maker = TarMaker()
    maker.extended([("size", bytes(size))])
    maker.raw("a")
    try expectMalformed(maker.whole)
  }

  @Test func `a size of eight exbibytes as a binary number is refused`() throws {
    for first: UInt8 in [0x80, 0xFF] {
      var maker = TarMaker()
      maker.raw("a")
      var archive = maker.whole
      archive.replaceSubrange(
        124..<136, with: [first, 0, 0, 0, 0x7F] + [UInt8](repeating: 0xFF, count: 7))
      TarMaker.seal(&archive, at: 0)
      try expectMalformed(archive)
    }
  }

  @Test func `a size beyond the limit is refused before its bytes come`() throws {
    let place = try Workplace()
    var maker = TarMaker()
    maker.extended([("size", bytes("1000000000000000"))])
    maker.raw("a")
    let writer = try ChangesWriter(path: place("changes"))
    guard case .changesTooLarge = try failure({ try writer.take(maker.bytes) }) else {
      return #expect(Bool(false))
    }
    #expect(try place.names() == ["tree"])
    guard case .changesClosed = try failure({ try writer.take([]) }) else {
      return #expect(Bool(false))
    }
  }

  @Test func `more bytes, more entries or longer names than agreed are refused`() throws {
    let place = try Workplace()
    var maker = TarMaker()
    for name in ["a", "b", "c", "d"] { try maker.file(name, "x") }
    let size = ByteCount(Int64(maker.whole.count))
    let enough = ChangesLimits(size: size, entries: 4, names: ByteCount(4))
    #expect(
      try place.changes(maker.whole, on: WorkspaceSnapshot(), limits: enough).list.count == 4)
    for limits in [
      ChangesLimits(size: ByteCount(size.bytes - 1), entries: 4, names: ByteCount(4)),
      ChangesLimits(size: size, entries: 3, names: ByteCount(4)),
      ChangesLimits(size: size, entries: 4, names: ByteCount(3)),
    ] {
      let error = try failure {
        try place.changes(maker.whole, on: WorkspaceSnapshot(), limits: limits)
      }
      switch error {
      case .changesTooLarge, .tooManyChanges: break
      default: throw error
      }
    }
  }

  @Test func `an end mark is no way round the limit of bytes`() throws {
    let place = try Workplace()
    let writer = try ChangesWriter(
      path: place("changes"), limits: ChangesLimits(size: .kibibytes(64)))
    try writer.take(TarEncoder.end)
    let zeroes = [UInt8](repeating: 0, count: 64 << 10)
    guard case .changesTooLarge = try failure({ try writer.take(zeroes) }) else {
      return #expect(Bool(false))
    }
  }

  @Test func `too many missing directories are refused`() throws {
    let place = try Workplace()
    let deep = [String](repeating: "d", count: 2000).joined(separator: "/")
    #expect(try place.changes { try $0.file("0/\(deep)") }.list.count == 2001)
    let error = try failure {
      try place.changes { for index in 0..<9 { try $0.file("\(index)/\(deep)") } }
    }
    guard case .refused(_, .noParent) = error else { throw error }
  }

  @Test(arguments: ["3", "4", "6", "7", "S", "L", "K", "D", "V"] as [Character])
  func `devices, FIFOs and other kinds are refused`(_ flag: Character) throws {
    var maker = TarMaker()
    maker.raw("a", flag: flag)
    maker.raw("b")
    try expectMalformed(maker.whole)
  }

  @Test func `a wrong checksum is refused`() throws {
    var maker = TarMaker()
    try maker.file("a", "x")
    var archive = maker.whole
    archive[101] ^= 1
    try expectMalformed(archive)
  }

  @Test func `stored changes are held to the rules again when they are loaded`() throws {
    let place = try Workplace()
    _ = try place.changes { try $0.file("a", "x") }
    var maker = TarMaker()
    maker.raw("../a")
    try Files.write(place("changes.tar"), maker.whole)
    let error = try failure {
      try WorkspaceChanges.load(path: place("changes.tar"), snapshot: WorkspaceSnapshot())
    }
    guard case .malformed = error else { throw error }
  }

  @Test func `stored changes that are cut after they were loaded change nothing`() throws {
    let place = try Workplace()
    try place.file("a", "old")
    let changes = try place.changes {
      try $0.file("a", "new")
      try $0.file("b", String(repeating: "x", count: 3 << 20))
    }
    let before = try place.listing()
    try OwnedDescriptor.open(place("changes.tar"), .readWrite).truncate(to: 4096)
    guard case .changesCut = try failure({ try changes.apply(to: place.tree, durable: false) })
    else { return #expect(Bool(false)) }
    guard case .changesCut = try failure({ try changes.content(of: bytes("b"), limit: 9000) })
    else { return #expect(Bool(false)) }
    #expect(try place.listing() == before)
  }

  @Test(arguments: ["tar", "bsdtar"])
  func `what other programs pack is taken`(_ packer: String) throws {
    guard present("foreign changes", packer) else { return }
    let place = try Workplace()
    let other = try Workplace()
    try other.folder("a")
    try other.file("a/b", "content", mode: 0o755)
    try other.file([0x66, 0xFF], bytes("x"))
    try other.link("link", "a/b")
    try other.run(packer, ["--format=pax", "-cf", place("made.tar"), "-C", other.tree, "."])
    let archive = try Files.read(place("made.tar"), limit: 1 << 20)
    let changes = try place.changes(archive, on: place.snapshot())
    try changes.apply(to: place.tree, durable: false)
    #expect(try place.listing() == other.listing())
  }
}
