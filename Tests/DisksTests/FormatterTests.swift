import Disks
import Host
import TestSupport
import Testing
import Vocabulary

@Suite(.serialized) struct FormatterTests {
  let seed = Digest.of("a first layer")
  let date = SourceDate(1_700_000_000)

  /// A small tree with one of everything, its times whole seconds in the past.
  func fill(_ path: String) throws {
    try Files.makeDirectories(path + "/usr/bin")
    try Files.makeDirectories(path + "/empty", mode: 0o700)
    let root = try OwnedDescriptor.open(path, .directory)
    for index in 0..<300 {
      let bytes = [UInt8](repeating: UInt8(index & 255), count: index * 97 % 9000)
      try Files.write(path + "/usr/bin/tool-\(index)", bytes, mode: 0o755, durable: false)
    }
    let name = Array("usr/bin/tool-7".utf8)
    try root.hardLink(from: name, to: Array("usr/hard".utf8))
    try root.makeLink(target: Array("bin/tool-7".utf8), at: Array("usr/soft".utf8))
    try root.setMode(of: Array("usr/bin/tool-8".utf8), 0o4755)
    try root.setMode(of: [], 0o751)
    if HostEnvironment.current.isRoot {
      try root.setOwner(of: Array("usr/bin/tool-9".utf8), uid: 1000, gid: 7)
    }
    try root.setExtendedAttribute(of: name, Array("user.note".utf8), value: [1, 2, 3])
    try setTimes(root)
  }

  func setTimes(_ directory: borrowing OwnedDescriptor) throws {
    for name in try directory.entries() {
      if try directory.status(of: name).kind == .directory {
        try setTimes(try directory.openBeneath(name, .directory))
      }
      try directory.setTimes(of: name, seconds: 1_600_000_000)
    }
    try directory.setTimes(of: [], seconds: 1_600_000_000)
  }

  @Test func `two trees unpacked at different times give one disk`() throws {
    guard present("disk twice", "mke2fs", "debugfs", "e2fsck", "dumpe2fs") else { return }
    let place = try Workplace()
    let formatter = try MergedTreeFormatter()
    #expect(formatter.formatterKey.hasPrefix("mke2fs-d:1:e2fsprogs-1."))
    try fill(place("one"))
    let one = try formatter.make(tree: place("one"), output: place("1"), date: date, seed: seed)
    // Whole seconds are what ext4 keeps in the fields that could differ.
    try place.run("sleep", ["1.1"])
    try fill(place("two"))
    let two = try formatter.make(tree: place("two"), output: place("2"), date: date, seed: seed)
    #expect(one.digest == two.digest)
    #expect(one.size == .gibibytes(64))
    #expect(one.allocated < .mebibytes(6))
    let status = try #require(Files.status(place("1")))
    #expect(status.mode == 0o444)
    #expect(try Files.list(place.path) == ["1", "2", "one", "two"])
  }

  @Test func `the file system is format 1, and nothing is left for the guest to initialise`() throws
  {
    guard present("format 1", "mke2fs", "debugfs", "e2fsck", "dumpe2fs") else { return }
    let place = try Workplace()
    try fill(place("tree"))
    let formatter = try MergedTreeFormatter()
    let made = try formatter.make(
      tree: place("tree"), output: place("disk"), date: date, seed: seed)
    let listing = try place.run("dumpe2fs", ["disk"])
    let lines = listing.split(separator: "\n")
    let groups = lines.filter { $0.hasPrefix("Group ") && $0.contains("(Blocks") }
    #expect(groups.count == 512)
    #expect(groups.allSatisfy { $0.contains("ITABLE_ZEROED") })
    let features = try #require(lines.first { $0.hasPrefix("Filesystem features:") })
    #expect(
      Set(features.split(separator: " ").dropFirst(2).map(String.init)) == [
        "has_journal", "ext_attr", "dir_index", "filetype", "extent", "64bit", "flex_bg",
        "metadata_csum_seed", "sparse_super", "large_file", "huge_file", "dir_nlink",
        "extra_isize", "metadata_csum",
      ])
    #expect(listing.contains("Total journal size:       32M"))
    #expect(listing.contains("Reserved block count:     0"))

    let other = try formatter.make(
      tree: place("tree"), output: place("other"), date: date, seed: Digest.of("another"))
    #expect(other.digest != made.digest)
    let root = try place.run("debugfs", ["-R", "stat <2>", "disk"])
    #expect(root.contains("Mode:  0751"))
    #expect(root.contains("mtime: 0x5f5e1000:00000000"))
    #expect(root.contains("ctime: 0x6553f100:00000000"))
    let file = try place.run("debugfs", ["-R", "stat /usr/bin/tool-7", "disk"])
    #expect(file.contains("Links: 2"))
    #expect(file.contains("user.note (3) = 01 02 03"))
    #expect(file.contains("crtime: 0x6553f100:00000000"))
  }

  @Test func `a mount shows exactly the tree`() throws {
    guard present("mounted disk", "mke2fs", "debugfs", "mount", "losetup") else { return }
    guard HostEnvironment.current.isRoot, Files.exists("/dev/loop-control") else {
      return skip("mounted disk", missing: "the right to mount")
    }
    let place = try Workplace()
    try fill(place("tree"))
    _ = try MergedTreeFormatter().make(
      tree: place("tree"), output: place("disk"), date: date, seed: seed)
    try Files.makeDirectories(place("mnt"))
    try place.run("mount", ["-o", "ro,noload,loop", "disk", "mnt"])
    defer { _ = try? place.run("umount", ["mnt"]) }
    func archive(_ directory: String) throws -> String {
      try place.run(
        "sh",
        [
          "-c",
          "tar -C \"$1\" --exclude=./lost+found --sort=name --numeric-owner --xattrs "
            + "--format=posix --pax-option=delete=atime,delete=ctime -cf - . | sha256sum", "sh",
          directory,
        ])
    }
    #expect(try archive("tree") == archive("mnt"))
  }

  @Test func `what is there already is not touched`() throws {
    guard present("existing output", "mke2fs") else { return }
    let place = try Workplace()
    try fill(place("tree"))
    try Files.write(place("disk"), [1])
    #expect(throws: DisksError.self) {
      try MergedTreeFormatter().make(
        tree: place("tree"), output: place("disk"), date: date, seed: seed)
    }
    #expect(try Files.read(place("disk"), limit: 9) == [1])
    #expect(throws: DisksError.self) {
      try MergedTreeFormatter().make(
        tree: place("nothing"), output: place("x"), date: date, seed: seed)
    }
    #expect(try Files.list(place.path) == ["disk", "tree"])
  }

  @Test func `the digest sees contents and their places, and no holes`() throws {
    let place = try Workplace()
    func make(_ name: String, _ parts: [(Int64, UInt8)], dense: Bool = false) throws -> Digest {
      let file = try OwnedDescriptor.open(place(name), .createExclusive(mode: 0o600))
      try file.truncate(to: 8 << 20)
      if dense { try file.pwriteAll([UInt8](repeating: 0, count: 8 << 20), at: 0) }
      for (offset, byte) in parts { try file.pwriteAll([byte], at: offset) }
      return try BlockDigest.of(file)
    }
    let sparse = try make("a", [(5000, 1), (3 << 20, 2), (8 << 20 - 1, 3)])
    #expect(sparse == (try make("b", [(5000, 1), (3 << 20, 2), (8 << 20 - 1, 3)], dense: true)))
    #expect(sparse != (try make("c", [(5000, 1), (3 << 20 + 4096, 2), (8 << 20 - 1, 3)])))
    #expect(try make("d", []) == Digest.of([UInt8]()))
  }
}
