import Host
import Testing

@testable import Workspaces

struct LinkRuleTests {
  @Test(arguments: [
    "/", "/etc/passwd", "//x", "..", "../..", "../../x", "../../../etc", "x/..", "x/../../y",
    "./x/../y", "../x/..",
  ])
  func `a symbolic link that leads or may lead out does not come back`(_ target: String) throws {
    let place = try Workplace()
    try place.folder("a")
    // One step up is the top, which `..` alone names.
    let path = target == ".." || target == "../x/.." ? "link" : "a/link"
    let changes = try place.changes {
      try $0.link(path, target)
      try $0.file("b", "x")
    }
    #expect(changes.leftOutLines == ["\(path) leads-out 1"])
    try changes.apply(to: place.tree, durable: false)
    #expect(place.status(path) == nil)
    #expect(try place.text("b") == "x")
  }

  @Test(arguments: [
    ("a/link", "x"), ("a/link", "../x"), ("a/link", ".."), ("a/link", "./.././x//y/"),
    ("link", "a/b"), ("link", "."), ("a/link", "..x"), ("link", "nothing"),
  ])
  func `a symbolic link that stays inside comes back as it is`(
    _ path: String, _ target: String
  ) throws {
    let place = try Workplace()
    try place.folder("a")
    let changes = try place.changes { try $0.link(path, target) }
    #expect(changes.leftOut == [])
    try changes.apply(to: place.tree, durable: false)
    let top = try OwnedDescriptor.open(place.tree, .directory)
    #expect(try top.readLink(bytes(path)) == bytes(target))
  }

  @Test func `a link of the host that leads out stays, and can't be turned elsewhere`() throws {
    let place = try Workplace()
    try place.link("same", "/usr/bin/env")
    try place.link("turned", "/usr/bin/env")
    let changes = try place.changes {
      try $0.link("same", "/usr/bin/env")
      try $0.link("turned", "/etc/passwd")
    }
    #expect(changes.isEmpty)
    #expect(changes.leftOutLines == ["turned leads-out 1"])
  }

  @Test func `a link into git's files does not come back`() throws {
    let place = try Workplace()
    try place.folder(".git")
    try place.folder(".git/hooks")
    let changes = try place.changes {
      try $0.link("a", ".git")
      try $0.link("b", ".GIT/hooks")
      try $0.link("c", "./.git/config")
      try $0.link("d", ".gitignore")
    }
    #expect(
      changes.leftOutLines == [
        "a link-to-left-out 1", "b link-to-left-out 1", "c link-to-left-out 1",
      ])
    #expect(changes.lines == ["added symbolicLink d -> .gitignore"])
  }

  @Test(arguments: ["../x", "/etc/passwd", "a/../../x", "..", "/"])
  func `a hard link whose target leads out is refused`(_ target: String) throws {
    var maker = TarMaker()
    maker.raw("link", flag: "1", target: target)
    try expectMalformed(maker.whole)
    maker = TarMaker()
    maker.extended([("linkpath", bytes(target))])
    maker.raw("link", flag: "1", target: "harmless")
    try expectMalformed(maker.whole)
  }

  @Test(arguments: [
    "nothing", "folder", "way-out", "gone", "link", "later", "new-link", "folder/x",
  ])
  func `a hard link to anything but a file before it is refused`(_ target: String) throws {
    let place = try Workplace()
    try Files.write(place("secret"), bytes("secret"))
    try place.folder("folder")
    try place.file("gone")
    try place.link("way-out", place("secret"))
    try expectRefused("link", .hardLinkTarget, on: place) {
      try $0.gone("gone")
      try $0.link("new-link", "folder")
      try $0.hardLink("link", target)
      try $0.file("later", "x")
    }
  }

  @Test func `hard links share the file that they name`() throws {
    let place = try Workplace()
    try place.file("kept", "kept")
    try place.file("changed", "1")
    let changes = try place.changes {
      try $0.hardLink("a", "kept")
      try $0.file("changed", "22", mode: 0o600)
      try $0.hardLink("b", "changed")
      try $0.hardLink("0", "b")
    }
    #expect(
      changes.lines == [
        "added file 0 644 size 2 -> changed", "added file a 644 -> kept",
        "added file b 644 size 2 -> changed", "changed file changed 600 size 2",
      ])
    try changes.apply(to: place.tree, durable: false)
    #expect(place.status("a")?.inode == place.status("kept")?.inode)
    #expect(place.status("kept")?.links == 2)
    #expect(place.status("b")?.inode == place.status("changed")?.inode)
    #expect(place.status("changed")?.links == 3)
    #expect(try place.text("0") == "22")
    #expect(try changes.content(of: bytes("0"), limit: 9) == bytes("22"))
    #expect(try changes.content(of: bytes("a"), limit: 9) == nil)
  }

  @Test func `a hard link to a file that the host changed meanwhile shares nothing`() throws {
    let place = try Workplace()
    try place.file("kept", "kept")
    let changes = try place.changes { try $0.hardLink("a", "kept") }
    try place.file("kept", "the host's secret")
    let error = try failure { try changes.apply(to: place.tree, durable: false) }
    guard case .conflict(let conflicts) = error else { throw error }
    #expect(conflicts.lines == ["kept changed"])
    try Files.remove(place.tree + "/kept")
    try place.link("kept", "/etc/passwd")
    #expect(throws: WorkspacesError.self) { try changes.apply(to: place.tree, durable: false) }
    #expect(try place.listing().count == 1)
  }
}
