import Glibc
import GuestProtocol
import Host
import TestSupport
import Testing

@testable import Workspaces

struct ApplyTests {
  /// Applies up to where the file of step `index` vanished, and leaves everything as a killed
  /// process does.
  private func applyUntil(_ index: Int, _ changes: WorkspaceChanges, _ place: Workplace) throws {
    let tree = try WorkspaceTree(place.tree)
    let inspection = try WorkspaceInspection(changes.plan, changes.file, tree)
    let staging = try WorkspaceStaging(tree, changes.file)
    try staging.write(changes.plan, inspection.states)
    try staging.folder.descriptor.unlink(WorkspaceStaging.name(index))
    let error = try failure {
      try ChangesApplication(tree, staging).apply(changes.plan, inspection.states)
    }
    guard case .incomplete(changes.plan.steps[index].path, _, 2) = error else { throw error }
  }

  @Test func `applying makes of any tree any other, also in two runs with a failure between`()
    throws
  {
    var generator = Generator(state: 0xDEC0DE)
    for round in 0..<150 {
      let before = TreeModel.random(&generator)
      var after = before
      for _ in 0..<Int.random(in: 1...6, using: &generator) { after.mutate(&generator) }
      let archive = try before.changes(to: after)
      let place = try Workplace()
      try before.make(in: place)
      let snapshot = try place.snapshot()
      let changes = try place.changes(archive, on: snapshot)
      #expect(changes.leftOut == [])
      let written = changes.plan.steps.indices.filter { index in
        switch changes.plan.steps[index].action {
        case .file, .symbolicLink, .hardLink: true
        case .remove, .directory: false
        }
      }
      if round % 3 > 0, let stop = written.randomElement(using: &generator) {
        try applyUntil(stop, changes, place)
        #expect(place.status(".hutch-apply") != nil)
        #expect(try changes.conflicts(in: place.tree) == [])
      }
      try changes.apply(to: place.tree, durable: false)
      let found = try TreeModel.read(place)
      #expect(found == after, "round \(round)\nbefore\n\(before)\nafter\n\(after)\nfound\n\(found)")
      // A second time there is nothing to do.
      let listing = try place.listing()
      try changes.apply(to: place.tree, durable: false)
      #expect(try place.listing() == listing)
      if found != after { break }
    }
  }

  @Test func `a failure at every step is made good by applying again`() throws {
    let make: (inout TarMaker) throws -> Void = {
      try $0.file("a", "new a")
      try $0.folder("d")
      try $0.file("d/new", "in d")
      try $0.link("d/link", "../a")
      try $0.hardLink("d/second", "d/new")
      try $0.hardLink("e", "kept")
      try $0.file("folder", "was a folder")
      try $0.gone("gone")
      try $0.folder("x")
      try $0.file("x/y", "was a file")
      try $0.folder("z", mode: 0o555)
      try $0.file("z/in", "new")
    }
    var expected: [String]?
    for stop in 0..<12 {
      let place = try Workplace()
      for path in ["folder", "gone", "gone/deep", "z"] { try place.folder(path) }
      for path in ["a", "kept", "folder/in", "gone/deep/in", "x", "z/in"] { try place.file(path) }
      let changes = try place.changes(make)
      let isWritten =
        switch changes.plan.steps[stop].action {
        case .file, .symbolicLink, .hardLink: true
        case .remove, .directory: false
        }
      if isWritten { try applyUntil(stop, changes, place) }
      try changes.apply(to: place.tree, durable: stop == 0)
      let found = try TreeModel.read(place)
      let lines = found.description.split(separator: "\n").map { String($0) }
      #expect(lines == expected ?? lines)
      expected = lines
      #expect(place.status("d/second")?.inode == place.status("d/new")?.inode)
      #expect(place.status("e")?.inode == place.status("kept")?.inode)
      #expect(place.status(".hutch-apply") == nil)
    }
    #expect(expected?.count == 12)
  }

  @Test func `a removal that fails in the middle says so, and goes on later`() throws {
    guard geteuid() == 0 else {
      return skip("foreign sticky directory", missing: "the rights of root")
    }
    let place = try Workplace()
    try place.folder("a")
    try place.file("a/theirs", "x")
    try place.file("a/z", "x")
    try place.file("b", "old")
    try place.give()
    // Everybody may write to it, and only its owner may remove that file.
    try place.run("chown", ["0:0", place.tree + "/a", place.tree + "/a/theirs"])
    try place.run("chmod", ["1777", place.tree + "/a"])
    let changes = try place.changes {
      try $0.gone("a/theirs")
      try $0.gone("a/z")
      try $0.file("b", "new")
    }
    let error = try asNobody {
      try failure { try changes.apply(to: place.tree, durable: false) }
    }
    guard case .incomplete(bytes("a/theirs"), "remove", _) = error else { throw error }
    #expect(try place.names("tree/a") == ["theirs"])
    #expect(try place.text("b") == "old")
    #expect(place.status(".hutch-apply") == nil)
    try changes.apply(to: place.tree, durable: false)
    #expect(try place.names("tree/a") == [])
    #expect(try place.text("b") == "new")
  }

  @Test func `files, directories and links take each other's places`() throws {
    let place = try Workplace()
    for path in ["d1", "d1/deep", "d2"] { try place.folder(path) }
    for path in ["d1/deep/a", "d1/b", "d2/c", "f1", "f2"] { try place.file(path, "old") }
    for path in ["l1", "l2"] { try place.link(path, "f1") }
    let changes = try place.changes {
      try $0.file("d1", "file")
      try $0.link("d2", "f2")
      try $0.folder("f1")
      try $0.file("f1/in", "in")
      try $0.link("f2", "l1")
      try $0.folder("l1")
      try $0.file("l2", "file")
    }
    #expect(
      changes.lines == [
        "changed file d1 was directory 644 size 4 and 3",
        "changed symbolicLink d2 was directory -> f2 and 1",
        "changed directory f1 was file 755", "added file f1/in 644 size 2",
        "changed symbolicLink f2 was file -> l1", "changed directory l1 was symbolicLink 755",
        "changed file l2 was symbolicLink 644 size 4",
      ])
    try changes.apply(to: place.tree, durable: false)
    var expected = TreeModel()
    expected.nodes = [
      "d1": .file("file", mode: 0o644), "d2": .link("f2"), "f1": .folder(mode: 0o755),
      "f1/in": .file("in", mode: 0o644), "f2": .link("l1"), "l1": .folder(mode: 0o755),
      "l2": .file("file", mode: 0o644),
    ]
    #expect(try TreeModel.read(place) == expected)
  }

  @Test func `names that are no text, or not one line, come back as they are`() throws {
    let place = try Workplace()
    try place.file([0xFF, 0x80], bytes("old"))
    try place.file("gone\n", "old")
    let new: [[UInt8]] = [[0xFF, 0x80], bytes("new\nline"), [0x61, 0xC3], bytes("-rf"), [0x01]]
    let changes = try place.changes {
      for path in new {
        try $0.add(TarEntry(path: path, kind: .regular, mode: 0o644, size: 3), bytes("new"))
      }
      try $0.add(.whiteout(of: bytes("gone\n")))
    }
    #expect(
      changes.lines == [
        "added file \\u{1} 644 size 3", "added file -rf 644 size 3",
        "added file a\\xc3 644 size 3", "removed file gone\\u{a} 644 size 3",
        "added file new\\u{a}line 644 size 3", "changed file \\xff\\x80 644 size 3",
      ])
    try changes.apply(to: place.tree, durable: false)
    let top = try OwnedDescriptor.open(place.tree, .directory)
    #expect(Set(try top.entries()) == Set(new))
    for path in new {
      #expect(try top.openBeneath(path, .read).readAll(limit: 9) == bytes("new"))
    }
  }

  @Test func `content is shown piece by piece up to the limit`() throws {
    let place = try Workplace()
    let large = (0..<400_000).map { "\($0 % 10)" }.joined() + "end"
    let changes = try place.changes {
      try $0.file("before", "1")
      try $0.file("large", String(repeating: large, count: 4))
      try $0.file("empty", "")
      try $0.folder("folder")
      try $0.link("link", "large")
    }
    #expect(try changes.content(of: bytes("large"), limit: 5) == bytes("01234"))
    let whole = try changes.content(of: bytes("large"), limit: .max)
    #expect(whole == bytes(String(repeating: large, count: 4)))
    #expect(try changes.content(of: bytes("large"), limit: 0) == [])
    #expect(try changes.content(of: bytes("before"), limit: 99) == bytes("1"))
    #expect(try changes.content(of: bytes("empty"), limit: 99) == [])
    for path in ["folder", "link", "nothing", ""] {
      #expect(try changes.content(of: bytes(path), limit: 99) == nil)
    }
  }

  @Test func `times come back, and the top stays the host's`() throws {
    let place = try Workplace()
    let mode = Files.status(place.tree)?.mode
    let changes = try place.changes {
      try $0.folder(".", mode: 0o777)
      try $0.file("a", "x", modified: -5)
      try $0.folder("d")
      try $0.file("d/b", "x")
    }
    #expect(changes.list.count == 3)
    try changes.apply(to: place.tree)
    #expect(place.status("a")?.modified == -5)
    #expect(place.status("a")?.modifiedNanoseconds == 5)
    #expect(place.status("d")?.modified == 1_700_000_001)
    #expect(Files.status(place.tree)?.mode == mode)
  }

  @Test func `what programs of the host run by themselves is marked`() throws {
    let place = try Workplace()
    let changes = try place.changes {
      try $0.file(".ENVRC", "evil")
      try $0.folder(".vscode")
      try $0.file(".vscode/tasks.json", "evil")
      try $0.file("Makefile", "all:")
      try $0.file("sub/.mcp.json", "evil")
      try $0.file("node_modules/x/package.json", "{}")
      try $0.file("package.json", "{}")
    }
    #expect(
      changes.list.filter { $0.warning != nil }.map { "\(PathText.of($0.path)) \($0.warning!)" }
        == [
          ".ENVRC shellHook", ".vscode editorTask", ".vscode/tasks.json editorTask",
          "package.json packageHook", "sub/.mcp.json agentSettings",
        ])
  }
}
