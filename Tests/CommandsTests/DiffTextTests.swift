import Commands
import Layers
import Testing
import Vocabulary

@Suite struct DiffTextTests {
  private func item(
    _ path: String, _ kind: LayerEntry.Kind, mode: UInt32 = 0o755
  ) throws -> TableOfContents.Item {
    let path = try #require(GuestPath(path))
    return TableOfContents.Item(
      entry: LayerEntry(path: path, kind: kind, mode: mode), start: 0, digest: nil)
  }

  @Test func `a new directory tells of what is in it, at any depth`() throws {
    let difference = TreeDifference(
      from: [],
      to: [
        try item("a", .directory), try item("a-b", .file(size: 1)),
        try item("a/b", .directory), try item("a/b/c", .file(size: 10)),
        try item("a/d", .file(size: 5)),
      ])
    let folded = FoldedChange.fold(difference.changes)
    #expect(folded.map(\.change.entry.path.description) == ["/a", "/a-b"])
    #expect(folded.map(\.inside) == [3, 0])
    #expect(folded.map(\.bytes.bytes) == [15, 1])
  }

  @Test func `a new file in an old directory is told by itself`() throws {
    let difference = TreeDifference(
      from: [try item("a", .directory)],
      to: [try item("a", .directory, mode: 0o700), try item("a/d", .file(size: 5))])
    let folded = FoldedChange.fold(difference.changes)
    #expect(folded.map(\.inside) == [0, 0])
    #expect(folded[0].change.values(isDetailed: true) == ["mode 0755 -> 0700"])
  }

  @Test func `values of what changed are shown`() throws {
    let difference = TreeDifference(
      from: [try item("a", .symlink(target: Array("x".utf8))), try item("b", .fifo)],
      to: [try item("a", .symlink(target: Array("y".utf8))), try item("b", .directory)])
    #expect(
      difference.changes.map { $0.values(isDetailed: false) } == [
        ["target x -> y"], ["fifo -> directory"],
      ])
  }
}
