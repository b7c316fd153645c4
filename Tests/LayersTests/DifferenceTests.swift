import Layers
import Testing
import Vocabulary

/// Entries made by hand: what a table of contents says, and what follows from it.
@Suite struct DifferenceTests {
  private func table(_ samples: Sample...) -> TableOfContents {
    var table = TableOfContents()
    for sample in samples.sorted(by: { LayerEntry.isBefore($0.entry, $1.entry) }) {
      var digest: Digest?
      if case .file = sample.entry.kind { digest = Digest.of(sample.data) }
      table.add(sample.entry, start: 512, digest: digest)
    }
    return table
  }

  private func file(_ name: String, _ text: String, mode: UInt32 = 0o644) -> Sample {
    .file(name, text, mode: mode)
  }

  private func entry(_ name: String, _ kind: LayerEntry.Kind, mode: UInt32 = 0o755) -> Sample {
    Sample(Array(name.utf8), kind, mode: mode)
  }

  private func paths(_ layers: TableOfContents...) -> [String] {
    MergedTree(layers).items.map(\.entry.path.description)
  }

  // MARK: Merging

  @Test func `a layer adds to those below it and replaces what has the same path`() throws {
    let tree = MergedTree([
      table(entry("a", .directory), file("a/one", "1"), file("b", "old")),
      table(file("a/two", "22"), file("b", "new!")),
    ])
    #expect(tree.items.map(\.entry.path.description) == ["/a", "/a/one", "/a/two", "/b"])
    #expect(tree.origins == [0, 0, 1, 1])
    let index = try #require(tree.index(of: path("b")))
    #expect(tree.items[index].digest == Digest.of("new!"))
    #expect(tree.index(of: path("c")) == nil)
  }

  @Test func `a removal hides a path with all below it and nothing that only sounds alike`() {
    let below = table(
      entry("a", .directory), file("a!", ""), file("a-b", ""), entry("a/c", .directory),
      file("a/c/d", ""), file("ab", ""))
    #expect(paths(below, table(entry("a", .whiteout))) == ["/a!", "/a-b", "/ab"])
    #expect(paths(below, table(entry("a/c", .whiteout))) == ["/a", "/a!", "/a-b", "/ab"])
    #expect(paths(below, table(entry("nothing", .whiteout))).count == 6)
  }

  @Test func `what a layer removes and adds again is what it added`() {
    let below = table(entry("a", .directory), file("a/old", ""))
    // The mark comes after a name that sorts before it; it still speaks of lower layers only.
    let above = table(
      entry("a", .directory), file("a/+new", ""), entry("a/old", .whiteout), file("a/new", ""))
    #expect(paths(below, above) == ["/a", "/a/+new", "/a/new"])
    let opaque = table(entry("a", .directory), entry("a", .opaque), file("a/new", ""))
    #expect(paths(below, opaque) == ["/a", "/a/new"])
    let root = Sample([], .opaque, mode: 0)
    #expect(paths(below, table(root, file("b", ""))) == ["/b"])
  }

  @Test func `a file in the place of a directory takes all that was in it`() {
    let below = table(entry("a", .directory), file("a/b", ""), file("a0", ""))
    #expect(paths(below, table(file("a", ""))) == ["/a", "/a0"])
    #expect(paths(table(file("a", "")), below) == ["/a", "/a/b", "/a0"])
  }

  @Test func `a hard link has the contents of its file, in whatever layer that is`() throws {
    let tree = MergedTree([
      table(file("a", "text")), table(entry("b", .hardLink(to: path("a")))),
    ])
    let link = try #require(tree.index(of: path("b")))
    #expect(tree.items[link].digest == Digest.of("text"))
    #expect(tree.origins[link] == 0)
  }

  // MARK: Comparing

  @Test func `the same entries are no difference`() {
    let items = table(entry("a", .directory), file("a/b", "c")).items
    let difference = TreeDifference(from: items, to: items)
    #expect(difference.isEmpty)
    #expect(difference.addedBytes == .zero)
  }

  @Test func `what was added, removed and changed is named in order, with its bytes`() {
    let difference = TreeDifference(
      from: table(file("a", "gone"), file("b", "old"), file("d", "same")).items,
      to: table(file("b", "newer"), file("c", "123456"), file("d", "same", mode: 0o600)).items)
    #expect(difference.changes.map(\.entry.path.description) == ["/a", "/b", "/c", "/d"])
    #expect(difference.changes.map(\.kind) == [.removed, .changed, .added, .changed])
    #expect(difference.changes.map(\.fields) == [[], [.content], [], [.mode]])
    #expect(difference.addedBytes == ByteCount(11))
    #expect(difference.removedBytes == ByteCount(7))
  }

  @Test func `each field that differs is named`() {
    var moved = entry("a", .symlink(target: Array("x".utf8)))
    let before = moved
    moved.entry.uid = 7
    moved.entry.mode = 0o700
    moved.entry.modified += 1
    moved.entry.kind = .symlink(target: Array("y".utf8))
    moved.entry.attributes = [.init(name: Array("user.a".utf8), value: [1])]
    let links = TreeDifference(from: table(before).items, to: table(moved).items)
    #expect(links.changes[0].fields == [.target, .mode, .owner, .attributes, .time])
    let kinds = TreeDifference(from: table(before).items, to: table(file("a", "text")).items)
    #expect(kinds.changes[0].fields.first == .kind)
    #expect(kinds.addedBytes == ByteCount(4))
    let empty = TreeDifference(from: [], to: table(moved).items)
    #expect(empty.changes.map(\.kind) == [.added])
  }

  @Test func `layers are compared with what they remove`() {
    let difference = TreeDifference(
      from: table(entry("a", .directory), file("a/b", "")).items,
      to: table(entry("a", .directory), entry("a", .opaque), entry("a/b", .whiteout)).items)
    #expect(difference.changes.map(\.kind) == [.added, .added, .removed])
    #expect(difference.changes.map(\.entry.kind) == [.opaque, .whiteout, .file(size: 0)])
  }

  // MARK: Text

  @Test(arguments: [
    ("a\nb\nc\n", "a\nB\nc\n", ["- b", "+ B"]), ("", "a\n", ["+ a"]),
    ("a\na\n", "a\n", ["- a"]), ("same", "same", []), ("a", "a\n", ["+ "]),
  ])
  func `only the lines that differ are shown`(before: String, after: String, lines: [String]) {
    #expect(TextDifference.lines(from: Array(before.utf8), to: Array(after.utf8)) == lines)
  }

  @Test func `what is no small text is not shown`() {
    #expect(TextDifference.lines(from: [0], to: [0x41]) == nil)
    #expect(TextDifference.lines(from: [0x41], to: [0xFF]) == nil)
    let large = [UInt8](repeating: 0x41, count: TextDifference.largest + 1)
    #expect(TextDifference.lines(from: large, to: []) == nil)
    let many = Array((1...30).map { "\($0)\n" }.joined().utf8)
    #expect(TextDifference.lines(from: [], to: many)?.last == "+ and 20 more")
  }
}
