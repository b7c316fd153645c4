import Glibc
import GuestProtocol
import Host
import TestSupport
import Testing
import Vocabulary

@testable import Workspaces

struct ArchiveTests {
  /// One of everything that a transfer keeps.
  ///
  /// - Parameter early: whether one file is older than 1970, with a fraction: libarchive turns the
  ///   sign of the whole seconds alone.
  private func variety(_ place: Workplace, early: Bool = true) throws {
    try place.file("plain", "hello\n")
    try place.file("empty", "")
    try place.file("-rf", "a name like an option")
    try place.file("new\nline \"quoted\" \\ tab\t", "x")
    try place.file([0x66, 0xFF, 0xFE, 0x80], bytes("not UTF-8"))
    try place.file("größe-日本", "UTF-8")
    try place.file("tool", "#!/bin/sh\n", mode: 0o755)
    // Whoever is not root gets no such bits back from bsdtar.
    try place.file("set-id", "x", mode: geteuid() == 0 ? 0o4755 : 0o755)
    try place.file("unreadable", "root reads it", mode: geteuid() == 0 ? 0 : 0o400)
    try place.file("large", String(repeating: "0123456789", count: 50_001))
    try place.folder("empty-folder")
    try place.folder("a")
    try place.file("a/inside", "1")
    // Sorts between "a" and what is in it.
    try place.file("a-b", "2")
    try place.folder("read-only")
    try place.file("read-only/file", "3", mode: 0o444)
    var deep = "deep"
    try place.folder(deep)
    for level in 0..<12 {
      deep += "/level-\(level)-" + String(repeating: "x", count: 24)
      try place.folder(deep)
      try place.file(deep + "/file-\(level)", "\(level)")
    }
    try place.file(String(repeating: "n", count: 255), "longest name")
    try place.link("link", "a/inside")
    try place.link("dangling", "/nowhere/at/all")
    try place.link("long-link", String(repeating: "t", count: 300))
    let top = try OwnedDescriptor.open(place.tree, .directory)
    try top.hardLink(from: bytes("plain"), to: bytes("a/second"))
    try top.hardLink(from: bytes("plain"), to: bytes("third"))
    let holes = try top.openBeneath(bytes("holes"), .createExclusive(mode: 0o644))
    try holes.truncate(to: 3 << 20)
    try holes.pwriteAll(bytes("middle"), at: 1 << 20)
    for (index, name) in ["plain", "a", "link", "empty"].enumerated() {
      try top.setTimes(
        of: bytes(name), seconds: Int64(index) * 1_000_000 + (early ? -500_000 : 0),
        nanoseconds: 123_456_789)
    }
    try top.setMode(of: bytes("read-only"), 0o555)
  }

  @Test func `GNU tar finds no difference between archive and tree`() throws {
    guard present("tar --compare", "tar") else { return }
    let place = try Workplace()
    try variety(place)
    let (archive, maker) = try place.send()
    try Files.write(place("archive.tar"), archive)
    let result = try Processes.run(
      Command("tar", ["--compare", "-f", place("archive.tar"), "-C", place.tree]))
    // The archive's owner is nobody's business: it is the guest's user who unpacks it.
    let complaints = (result.text + result.errorTail).split(separator: "\n")
      .filter { !$0.hasSuffix("Uid differs") && !$0.hasSuffix("Gid differs") }
    #expect(complaints == [])
    #expect(maker.skipped.isEmpty)
    #expect(maker.unsteady == [])
  }

  @Test(arguments: [["tar", "--no-same-owner", "-xpf"], ["bsdtar", "--no-same-owner", "-xpf"]])
  func `what a judge extracts is the tree again`(_ command: [String]) throws {
    guard present("extraction", command[0]) else { return }
    let place = try Workplace()
    try variety(place, early: command[0] != "bsdtar")
    try Files.write(place("archive.tar"), try place.send().bytes)
    try Files.makeDirectories(place("out"))
    try place.run(
      command[0], Array(command.dropFirst()) + [place("archive.tar"), "-C", place("out")])
    let difference = Set(try place.listing(place("out"))).symmetricDifference(try place.listing())
    #expect(difference.sorted() == [])
  }

  @Test(arguments: [["tar", "-tf"], ["bsdtar", "-tf"]])
  func `judges list the members in the order of a walk`(_ command: [String]) throws {
    guard present("listing", command[0]) else { return }
    let place = try Workplace()
    try place.folder("a")
    try place.file("a/z")
    try place.file("a-b")
    try place.folder("b")
    try place.file("a.c")
    try Files.write(place("archive.tar"), try place.send().bytes)
    let names = try place.run(command[0], [command[1], place("archive.tar")])
    #expect(names == "a/\na/z\na-b\na.c\nb/\n")
  }

  @Test(arguments: [1, 511, 512, 513, 4096, 1 << 20])
  func `the archive is the same in pieces of any size`(_ most: Int) throws {
    let place = try Workplace()
    try place.file("a", String(repeating: "a", count: 1500))
    try place.folder("b")
    try place.file("b/c", "c")
    #expect(try place.send(most).bytes == place.send().bytes)
  }

  @Test func `the guest's decoder takes all of it`() throws {
    let place = try Workplace()
    try variety(place)
    let (archive, maker) = try place.send()
    var decoder = TarDecoder()
    var rest = archive[...]
    var paths: [[UInt8]] = []
    while let event = try decoder.next(from: &rest) {
      if case .entry(let entry) = event { paths.append(entry.path) }
    }
    try decoder.finish()
    #expect(paths == maker.snapshot.entries.map(\.path))
    #expect(maker.fileCount == maker.snapshot.entries.filter { $0.kind == .file }.count)
  }

  @Test func `sockets, FIFOs and names that stand for deletions stay behind and are listed`()
    throws
  {
    let place = try Workplace()
    let top = try OwnedDescriptor.open(place.tree, .directory)
    try top.makeNode(bytes("fifo"), .fifo, mode: 0o644)
    try place.file(".wh.file", "x")
    try place.file("kept", "x")
    try place.folder(".hutch-apply")
    try place.file(".hutch-apply/0", "left over")
    try place.run("python3", ["-c", Self.socketProgram, place.tree + "/socket"])
    let maker = try place.send().archive
    #expect(maker.snapshot.entries.map(\.path) == [bytes("kept")])
    #expect(
      maker.skipped.map { "\(PathText.of($0.path)) \($0.reason.rawValue)" } == [
        ".hutch-apply staging", ".wh.file whiteout-name", "fifo fifo", "socket socket",
      ])
  }

  private static let socketProgram = """
    import socket, sys
    socket.socket(socket.AF_UNIX).bind(sys.argv[1])
    """

  @Test func `a file that shrinks while it is read is filled up and named`() throws {
    let place = try Workplace()
    try place.file("a", String(repeating: "a", count: 20_000))
    try place.file("b", "b")
    let archive = try WorkspaceArchive(directory: place.tree)
    var bytes = try archive.next(1024)
    let file = try OwnedDescriptor.open(place.tree + "/a", .readWrite)
    try file.truncate(to: 5_000)
    while case let piece = try archive.next(1024), !piece.isEmpty { bytes += piece }
    #expect(archive.unsteady == [[UInt8(ascii: "a")]])
    try Files.write(place("archive.tar"), bytes)
    try Files.makeDirectories(place("out"))
    try place.run("tar", ["-xf", place("archive.tar"), "-C", place("out")])
    let content = try Files.read(place("out/a"), limit: 1 << 20)
    #expect(content.count == 20_000)
    #expect(content.last == 0)
    #expect(try Files.read(place("out/b"), limit: 10) == [UInt8(ascii: "b")])
  }

  @Test func `a file that grows while it is read has its first length and is named`() throws {
    let place = try Workplace()
    try place.file("a", String(repeating: "a", count: 20_000))
    let archive = try WorkspaceArchive(directory: place.tree)
    var bytes = try archive.next(1024)
    let file = try OwnedDescriptor.open(place.tree + "/a", .append(mode: 0o644))
    try file.writeAll([UInt8](repeating: 98, count: 10_000))
    while case let piece = try archive.next(1024), !piece.isEmpty { bytes += piece }
    #expect(archive.unsteady == [[UInt8(ascii: "a")]])
    #expect(archive.snapshot.entries[0].size == 20_000)
    // A pax header for the time, a header, 40 blocks of content, the end.
    #expect(bytes.count == 1024 + 512 + 20_480 + 1024)
    #expect(archive.snapshot.entries[0].isUnchanged(try #require(place.status("a"))) == false)
  }

  @Test func `a file that vanishes before its turn was never there`() throws {
    let place = try Workplace()
    try place.file("a", "a")
    try place.file("b", "b")
    let archive = try WorkspaceArchive(directory: place.tree)
    _ = try archive.next(1)
    try Files.remove(place.tree + "/b")
    while try !archive.next(4096).isEmpty {}
    #expect(archive.snapshot.entries.map(\.path) == [[UInt8(ascii: "a")]])
  }

  @Test func `a path too long for the transfer is an error that names it`() throws {
    let place = try Workplace()
    // Deeper than one path can say: made step by step.
    var folder = try OwnedDescriptor.open(place.tree, .directory)
    let name = [UInt8](repeating: UInt8(ascii: "d"), count: 250)
    for _ in 0..<17 {
      try folder.makeDirectory(name, mode: 0o755)
      folder = try folder.openBeneath(name, .directory)
    }
    let error = #expect(throws: WorkspacesError.self) { try place.send() }
    guard case .cannotBeSent(let path)? = error else { return #expect(Bool(false), "\(error!)") }
    #expect(path.count > 4095)
  }

  @Test func `a tree deeper than descriptors may be open is sent`() throws {
    let place = try Workplace()
    var folder = try OwnedDescriptor.open(place.tree, .directory)
    for _ in 0..<1500 {
      try folder.makeDirectory([UInt8(ascii: "d")], mode: 0o755)
      let file = try folder.openBeneath([UInt8(ascii: "f")], .createExclusive(mode: 0o644))
      try file.writeAll([1])
      folder = try folder.openBeneath([UInt8(ascii: "d")], .directory)
    }
    #expect(try place.snapshot().entries.count == 3000)
  }

  @Test func `an unreadable file is an error that names it`() throws {
    let place = try Workplace()
    try place.file("secret", "x", mode: 0)
    try place.give()
    let error = try asNobody { try failure { try place.send() } }
    #expect(error.path == "secret")
  }

  @Test func `what is not a directory is refused`() throws {
    let place = try Workplace()
    try place.file("file")
    for path in [place.tree + "/file", place.tree + "/nothing"] {
      let error = #expect(throws: WorkspacesError.self) { try WorkspaceArchive(directory: path) }
      #expect(error?.message == "the workspace \"\(path)\" is not a directory")
    }
  }
}
