import Archives
import Host
import Layers
import TestSupport
import Testing
import Vocabulary

/// Layers that others made, the hostile ones included.
@Suite struct ForeignLayerTests {
  private let place: Workplace
  private static let date = SourceDate(1_600_000_000)

  init() throws { place = try Workplace() }

  private struct Made {
    var packed: PackedLayer
    var table: TableOfContents
    /// Path without, mark with its prefix.
    var names: [String] {
      table.items.map { String(decoding: $0.entry.memberName, as: UTF8.self) }
    }
    func entry(_ text: String) -> LayerEntry? { table.item(at: path(text))?.entry }
  }

  private func make(
    _ tar: OddTar, as name: String = "made", over tables: [String] = [],
    through filter: [String] = ["cat"], diff: Digest? = nil, cut: Int? = nil,
    limits: ArchiveLimits = ArchiveLimits()
  ) throws -> Made {
    let whole = tar.whole
    let own = Hex.encode(Randomness.bytes(4))
    let archive = place.file(own + ".tar")
    var bytes = try place.run(filter[0], Array(filter.dropFirst()), input: whole).output
    if let cut { bytes = Array(bytes.prefix(cut)) }
    try Files.write(archive, bytes, durable: false)
    let layer = try ForeignLayer(
      archive, diff: diff ?? Digest.of(whole),
      over: LowerTree(tables: tables, date: Self.date), spool: place.file(own + ".spool"),
      limits: limits)
    let packed = try layer.pack(blob: place.file(name), table: place.file(name + ".toc"))
    return Made(
      packed: packed,
      table: try TableOfContents(decoding: try readFile(place.file(name + ".toc"))))
  }

  private func refused(
    _ tar: OddTar, _ entry: String, _ reason: String, over tables: [String] = []
  ) throws {
    let error = #expect(throws: LayersError.self) { try make(tar, over: tables) }
    #expect(error?.message == "the archive's entry \"\(entry)\" is refused: \(reason)")
  }

  // MARK: What is taken

  @Test(arguments: [["cat"], ["gzip"], ["zstd"], ["zstd", "-19", "--long=27"]])
  func `a foreign layer says the same in canonical form, however it is compressed`(
    filter: [String]
  ) throws {
    guard present("foreign layer", filter[0]) else { return }
    let tar = OddTar()
      .adding("./", kind: "5", mode: 0o700)
      .adding("./usr/", kind: "5")
      .adding("usr/z", text: "last", mode: 0o4755, modified: 1_900_000_000)
      .adding("usr/a", kind: "1", link: "./usr/z")
      .adding("link", kind: "2", link: "../../outside")
      .adding("link2", kind: "1", link: "link")
      .adding("pipe", kind: "6", mode: 0o600)
      .adding("node", kind: "3", mode: 0o620)
    let made = try make(tar, through: filter)
    #expect(made.names == ["link", "link2", "node", "pipe", "usr/", "usr/a", "usr/z"])
    #expect(made.entry("usr/a")?.kind == .file(size: 4))
    #expect(made.entry("usr/z")?.kind == .hardLink(to: path("usr/a")))
    #expect(made.entry("usr/a")?.mode == 0o4755)
    #expect(made.entry("usr/a")?.modified == 1_900_000_000)
    #expect(made.entry("usr/a")?.uid == 1000)
    #expect(made.entry("link2")?.kind == .symlink(target: Array("../../outside".utf8)))
    #expect(made.entry("node")?.kind == .characterDevice(major: 1, minor: 3))
    let reader = try LayerReader(blob: place.file("made"), table: made.table)
    #expect(try reader.file(path("usr/z"), limit: 10) == Array("last".utf8))
    // A reader of canonical tar takes it, and so the same comes of it again.
    let again = OddTar(bytes: try place.plain("made").dropLast(1024))
    #expect(try make(again, as: "again").packed.layer == made.packed.layer)
  }

  @Test func `order and compression of a foreign layer don't show`() throws {
    let one = OddTar().adding("a/", kind: "5").adding("a/x", text: "1").adding("b", text: "2")
    let other = OddTar().adding("b", text: "2").adding("a/", kind: "5").adding("a/x", text: "1")
    #expect(
      try make(one).packed.layer == make(other, as: "other", through: ["gzip"]).packed.layer)
  }

  @Test func `GNU tar's layer comes out as the layer of the same tree`() throws {
    guard present("foreign layer of a tree", "tar") else { return }
    let tree = try place.directory("tree")
    let script = """
      cd tree; mkdir -p d/e; echo one > d/one; ln d/one d/two; ln -s one d/link; mkfifo d/pipe
      chmod 4711 d/one; truncate -s 3M d/hole; echo 1 >> d/hole; truncate -s 2M d/empty
      (echo 1; cat) < /dev/null > d/end; truncate -s 1M d/end
      name=$(printf 'l%.0s' $(seq 200)); echo long > "d/e/$name"; echo odd > "$(printf 'o\\377')"
      """
    _ = try place.run("sh", ["-ec", script])
    try OwnedDescriptor.open(tree, .directory).setExtendedAttribute(
      of: Array("d/one".utf8), Array("user.x".utf8), value: Array("y".utf8))
    _ = try place.run("find", [tree, "-exec", "touch", "-h", "-d", "@1500000000", "{}", "+"])
    let packed = try place.pack(tree, as: "own")
    let tar = try place.run(
      "tar", ["-C", tree, "--xattrs", "--sparse", "--numeric-owner", "-cf", "-", "."])
    try Files.write(place.file("gnu.tar"), tar.output, durable: false)
    let layer = try ForeignLayer(
      place.file("gnu.tar"), diff: Digest.of(tar.output),
      over: LowerTree(tables: [], date: Self.date), spool: place.file("spool"))
    let made = try layer.pack(blob: place.file("made"), table: place.file("made.toc"))
    #expect(made.layer == packed.layer)
    #expect(made.table == packed.table)
  }

  // MARK: Removals

  private func base() throws -> [String] {
    _ = try make(
      OddTar().adding("d/", kind: "5", mode: 0o750).adding("d/one").adding("d/two")
        .adding("file").adding("odd", kind: "2", link: "d"), as: "base")
    return [place.file("base.toc")]
  }

  @Test func `removals and opaque marks are kept`() throws {
    let made = try make(
      OddTar().adding("d/", kind: "5").adding("d/.wh.one").adding("e/", kind: "5")
        .adding("e/.wh..wh..opq").adding(".wh.file"), over: try base())
    #expect(made.names == [".wh.file", "d/", "d/.wh.one", "e/", "e/.wh..wh..opq"])
  }

  @Test
  func `a removal beside what takes the place makes a directory opaque, else it says nothing`()
    throws
  {
    let made = try make(
      OddTar().adding(".wh.d").adding("d/", kind: "5").adding("d/new").adding(".wh.file")
        .adding("file", text: "new"), over: try base())
    #expect(made.names == ["d/", "d/.wh..wh..opq", "d/new", "file"])
  }

  @Test func `directories that a layer does not name are as they are below, or root's`() throws {
    let made = try make(
      OddTar().adding("d/new").adding("x/y/z").adding("d/.wh.one"), over: try base())
    #expect(made.entry("d")?.mode == 0o750)
    #expect(made.entry("d")?.uid == 1000)
    #expect(made.entry("x")?.mode == 0o755)
    #expect(made.entry("x/y")?.uid == 0)
    #expect(made.entry("x/y")?.modified == Self.date.seconds)
    #expect(made.names == ["d/", "d/.wh.one", "d/new", "x/", "x/y/", "x/y/z"])
  }

  @Test func `in the first layer marks of removals say nothing`() throws {
    let made = try make(
      OddTar().adding("d/", kind: "5").adding("d/.wh.one").adding("d/.wh..wh..opq"))
    #expect(made.names == ["d/"])
  }

  // MARK: What is refused

  @Test(arguments: ["../out", "a/../../out", "/etc/passwd", "a/./b", "a//b"])
  func `should fail: a name that leads elsewhere`(name: String) throws {
    try refused(OddTar().adding("fine").adding(name), name, "its name leads elsewhere")
  }

  @Test(arguments: ["nowhere", "../../etc/passwd", "/etc/passwd", "self", "dir"])
  func `should fail: a hard link to what is no file of the layer`(target: String) throws {
    try refused(
      OddTar().adding("dir/", kind: "5").adding("self", kind: "1", link: target), "self",
      "it links to what is no file of this layer")
  }

  @Test func `should fail: a way through a link`() throws {
    try refused(
      OddTar().adding("d", kind: "2", link: "/etc").adding("d/passwd"), "/d/passwd",
      "it lies below something that is no directory")
    try refused(
      OddTar().adding("odd/passwd"), "/odd/passwd",
      "it lies below something that is no directory", over: try base())
  }

  @Test func `should fail: the same name twice`() throws {
    try refused(OddTar().adding("a", text: "1").adding("a", text: "2"), "a", "it stands twice")
    try refused(OddTar().adding("a").adding("./a", kind: "1", link: "a"), "./a", "it stands twice")
    try refused(OddTar().adding(".wh.a").adding(".wh.a"), ".wh.a", "it stands twice")
  }

  @Test(arguments: [".wh.", ".wh...", ".wh..", ".wh..wh.aufs", ".wh..wh..wh.x"])
  func `should fail: a removal of nothing`(name: String) throws {
    try refused(OddTar().adding(name), name, "it is a mark of a removal that removes nothing")
  }

  @Test func `should fail: overlayfs's own mark, a socket's place, and an opaque root`() throws {
    try refused(
      OddTar().adding("x", kind: "3", device: (0, 0)), "x",
      "it is overlayfs's mark of a removal")
    try refused(
      OddTar().adding(".wh..wh..opq"), ".wh..wh..opq", "it hides all that is below the layer")
    try refused(
      OddTar().adding(".wh.d/x"), ".wh.d/x", "it lies below a mark of a removal")
  }

  @Test func `should fail: another digest than the image says`() throws {
    let error = #expect(throws: LayersError.self) {
      try make(OddTar().adding("a"), diff: Digest.of("other"))
    }
    #expect(error?.message.hasSuffix("but its image says \(Digest.of("other"))") == true)
    #expect(error?.kind == .verificationDiffers)
  }

  @Test(arguments: [["cat"], ["gzip"], ["zstd"]])
  func `should fail: a layer that was cut short`(filter: [String]) throws {
    guard present("cut layer", filter[0]) else { return }
    var noise = SplitMix(state: 1)
    let tar = OddTar().adding("a", data: noise.bytes(100_000)).adding("b", text: "b")
    let size = try place.run(filter[0], [], input: tar.whole).output.count
    for cut in [0, 1, 300, 50_000, size - 1700, size - 3] where cut >= 0 {
      #expect(throws: (any Error).self, "\(cut)") {
        try make(tar, as: "cut-\(filter[0])-\(cut)", through: filter, cut: cut)
      }
    }
  }

  @Test func `should fail: too many entries, too much data, and a bomb`() throws {
    guard present("bomb", "gzip") else { return }
    var many = OddTar()
    for index in 0..<20 { many = many.adding("f\(index)") }
    let crowd = #expect(throws: ArchivesError.self) {
      try make(many, as: "many", limits: ArchiveLimits(entries: 10))
    }
    #expect(crowd?.message.contains("more than 10 entries") == true)
    let large = OddTar().adding("zeros", data: [UInt8](repeating: 0, count: 1 << 20))
    let data = #expect(throws: ArchivesError.self) {
      try make(
        large, as: "large", through: ["gzip"], limits: ArchiveLimits(size: ByteCount(1 << 19)))
    }
    #expect(data?.message.contains("holds more than 512 KiB") == true)
    // A hole of 4 GiB in a sparse file: nothing was read for it.
    _ = try place.run("truncate", ["-s", "4G", "hole"])
    let tar = try place.run("tar", ["--sparse", "-cf", "-", "hole"])
    try Files.write(place.file("hole.tar"), tar.output, durable: false)
    let layer = try ForeignLayer(
      place.file("hole.tar"), diff: Digest.of(tar.output),
      over: LowerTree(tables: [], date: Self.date), spool: place.file("hole.spool"))
    let bomb = #expect(throws: ArchivesError.self) {
      try layer.pack(blob: place.file("hole.layer"), table: place.file("hole.toc"))
    }
    #expect(bomb?.message.contains("unpacks to more than") == true)
  }

  @Test func `a changed byte anywhere is refused or makes the same layer`() throws {
    let tar = OddTar().adding("d/", kind: "5").adding("d/a", text: "text").adding("b", kind: "2")
      .adding("c", kind: "1", link: "d/a")
    let whole = tar.whole
    let right = try make(tar).packed.layer
    var random = SplitMix(state: 7)
    for round in 0..<300 {
      var bytes = whole
      bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
        in: 0...255, using: &random)
      let name = "changed-\(round)"
      try Files.write(place.file(name), bytes, durable: false)
      let layer = try ForeignLayer(
        place.file(name), diff: Digest.of(whole),
        over: LowerTree(tables: [], date: Self.date), spool: place.file(name + ".spool"))
      do {
        let made = try layer.pack(
          blob: place.file(name + ".layer"), table: place.file(name + ".toc"))
        #expect(made.layer == right && bytes == whole)
      } catch let error as any Failure {
        #expect(error.kind != .failed)
      }
    }
  }
}
