import GuestProtocol
import Host
import TestSupport
import Testing

@testable import Workspaces

struct ModeRuleTests {
  @Test(arguments: [0o4755, 0o2755, 0o1755, 0o7777, 0o6400] as [UInt32])
  func `set-id and sticky bits do not come back`(_ mode: UInt32) throws {
    let place = try Workplace()
    try place.file("set-id", "old", mode: mode)
    let changes = try place.changes {
      try $0.file("new", "x", mode: mode)
      try $0.file("set-id", "new", mode: mode)
      try $0.folder("folder", mode: mode)
    }
    try changes.apply(to: place.tree, durable: false)
    for name in ["new", "set-id", "folder"] {
      let found = try #require(place.status(name)).mode
      #expect(found & 0o7000 == 0, "\(name) \(String(found, radix: 8))")
    }
  }

  @Test func `a directory of the host keeps its set-id and sticky bits`() throws {
    let place = try Workplace()
    try place.folder("shared", mode: 0o3775)
    let changes = try place.changes { try $0.folder("shared", mode: 0o755) }
    #expect(changes.lines == ["changed directory shared 3755"])
    try changes.apply(to: place.tree, durable: false)
    #expect(place.status("shared")?.mode == 0o3755)
    #expect(try place.changes { try $0.folder("shared", mode: 0o755) }.isEmpty)
  }

  @Test func `others may write only where they might before`() throws {
    let place = try Workplace()
    try place.file("open", "x", mode: 0o664)
    try place.file("closed", "x", mode: 0o644)
    try place.folder("was-folder", mode: 0o777)
    let changes = try place.changes {
      try $0.file("open", "y", mode: 0o666)
      try $0.file("closed", "y", mode: 0o666)
      try $0.file("new", "y", mode: 0o666)
      try $0.folder("folder", mode: 0o777)
      try $0.file("was-folder", "y", mode: 0o666)
    }
    try changes.apply(to: place.tree, durable: false)
    let modes = ["open", "closed", "new", "folder", "was-folder"].map { place.status($0)?.mode }
    #expect(modes == [0o664, 0o644, 0o644, 0o755, 0o644])
  }

  @Test func `a directory stays passable for its owner`() throws {
    let place = try Workplace()
    let changes = try place.changes {
      try $0.folder("a", mode: 0)
      try $0.file("a/b", "x", mode: 0)
    }
    try changes.apply(to: place.tree, durable: false)
    #expect(place.status("a")?.mode == 0o500)
    #expect(place.status("a/b")?.mode == 0)
  }

  @Test func `read-only directories are filled, and are read-only in the end`() throws {
    let place = try Workplace()
    try place.folder("new-mode")
    try place.file("new-mode/old", "x")
    try place.give()
    let changes = try place.changes {
      try $0.folder("a", mode: 0o555)
      try $0.folder("a/b", mode: 0o555)
      try $0.file("a/b/c", "content", mode: 0o444)
      try $0.folder("new-mode", mode: 0o555)
      try $0.file("new-mode/new", "y")
      try $0.gone("new-mode/old")
    }
    try asNobody { try changes.apply(to: place.tree, durable: false) }
    #expect(place.status("a")?.mode == 0o555)
    #expect(place.status("a")?.modified == 1_700_000_001)
    #expect(place.status("a/b")?.mode == 0o555)
    #expect(try place.text("a/b/c") == "content")
    #expect(place.status("new-mode")?.mode == 0o555)
    #expect(try place.names("tree/new-mode") == ["new"])
  }

  @Test(.asRoot) func `in somebody else's directory nothing changes, nor anywhere else`() throws {
    let place = try Workplace()
    try place.folder("theirs")
    try place.file("theirs/a", "old")
    try place.file("b", "old")
    try place.give()
    try place.run("chown", ["1", place.tree + "/theirs"])
    let changes = try place.changes {
      try $0.file("b", "new")
      try $0.file("theirs/a", "new")
    }
    let before = try place.listing()
    let error = try asNobody {
      try failure { try changes.apply(to: place.tree, durable: false) }
    }
    guard case .notWritable(let path) = error else { throw error }
    #expect(path == bytes("theirs"))
    #expect(try place.listing() == before)
    // Whoever may change it all the same, may.
    try place.run("chown", ["65534", place.tree + "/theirs"])
    try asNobody { try changes.apply(to: place.tree, durable: false) }
    #expect(try place.text("theirs/a") == "new")
  }

  @Test func `a directory that forbids changes to its owner takes them, and forbids them again`()
    throws
  {
    let place = try Workplace()
    for name in ["locked", "goes", "opens"] {
      try place.folder(name)
      try place.file("\(name)/a", "old")
      try place.run("chmod", ["555", "\(place.tree)/\(name)"])
    }
    let changes = try place.changes {
      try $0.file("locked/a", "new")
      try $0.file("locked/b", "new")
      try $0.gone("goes")
      try $0.folder("opens", mode: 0o700)
      try $0.file("opens/a", "new")
    }
    try changes.apply(to: place.tree, durable: false)
    #expect(try place.text("locked/a") + place.text("locked/b") == "newnew")
    #expect(place.status("locked")?.mode == 0o555)
    #expect(place.status("goes") == nil)
    #expect(place.status("opens")?.mode == 0o700)
  }
}
