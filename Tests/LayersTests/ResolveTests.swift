import Testing
import Vocabulary

@testable import Layers

@Suite struct ResolveTests {
  @Test(
    arguments: [
      ("bin/ls", "usr/bin/ls"), ("usr/bin/ls", "usr/bin/ls"), ("up/usr", "usr"),
      ("absolute/x", "usr/x"), ("not/there", "not/there"), ("", ""),
    ])
  func `paths lead where links in the tree lead`(path: String, target: String) throws {
    let asked = try #require(GuestPath(path))
    #expect(try tree.resolve(asked) == GuestPath(target))
  }

  @Test func `links in a circle lead nowhere`() throws {
    let asked = try #require(GuestPath("a/x"))
    #expect(try tree.resolve(asked) == nil)
  }

  private var tree: MergedTree {
    get throws {
      let links = [
        "a": "b", "b": "a", "bin": "usr/bin", "up": "../../..", "absolute": "/./usr",
      ]
      var table = TableOfContents()
      for (path, target) in links.sorted(by: { $0.key < $1.key }) {
        let entry = LayerEntry(
          path: try #require(GuestPath(path)), kind: .symlink(target: Array(target.utf8)),
          mode: 0o777, uid: 0, gid: 0, modified: 0)
        table.add(entry, start: 0, digest: nil)
      }
      return MergedTree([table])
    }
  }
}
