import Host
import Testing
import Vocabulary

@testable import Workspaces

struct SnapshotTests {
  private func sample(_ place: Workplace) throws -> WorkspaceSnapshot {
    try place.folder("a")
    try place.file("a/file", "12345", mode: 0o640)
    try place.file("a-b")
    try place.file([0xFF, 0x0A], [1])
    try place.link("link", "a/file")
    return try place.snapshot()
  }

  @Test func `a snapshot says what was sent`() throws {
    let place = try Workplace()
    let snapshot = try sample(place)
    let paths = snapshot.entries.map(\.path)
    #expect(paths == [bytes("a"), bytes("a/file"), bytes("a-b"), bytes("link"), [0xFF, 0x0A]])
    let file = snapshot.entries[1]
    let status = try #require(place.status("a/file"))
    #expect(file.kind == .file && file.size == 5 && file.mode == 0o640)
    #expect(file.inode == status.inode && file.changed == status.changed)
    #expect(snapshot.entries[3].target == bytes("a/file"))
    #expect(snapshot.index(of: bytes("a-b")) == 2)
    #expect(snapshot.index(of: bytes("a/")) == nil)
  }

  @Test func `a saved snapshot is read back as it was`() throws {
    let place = try Workplace()
    let snapshot = try sample(place)
    try snapshot.save(to: place("snapshot"))
    #expect(try WorkspaceSnapshot.load(place("snapshot")) == snapshot)
    #expect(Files.status(place("snapshot"))?.mode == 0o600)
    try WorkspaceSnapshot().save(to: place("snapshot"))
    #expect(try WorkspaceSnapshot.load(place("snapshot")).entries == [])
  }

  @Test func `every damaged byte of a snapshot is noticed`() throws {
    let place = try Workplace()
    try sample(place).save(to: place("snapshot"))
    let whole = try Files.read(place("snapshot"), limit: 1 << 20)
    for index in whole.indices {
      var damaged = whole
      damaged[index] ^= 0x10
      #expect(throws: WorkspaceSnapshot.Damage.self) { try WorkspaceSnapshot.decode(damaged) }
      #expect(throws: WorkspaceSnapshot.Damage.self) {
        try WorkspaceSnapshot.decode([UInt8](whole[..<index]))
      }
    }
    #expect(throws: WorkspaceSnapshot.Damage.self) { try WorkspaceSnapshot.decode(whole + [0]) }
  }

  @Test(arguments: [
    ["b", "a"], ["a", "a"], ["a/b"], ["a", "a-b", "a/b"], ["../a"], ["a//b"], ["."], [""],
  ])
  func `a snapshot with a right checksum and wrong paths is refused`(_ paths: [String]) throws {
    let place = try Workplace()
    var snapshot = WorkspaceSnapshot()
    snapshot.entries = paths.map {
      WorkspaceSnapshot.Entry(
        path: bytes($0), kind: .file, mode: 0o644, size: 0, modified: 0, modifiedNanoseconds: 0,
        changed: 0, changedNanoseconds: 0, inode: 1, target: [])
    }
    try snapshot.save(to: place("snapshot"))
    let error = #expect(throws: WorkspacesError.self) {
      try WorkspaceSnapshot.load(place("snapshot"))
    }
    #expect(error?.kind == .storeDamaged)
  }
}
