import Layers
import Testing
import Vocabulary

/// What a tool may hold, so that it is at home on any image and changes none.
@Suite struct ToolContentsTests {
  private func foreign(_ entries: [LayerEntry]) throws -> [String] {
    var table = TableOfContents()
    for entry in entries.sorted(by: LayerEntry.isBefore) {
      var digest: Digest?
      if case .file = entry.kind { digest = Digest.of("") }
      table.add(entry, start: 0, digest: digest)
    }
    let contents = try #require(ToolContents(name: "claude"))
    return contents.foreign(in: [table]).map(\.description)
  }

  private func entry(_ text: String, _ kind: LayerEntry.Kind) -> LayerEntry {
    LayerEntry(path: path(text), kind: kind)
  }

  @Test func `files below its own directory and links to them are a tool's`() throws {
    let entries = [
      entry("opt", .directory), entry("opt/claude", .directory),
      entry("opt/claude/bin", .directory), entry("opt/claude/bin/claude", .file(size: 0)),
      entry("opt/claude/bin/again", .hardLink(to: path("opt/claude/bin/claude"))),
      entry("opt/claude/bin/python", .symlink(target: Array("/usr/bin/python3".utf8))),
      entry("opt/claude/gone", .whiteout), entry("opt/claude/emptied", .opaque),
      entry("usr", .directory), entry("usr/local", .directory),
      entry("usr/local/bin", .directory),
      entry("usr/local/bin/claude", .symlink(target: Array("/opt/claude/bin/claude".utf8))),
    ]
    #expect(try foreign(entries).isEmpty)
  }

  @Test(arguments: [
    ("etc/passwd", LayerEntry.Kind.file(size: 0)), ("opt/other", .directory),
    ("opt/claudette", .directory), ("opt", .symlink(target: Array("/tmp".utf8))),
    ("opt/claude", .symlink(target: Array("/etc".utf8))), ("opt/claude", .whiteout),
    ("opt/claude/shadow", .hardLink(to: path("etc/shadow"))),
    ("usr/local/bin/sudo", .file(size: 0)), ("usr/local/bin", .opaque),
    ("usr/local/bin/git", .whiteout),
    ("usr/local/bin/sh", .symlink(target: Array("/bin/dash".utf8))),
    ("usr/local/bin/up", .symlink(target: Array("/opt/claude/../../bin/sh".utf8))),
    ("usr/local/bin/relative", .symlink(target: Array("../../../opt/claude/x".utf8))),
    ("usr/local/bin/deep/er", .symlink(target: Array("/opt/claude/x".utf8))),
    ("root/.cache", .directory),
  ])
  func `what would show outside of it is foreign`(text: String, kind: LayerEntry.Kind) throws {
    #expect(try foreign([entry(text, kind)]) == ["/" + text])
  }
}
