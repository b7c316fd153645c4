import Host
import Testing

@testable import Workspaces

/// git runs programs that its own files name: nothing of them comes from a guest.
struct GitRuleTests {
  @Test(arguments: [
    ".git", ".GIT", ".Git", ".gIt", ".git.", ".git ", ".git . .", "git~1", "GIT~1",
    ".git::$INDEX_ALLOCATION", ".git:x", ".g\u{200C}it", "\u{FEFF}.git", ".gi\u{200D}T",
  ])
  func `nothing at or below git's directory comes back, however it is spelt`(
    _ name: String
  ) throws {
    let place = try Workplace()
    try place.folder("sub")
    let changes = try place.changes {
      try $0.folder(name)
      try $0.file("\(name)/config", "[core]\n\tfsmonitor = evil\n")
      try $0.folder("\(name)/hooks")
      try $0.file("\(name)/hooks/post-checkout", "evil", mode: 0o755)
      try $0.file("sub/\(name)", "gitdir: ../elsewhere")
      try $0.file("sub/kept", "x")
    }
    let counts = Dictionary(uniqueKeysWithValues: changes.leftOut.map { ($0.path, $0.count) })
    #expect(counts == [bytes(name): 4, bytes("sub/\(name)"): 1])
    #expect(changes.leftOut.allSatisfy { $0.reason == .git })
    #expect(changes.lines == ["added file sub/kept 644 size 1"])
    try changes.apply(to: place.tree, durable: false)
    #expect(try place.names("tree") == ["sub"])
    #expect(try place.names("tree/sub") == ["kept"])
  }

  @Test func `git's directory on the host is neither changed nor removed`() throws {
    let place = try Workplace()
    for path in [".git", "a", "a/b", "a/b/.git", "c"] { try place.folder(path) }
    for path in [".git/config", "a/b/.git/config", "a/b/source", "a/other", "c/.git"] {
      try place.file(path, path)
    }
    let before = try place.listing()
    let changes = try place.changes {
      try $0.file(".git/config", "evil")
      try $0.link(".git/hooks", "evil")
      try $0.gone("a")
      try $0.folder("c")
      try $0.gone("c/.git")
    }
    #expect(changes.leftOutLines == [".git git 2", "a/b/.git git 2", "c/.git git 1"])
    #expect(
      changes.lines == [
        "removed file a/b/source 644 size 10", "removed file a/other 644 size 7",
      ])
    try changes.apply(to: place.tree, durable: false)
    let kept = before.filter { $0.contains("git") }
    #expect(try place.listing().filter { $0.contains("git") } == kept)
  }

  @Test func `git's directory can't be replaced by a link or a file`() throws {
    let place = try Workplace()
    try place.folder(".git")
    try place.file(".git/config", "x")
    for make in [
      { (maker: inout TarMaker) in try maker.link(".git", "evil") },
      { (maker: inout TarMaker) in try maker.file(".git", "gitdir: evil") },
      { (maker: inout TarMaker) in try maker.gone(".git") },
    ] {
      let changes = try place.changes(make)
      #expect(changes.isEmpty)
      try changes.apply(to: place.tree, durable: false)
      #expect(try place.text(".git/config") == "x")
    }
  }

  @Test func `a hard link to one of git's files does not come back`() throws {
    let place = try Workplace()
    try place.folder(".git")
    try place.file(".git/config", "x")
    let changes = try place.changes {
      try $0.file(".git/evil", "x")
      try $0.hardLink("a", ".git/config")
      try $0.hardLink("b", ".git/evil")
      try $0.hardLink("c", ".git/nothing")
    }
    #expect(changes.isEmpty)
    #expect(
      changes.leftOutLines == [
        ".git git 1", "a link-to-left-out 1", "b link-to-left-out 1", "c link-to-left-out 1",
      ])
  }

  @Test(arguments: [
    ["HEAD", "objects/", "refs/"], ["head", "OBJECTS/", "Refs/"], ["HEAD", "commondir"],
    ["HEAD", "objects/x/", "refs/heads/main"], ["HEAD", "commondir/x"],
  ])
  func `a directory that git would take for a repository does not come back`(
    _ marks: [String]
  ) throws {
    for folder in ["", "deep/down/"] {
      let place = try Workplace()
      let changes = try place.changes {
        try $0.file("\(folder)config", "[core]\n\tfsmonitor = evil\n")
        for mark in marks {
          if mark.hasSuffix("/") {
            try $0.folder(folder + mark)
          } else {
            try $0.file(folder + mark, "x")
          }
        }
        try $0.link("link", "deep/down/x")
      }
      let top = folder.isEmpty ? "." : "deep/down"
      #expect(changes.leftOut.first?.reason == .bareRepository)
      #expect(PathText.of(changes.leftOut.first?.path ?? []) == top)
      if !folder.isEmpty {
        #expect(changes.leftOutLines.last == "link link-to-left-out 1")
        #expect(changes.lines == ["added directory deep 755", "added directory deep/down 755"])
      } else {
        #expect(changes.isEmpty)
      }
    }
  }

  @Test func `a repository can't be completed out of what the host has`() throws {
    let place = try Workplace()
    try place.folder("r")
    try place.folder("r/objects")
    try place.file("r/HEAD", "ref: refs/heads/main")
    let changes = try place.changes {
      try $0.folder("r/refs")
      try $0.file("r/config", "evil")
    }
    #expect(changes.isEmpty)
    #expect(changes.leftOutLines == ["r bare-repository 2"])
  }

  @Test func `a repository of the host that has no such name is not changed`() throws {
    let place = try Workplace()
    for path in ["r", "r/objects", "r/refs"] { try place.folder(path) }
    for path in ["r/HEAD", "r/config"] { try place.file(path, "x") }
    let changes = try place.changes {
      try $0.file("r/config", "evil")
      try $0.file("r/hooks", "evil")
    }
    #expect(changes.isEmpty)
    #expect(changes.leftOutLines == ["r bare-repository 2"])
  }

  @Test func `what only looks a little like a repository comes back`() throws {
    let place = try Workplace()
    let changes = try place.changes {
      for path in [".github", "git", "objects", "refs", "x"] { try $0.folder(path) }
      for path in [".gitignore", ".gitx", "git~2", "x/HEAD", ".agit"] { try $0.file(path, "x") }
      try $0.folder("x/objects")
    }
    #expect(changes.leftOut == [])
    #expect(changes.list.count == 11)
  }

  @Test func `a directory that holds a repository can't be replaced`() throws {
    let place = try Workplace()
    for path in ["sub", "sub/deep", "sub/deep/.git", "plain"] { try place.folder(path) }
    try place.file("sub/source", "x")
    try place.file("plain/source", "x")
    let changes = try place.changes {
      try $0.link("sub", "evil")
      try $0.file("plain", "now a file")
    }
    #expect(changes.leftOutLines == ["sub/deep/.git git 1", "sub replaces-repository 1"])
    #expect(
      changes.lines == ["changed file plain was directory 644 size 10 and 1"])
    try changes.apply(to: place.tree, durable: false)
    #expect(try place.text("sub/source") == "x")
    #expect(try place.text("plain") == "now a file")
  }
}
