import Host
import Testing
import Vocabulary

@testable import Workspaces

/// Both sides changed something: nothing is applied, and each such path is named.
struct ConflictTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var guest: @Sendable (inout TarMaker) throws -> Void
    var host: @Sendable (Workplace) throws -> Void
    var conflicts: [String]
  }

  private static func prepare(_ place: Workplace) throws {
    try place.file("file", "sent")
    try place.file("other", "sent")
    try place.folder("folder")
    try place.file("folder/a", "sent")
    try place.file("folder/b", "sent")
    try place.link("link", "file")
  }

  private static func remove(_ place: Workplace, _ name: String) throws {
    try Files.removeTree(place.tree + "/" + name)
  }

  private static let guestWrites: @Sendable (inout TarMaker) throws -> Void = {
    try $0.file("file", "guest")
  }
  private static let guestRemoves: @Sendable (inout TarMaker) throws -> Void = {
    try $0.gone("file")
  }

  static let cases: [Case] = [
    Case(
      testDescription: "changed and changed", guest: guestWrites,
      host: { try $0.file("file", "host") }, conflicts: ["file changed"]),
    Case(
      testDescription: "changed, and written with its old size and time", guest: guestWrites,
      host: { place in
        let was = place.status("file")
        try OwnedDescriptor.open(place.tree + "/file", .readWrite).pwriteAll(bytes("SENT"), at: 0)
        try OwnedDescriptor.open(place.tree, .directory).setTimes(
          of: bytes("file"), seconds: was?.modified ?? 0,
          nanoseconds: was?.modifiedNanoseconds ?? 0)
      }, conflicts: ["file changed"]),
    Case(
      testDescription: "changed and gone", guest: guestWrites,
      host: { try remove($0, "file") }, conflicts: ["file vanished"]),
    Case(
      testDescription: "changed, and a link now", guest: guestWrites,
      host: {
        try remove($0, "file")
        try $0.link("file", "other")
      }, conflicts: ["file other-kind"]),
    Case(
      testDescription: "changed, and a directory now", guest: guestWrites,
      host: {
        try remove($0, "file")
        try $0.folder("file")
      }, conflicts: ["file other-kind"]),
    Case(
      testDescription: "changed, and a FIFO now", guest: guestWrites,
      host: {
        try remove($0, "file")
        try OwnedDescriptor.open($0.tree, .directory).makeNode(bytes("file"), .fifo, mode: 0o600)
      }, conflicts: ["file other-kind"]),
    Case(
      testDescription: "removed and changed", guest: guestRemoves,
      host: { try $0.file("file", "host") }, conflicts: ["file changed"]),
    Case(
      testDescription: "removed, and a link now", guest: guestRemoves,
      host: {
        try remove($0, "file")
        try $0.link("file", "other")
      }, conflicts: ["file other-kind"]),
    Case(
      testDescription: "made by both", guest: { try $0.file("new", "guest") },
      host: { try $0.file("new", "host") }, conflicts: ["new appeared"]),
    Case(
      testDescription: "made as a directory and as a file", guest: { try $0.folder("new") },
      host: { try $0.file("new", "host") }, conflicts: ["new appeared"]),
    Case(
      testDescription: "made by both as links", guest: { try $0.link("new", "file") },
      host: { try $0.link("new", "other") }, conflicts: ["new appeared"]),
    Case(
      testDescription: "link turned by both", guest: { try $0.link("link", "other") },
      host: {
        try remove($0, "link")
        try $0.link("link", "folder")
      }, conflicts: ["link changed"]),
    Case(
      testDescription: "removed directory got a file", guest: { try $0.gone("folder") },
      host: { try $0.file("folder/new", "host") }, conflicts: ["folder/new appeared"]),
    Case(
      testDescription: "removed directory has a changed file", guest: { try $0.gone("folder") },
      host: { try $0.file("folder/a", "host") }, conflicts: ["folder/a changed"]),
    Case(
      testDescription: "replaced directory got a file", guest: { try $0.file("folder", "x") },
      host: { try $0.file("folder/new", "host") }, conflicts: ["folder/new appeared"]),
    Case(
      testDescription: "directory of a changed file is gone",
      guest: { try $0.file("folder/a", "x") }, host: { try remove($0, "folder") },
      conflicts: ["folder vanished"]),
    Case(
      testDescription: "directory of a new file is a link", guest: { try $0.file("folder/c", "x") },
      host: {
        try remove($0, "folder")
        try $0.link("folder", "/tmp")
      }, conflicts: ["folder other-kind"]),
    Case(
      testDescription: "mode of a directory set by both",
      guest: { try $0.folder("folder", mode: 0o700) },
      host: { try OwnedDescriptor.open($0.tree, .directory).setMode(of: bytes("folder"), 0o711) },
      conflicts: ["folder changed"]),
    Case(
      testDescription: "mode of a directory that is gone",
      guest: { try $0.folder("folder", mode: 0o700) }, host: { try remove($0, "folder") },
      conflicts: ["folder vanished"]),
    Case(
      testDescription: "several at once",
      guest: {
        try $0.file("file", "guest")
        try $0.file("folder/a", "guest")
        try $0.file("free", "guest")
        try $0.gone("other")
      },
      host: {
        try $0.file("file", "host")
        try remove($0, "folder/a")
      }, conflicts: ["file changed", "folder/a vanished"]),
  ]

  @Test(arguments: cases)
  func `a conflict is named and changes nothing`(_ one: Case) throws {
    let place = try Workplace()
    try Self.prepare(place)
    let changes = try place.changes(one.guest)
    #expect(try changes.conflicts(in: place.tree) == [])
    try one.host(place)
    let before = try place.listing()
    #expect(try changes.conflicts(in: place.tree).lines == one.conflicts)
    let error = try failure { try changes.apply(to: place.tree, durable: false) }
    guard case .conflict(let conflicts) = error else { throw error }
    #expect(conflicts.lines == one.conflicts)
    #expect(error.kind == .inUse)
    #expect(try place.listing() == before)
  }

  @Test func `what only the host changed is no conflict, nor what both made the same`() throws {
    let place = try Workplace()
    try Self.prepare(place)
    let changes = try place.changes {
      try $0.file("file", "both")
      try $0.file("new", "both")
      try $0.link("link", "other")
      try $0.folder("made")
      try $0.gone("folder/a")
      try $0.gone("never-sent")
    }
    try place.file("file", "both")
    try place.file("new", "both", mode: 0o600)
    try Self.remove(place, "link")
    try place.link("link", "other")
    try place.folder("made")
    try Self.remove(place, "folder/a")
    try place.file("other", "host")
    try place.file("folder/b", "host")
    #expect(try changes.conflicts(in: place.tree) == [])
    let before = try place.listing()
    try changes.apply(to: place.tree, durable: false)
    #expect(try place.listing() == before)
  }

  @Test func `what the host changes while content is written aside is a conflict too`() throws {
    let place = try Workplace()
    try Self.prepare(place)
    let changes = try place.changes {
      try $0.file("file", "guest")
      try $0.file("new", "guest")
    }
    try place.file("new", "guest")
    let states = try WorkspaceInspection(
      changes.plan, changes.file, try WorkspaceTree(place.tree)
    ).states
    #expect(states == [.pending, .done])
    #expect(try changes.lookAgain(place.tree, since: states) == states)
    // Done by the host alone, and undone: nothing is written aside for it.
    try Self.remove(place, "new")
    try place.file("file", "host")
    let error = try failure { try changes.lookAgain(place.tree, since: states) }
    guard case .conflict(let conflicts) = error else { throw error }
    #expect(conflicts.lines == ["file changed", "new changed"])
  }

  @Test func `a directory is free again once changes are applied, whoever holds copies`() throws {
    let place = try Workplace()
    let changes = try place.changes { try $0.file("a", "x") }
    let held = try OwnedDescriptor.open(place.tree, .directory)
    #expect(try held.lock())
    let copy = try held.duplicate()
    held.unlock()
    try changes.apply(to: place.tree, durable: false)
    #expect(try copy.lock())
  }

  @Test func `a directory that somebody applies changes to is busy`() throws {
    let place = try Workplace()
    let changes = try place.changes { try $0.file("a", "x") }
    let held = try OwnedDescriptor.open(place.tree, .directory)
    #expect(try held.lock())
    guard case .busy = try failure({ try changes.apply(to: place.tree, durable: false) }) else {
      return #expect(Bool(false))
    }
    #expect(try place.listing() == [])
  }

  @Test func `a message names the paths so that a terminal stays whole`() throws {
    let place = try Workplace()
    let changes = try place.changes { try $0.file("a\u{1B}[2J\nb", "x") }
    try place.file("a\u{1B}[2J\nb", "y")
    let error = try failure { try changes.apply(to: place.tree, durable: false) }
    #expect(error.message == "the workspace changed meanwhile: \"a\\u{1b}[2J\\u{a}b\" appeared")
  }
}
