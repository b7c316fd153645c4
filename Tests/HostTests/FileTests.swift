import Glibc
import Host
import Testing

@Suite struct FileTests {
  @Test func `a file is replaced as a whole and nothing is left beside it`() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/file"
    try Files.write(path, Array("one".utf8))
    try Files.write(path, Array("two".utf8), mode: 0o600)
    #expect(try Files.read(path, limit: 10) == Array("two".utf8))
    #expect(try Files.list(directory.path) == ["file"])
    #expect(Files.status(path)?.mode == 0o600)
  }

  @Test func `a name below a directory can't lead out of it`() throws {
    let directory = try TemporaryDirectory()
    let root = try OwnedDescriptor.open(directory.path, .directory)
    try root.makeLink(target: Array("/etc".utf8), at: Array("link".utf8))
    for name in ["../etc/passwd", "/etc/passwd", "link/passwd"] {
      #expect(throws: HostError.self) { _ = try root.openBeneath(Array(name.utf8), .read).raw }
    }
  }

  @Test func `in a root links stay inside it`() throws {
    let directory = try TemporaryDirectory()
    try Files.makeDirectories(directory.path + "/usr/bin")
    let root = try OwnedDescriptor.open(directory.path, .directory)
    try root.makeLink(target: Array("/usr/bin".utf8), at: Array("bin".utf8))
    let inside = try root.openInRoot(Array("bin".utf8), .directory)
    let expected = try #require(Files.status(directory.path + "/usr/bin"))
    #expect(try inside.status().inode == expected.inode)
  }

  @Test func `names come sorted by their bytes, whatever they are`() throws {
    let directory = try TemporaryDirectory()
    let root = try OwnedDescriptor.open(directory.path, .directory)
    let names: [[UInt8]] = [[0xFF, 0xFE], Array("a".utf8), Array("B".utf8), Array("a b\n".utf8)]
    for name in names { _ = try root.openBeneath(name, .createExclusive(mode: 0o644)).raw }
    #expect(try root.entries() == [names[2], names[1], names[3], names[0]])
  }

  @Test func `a rename that must not replace does not`() throws {
    let directory = try TemporaryDirectory()
    try Files.write(directory.path + "/a", [1])
    try Files.write(directory.path + "/b", [2])
    #expect(throws: HostError.self) {
      try Files.rename(directory.path + "/a", to: directory.path + "/b", replacing: false)
    }
    #expect(try Files.read(directory.path + "/b", limit: 1) == [2])
  }

  @Test func `a whole tree goes, read-only directories too`() throws {
    let directory = try TemporaryDirectory()
    try Files.makeDirectories(directory.path + "/t/a/b")
    try Files.write(directory.path + "/t/a/b/f", [1])
    try Files.setMode(directory.path + "/t/a", 0o500)
    try Files.removeTree(directory.path + "/t")
    #expect(!Files.exists(directory.path + "/t"))
  }

  @Test func `a lock has one holder and dies with it`() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/lock"
    #expect(!FileLock.isHeld(path))
    do {
      guard let lock = try FileLock.exclusive(path, wait: false) else {
        Issue.record("nobody else has it")
        return
      }
      #expect(FileLock.isHeld(path))
      let isTakenTwice = try FileLock.exclusive(path, wait: false) != nil
      #expect(!isTakenTwice)
      _ = lock.descriptor
    }
    #expect(!FileLock.isHeld(path))
  }

  @Test func `extended attributes come back sorted`() throws {
    let directory = try TemporaryDirectory()
    let root = try OwnedDescriptor.open(directory.path, .directory)
    let name = Array("f".utf8)
    _ = try root.openBeneath(name, .createExclusive(mode: 0o644)).raw
    try root.setExtendedAttribute(of: name, Array("user.b".utf8), value: [1, 0, 2])
    try root.setExtendedAttribute(of: name, Array("user.a".utf8), value: [])
    let found = try root.extendedAttributes(of: name)
    #expect(found.map { String(decoding: $0.name, as: UTF8.self) } == ["user.a", "user.b"])
    #expect(found.map(\.value) == [[], [1, 0, 2]])
  }
}
