import Disks
import Host
import TestSupport
import Testing
import Vocabulary

/// File systems that nobody has unmounted. The judge is `e2fsck` on a copy: what it makes of the
/// journal is what must be seen before.
@Suite(.asRoot, .with("mke2fs", "debugfs", "e2fsck", "dumpe2fs", "mount", "losetup", "perl"))
struct Ext4JournalTests {
  /// What `e2fsck` and then the kernel make of a copy.
  private func judge(_ place: Workplace, _ image: String) throws -> TreeListing {
    try place.run("cp", ["--sparse=always", image, "copy"])
    let said = try Processes.run(Command("e2fsck", ["-fy", place("copy")]))
    #expect(said.status.shellStatus == 0 || said.status.shellStatus == 1, "\(said.text)")
    return try place.mounted("copy", "ro") { try TreeListing(mounted: $0) }
  }

  private func isDirty(_ place: Workplace, _ image: String) throws -> Bool {
    try place.run("dumpe2fs", ["-h", image]).contains("needs_recovery")
  }

  @Test(arguments: [
    ["-b", "4096", "-O", Ext4ReaderTests.ours], ["-b", "1024", "-O", "64bit,metadata_csum"],
    ["-b", "4096", "-O", "^metadata_csum,^64bit,^uninit_bg"],
    ["-b", "1024", "-O", "^metadata_csum,64bit,^uninit_bg"],
  ])
  func `a file system that is still mounted shows its last commit`(options: [String]) throws {
    let place = try Workplace()
    try place.run("mke2fs", ["-q", "-t", "ext4"] + options + ["-J", "size=4", "disk", "64M"])
    try place.mounted("disk", "rw,commit=600") { path in
      var directories: [String] = []
      for round in 0..<6 {
        // Directories come and go, so blocks of one become another's or a file's: revocations.
        try place.run(
          "perl",
          [
            "-e",
            "chdir shift; mkdir \"d$_[0]\"; my $r = shift; mkdir \"d$r\"; "
              + "for (1..250) { open F, \">d$r/name-$_-\" . 'y' x 60 or die; print F 'data' x $_ }",
            path, "\(round)",
          ])
        directories.append("\(path)/d\(round)")
        if round % 2 == 1 { try Files.removeTree(directories[round - 1]) }
        try OwnedDescriptor.open(path, .directory).syncFileSystem()
        try place.run("cp", ["--sparse=always", "disk", "dirty-\(round)"])
      }
    }
    var seen: Set<[String]> = []
    for round in 0..<6 {
      let image = "dirty-\(round)"
      #expect(try isDirty(place, image))
      let found = try TreeListing(place.reader(image))
      found.requireSame(as: try judge(place, image), "\(image) of \(options)")
      seen.insert(found.lines)
    }
    #expect(seen.count == 6)
  }

  @Test func `a journal that holds data beside metadata is replayed with it`() throws {
    let place = try Workplace()
    try place.run("mke2fs", ["-q", "-t", "ext4", "-O", Ext4ReaderTests.ours, "disk", "64M"])
    // Every block in this file begins as the journal's own do, and stands there escaped.
    let block = [0xC0, 0x3B, 0x39, 0x98] + [UInt8](repeating: 7, count: 4092)
    try Files.write(place("blocks"), (0..<40).flatMap { _ in block }, durable: false)
    try place.mounted("disk", "rw,data=journal,commit=600") { path in
      try place.run("cp", ["blocks", path + "/file"])
      try OwnedDescriptor.open(path, .directory).syncFileSystem()
      try place.run("cp", ["--sparse=always", "disk", "dirty"])
    }
    let reader = try place.reader("dirty")
    let file = try #require(try reader.lookup(Ext4ReaderTests.path("file")))
    #expect(try reader.contents(of: file.inode, limit: 1 << 20) == (0..<40).flatMap { _ in block })
    try TreeListing(reader).requireSame(as: try judge(place, "dirty"), "data=journal")
  }

  @Test(arguments: ["-c", "-c -v 2", "-c -v 3", ""])
  func `transactions that debugfs wrote are replayed as e2fsck does, with what they revoke`(
    checksums: String
  ) throws {
    let place = try Workplace()
    let features = checksums.isEmpty ? "^metadata_csum,^uninit_bg,64bit" : "metadata_csum,64bit"
    try place.run("mke2fs", ["-q", "-t", "ext4", "-b", "1024", "-O", features, "disk", "32M"])
    try Files.write(place("content"), [UInt8](repeating: 1, count: 60 << 10), durable: false)
    try place.run("debugfs", ["-w", "-R", "write content file", "disk"])
    let said = try place.run("debugfs", ["-R", "blocks file", "disk"])
    let blocks = said.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
    #expect(blocks.count == 60)
    for (name, byte) in [("two", 2), ("three", 3), ("four", 4)] {
      try Files.write(
        place(name), [UInt8](repeating: UInt8(byte), count: 60 << 10), durable: false)
    }
    func list(_ range: Range<Int>) -> String {
      blocks[range].map(String.init).joined(separator: ",")
    }
    let script = """
      jo \(checksums)
      jw -b \(list(0..<30)) two
      jw -r \(list(10..<20))
      jw -b \(list(15..<25)) three
      jw -r \(list(0..<5))
      jw -b \(list(40..<50)) four
      jc

      """
    let output = try Processes.run(
      Command("debugfs", ["-w", "-f", "-", place("disk")], workingDirectory: place.path),
      input: Array(script.utf8), onOutput: { _ in })
    #expect(output.status.isSuccess)
    #expect(try isDirty(place, "disk"), "\(output.errorTail)")
    let reader = try place.reader("disk")
    let file = try #require(try reader.lookup(Ext4ReaderTests.path("file")))
    let bytes = try #require(try reader.contents(of: file.inode, limit: 1 << 20))
    let found = stride(from: 0, to: bytes.count, by: 1024).map { bytes[$0] }
    var expected = [UInt8](repeating: 1, count: 60)
    for index in 5..<30 { expected[index] = 2 }
    for index in 10..<15 { expected[index] = 1 }
    for index in 15..<25 { expected[index] = 3 }
    for index in 40..<50 { expected[index] = 4 }
    #expect(found == expected)
    try TreeListing(reader).requireSame(as: try judge(place, "disk"), "debugfs \(checksums)")
  }

  @Test func `a transaction without its commit counts nothing`() throws {
    let place = try Workplace()
    try place.run("mke2fs", ["-q", "-t", "ext4", "-b", "1024", "-O", "metadata_csum", "disk", "32M"])
    try Files.write(place("one"), [UInt8](repeating: 1, count: 8 << 10), durable: false)
    try Files.write(place("two"), [UInt8](repeating: 2, count: 8 << 10), durable: false)
    try place.run("debugfs", ["-w", "-R", "write one file", "disk"])
    let said = try place.run("debugfs", ["-R", "blocks file", "disk"])
    let blocks = said.split(whereSeparator: \.isWhitespace).joined(separator: ",")
    try place.run("debugfs", ["-w", "-R", "write one other", "disk"])
    let script = "jo -c\njw -b \(blocks) two\njw -c -b \(blocks) one\njc\n"
    _ = try Processes.run(
      Command("debugfs", ["-w", "-f", "-", place("disk")], workingDirectory: place.path),
      input: Array(script.utf8), onOutput: { _ in })
    let reader = try place.reader("disk")
    let file = try #require(try reader.lookup(Ext4ReaderTests.path("file")))
    let bytes = try #require(try reader.contents(of: file.inode, limit: 1 << 20))
    #expect(bytes == [UInt8](repeating: 2, count: 8 << 10))
    try TreeListing(reader).requireSame(as: try judge(place, "disk"), "no commit")
  }
}
