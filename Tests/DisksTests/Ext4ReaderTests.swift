import Disks
import Host
import TestSupport
import Testing
import Vocabulary

/// Judges: the kernel's own view of the same image, `debugfs` and `e2fsck`.
@Suite(.asRoot, .with("mke2fs", "debugfs", "e2fsck", "mount", "losetup", "perl"))
struct Ext4ReaderTests {
  /// Makes a tree of all kinds of files below `path`.
  static let fill = #"""
    set -e; cd "$1"
    mkdir -p plain/deep/er 'odd names' sticky many; chmod 1777 sticky; chmod 0711 'odd names'
    printf x > plain/one; printf '%04095d' 7 > plain/less; printf '%04096d' 7 > plain/block
    : > plain/empty; chmod 06755 plain/one; chown 70000:80000 plain/block
    head -c 3000000 /dev/urandom > plain/large
    ln plain/one plain/deep/again; ln plain/one hard
    ln -s one plain/short; ln -s "$(printf '%059d' 1)" plain/fast; ln -s "$(printf '%060d' 1)" plain/slow
    ln -s "$(printf '%0900d' 1)" plain/long
    mkfifo pipe; mknod null c 1 3; mknod disk b 259 70000; mknod big c 300 5
    perl -e 'for (1..300) { open F, ">many/file-$_" or die; print F "$_\n" }
      open F, ">odd names/\xff\xfe" or die; open F, ">odd names/new\nline" or die;
      open F, ">odd names/" . "x" x 255 or die;
      use Socket; socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un("socket")) or die;
      open F, ">holes" or die; for (1..400) { sysseek F, $_ * 12288, 0; syswrite F, "hole $_" }
      truncate F, 9000000; open F, ">nothing" or die; truncate F, 3000000'
    touch -d '2001-02-03 04:05:06.789' plain/one; touch -d '1931-01-01' plain/empty
    touch -d '2200-01-01 00:00:00.5' plain/less; touch -h -d '2010-01-01' plain/slow
    """#

  func fill(_ directory: String) throws {
    try Processes.runChecked(Command("sh", ["-c", Self.fill, "sh", directory]))
    let root = try OwnedDescriptor.open(directory, .directory)
    func set(_ path: String, _ name: String, _ value: [UInt8]) throws {
      try root.setExtendedAttribute(of: Array(path.utf8), Array(name.utf8), value: value)
    }
    try set("plain/one", "user.note", [0, 1, 2])
    try set("plain/one", "security.capability", [1, 0, 0, 2] + [UInt8](repeating: 0, count: 16))
    try set("plain", "trusted.small", [])
    // User, named user, group, mask, others.
    let list: [UInt8] = [
      2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 7, 0, 0x70, 0x11, 1, 0, 4, 0, 4, 0, 255,
      255,
      255, 255, 0x10, 0, 7, 0, 255, 255, 255, 255, 0x20, 0, 4, 0, 255, 255, 255, 255,
    ]
    try set("plain/less", "system.posix_acl_access", list)
    try set("sticky", "system.posix_acl_default", list)
  }

  /// Attributes that fill a block.
  func fillAttributes(_ directory: String) throws {
    let root = try OwnedDescriptor.open(directory, .directory)
    for index in 0..<20 {
      try root.setExtendedAttribute(
        of: Array("plain/large".utf8), Array("user.attribute-\(index)".utf8),
        value: [UInt8](repeating: UInt8(index), count: index))
    }
  }

  static func path(_ text: String) throws -> GuestPath { try #require(GuestPath(text)) }

  static let ours =
    "none,has_journal,ext_attr,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,"
    + "huge_file,dir_nlink,extra_isize,metadata_csum,metadata_csum_seed"

  @Test(arguments: [
    ["-b", "4096", "-I", "256", "-O", Ext4ReaderTests.ours],
    ["-b", "1024"],
    ["-b", "2048", "-O", "^64bit,metadata_csum", "-I", "512"],
    ["-b", "4096", "-O", "^metadata_csum,^64bit,^uninit_bg"],
    ["-b", "1024", "-O", "meta_bg,^resize_inode,64bit,metadata_csum", "-g", "1024"],
    ["-b", "4096", "-O", "sparse_super2,^resize_inode,large_dir,project"],
    ["-b", "4096", "-O", "^has_journal,^dir_index,^flex_bg,^sparse_super,^resize_inode"],
    ["-b", "1024", "-I", "128", "-O", "^extra_isize,metadata_csum"],
  ])
  func `a file system shows what the kernel shows of it`(options: [String]) throws {
    let place = try Workplace()
    try Files.makeDirectories(place("tree"))
    try fill(place("tree"))
    try place.run("mke2fs", ["-q", "-t", "ext4"] + options + ["-d", "tree", "disk", "80M"])
    try place.run("e2fsck", ["-fn", "disk"])
    let judge = try place.mounted("disk", "ro,noload") { try TreeListing(mounted: $0) }
    #expect(judge.lines.count > 320)
    try TreeListing(place.reader("disk")).requireSame(as: judge, "made by mke2fs")

    // What a kernel makes of it: its own directories, extents and attributes.
    try place.mounted("disk", "rw") { path in
      try Files.makeDirectories(path + "/again")
      try fill(path + "/again")
      try fillAttributes(path + "/again")
      try Files.removeTree(path + "/plain")
      _ = try place.run("sh", ["-c", "rm -r \"$1\"/many/file-1*", "sh", path])
    }
    try place.run("e2fsck", ["-fn", "disk"])
    let changed = try place.mounted("disk", "ro") { try TreeListing(mounted: $0) }
    try TreeListing(place.reader("disk")).requireSame(as: changed, "changed by a kernel")
    #expect(changed != judge)
  }

  @Test func `an index of 100,000 names is read, deep or made anew by e2fsck`() throws {
    let place = try Workplace()
    try place.run("mke2fs", ["-q", "-t", "ext4", "-b", "1024", "-N", "150000", "disk", "200M"])
    try place.mounted("disk", "rw") { path in
      try place.run(
        "perl",
        [
          "-e",
          "chdir shift; mkdir 'd'; for (1..100000) { open F, \">d/name-$_-\" . 'x' x ($_ % 90) or die }",
          path,
        ])
    }
    for round in ["by the kernel", "by e2fsck"] {
      let reader = try place.reader("disk")
      let name = "d/name-99999-" + String(repeating: "x", count: 99999 % 90)
      #expect(try reader.lookup(Self.path(name))?.inode.kind == .regular)
      #expect(try reader.lookup(Self.path("d/name-100001")) == nil)
      let walk = reader.walk()
      var count = 0
      while try walk.next() != nil { count += 1 }
      #expect(count == 100_003, "\(round)")
      let said = try place.run("debugfs", ["-R", "htree /d", "disk"])
      #expect(said.contains("Indirect levels: "))
      _ = try Processes.run(Command("e2fsck", ["-fyD", place("disk")]))
    }
  }

  @Test(arguments: [1, 2, 3])
  func `a file of many pieces is read through a tree of that depth`(depth: Int) throws {
    let place = try Workplace()
    try place.run("mke2fs", ["-q", "-t", "ext4", "-b", "1024", "disk", "200M"])
    let pieces = [0, 100, 2000, 40_000][depth]
    try place.mounted("disk", "rw") { path in
      try place.run(
        "perl",
        [
          "-e",
          "open F, '>', shift; for (1..\(pieces)) { sysseek F, $_ * 2048, 0; syswrite F, 'p' . $_ x 100 } truncate F, 99000000",
          path + "/file",
        ])
      try place.run("fallocate", ["-o", "99000000", "-l", "500000", path + "/file"])
    }
    let said = try place.run("debugfs", ["-R", "ex -n /file", "disk"])
    #expect(said.contains(" \(depth)/ \(depth) "))
    let judge = try place.mounted("disk", "ro") { try TreeListing(mounted: $0) }
    let reader = try place.reader("disk")
    try TreeListing(reader).requireSame(as: judge, "\(pieces) pieces")
    let file = try #require(try reader.lookup(Self.path("file")))
    #expect(try reader.places(of: file.inode).count >= pieces)
  }

  @Test func `a disk of ours is read, through an overlay that a kernel wrote into`() throws {
    guard present("overlay of a disk", "qemu-img", "qemu-io") else { return }
    let place = try Workplace()
    try Files.makeDirectories(place("tree"))
    try fill(place("tree"))
    try Processes.runChecked(Command("sh", ["-c", "rm \"$1\"/socket", "sh", place("tree")]))
    _ = try MergedTreeFormatter().make(
      tree: place("tree"), output: place("disk"), date: SourceDate(1_700_000_000),
      seed: Digest.of("seed"))
    let judge = try place.mounted("disk", "ro,noload") { try TreeListing(mounted: $0) }
    try TreeListing(place.reader("disk")).requireSame(as: judge, "a disk of ours")

    // The same through a file that holds only what a kernel has changed, put there by qemu-io.
    try place.run("cp", ["--sparse=always", "disk", "changed"])
    try Files.setMode(place("changed"), 0o600)
    try place.mounted("changed", "rw") { path in
      try Files.write(path + "/plain/new", Array("new".utf8), durable: false)
      // Longer than 4 GiB, with data at its end.
      try place.run("truncate", ["-s", "\(5 << 30 + 100)", path + "/plain/long-file"])
      try place.run("sh", ["-c", "printf end >> \"$1\"/plain/long-file", "sh", path])
      try Files.removeTree(path + "/many")
    }
    let after = try place.mounted("changed", "ro") { try TreeListing(mounted: $0) }
    try QCOW2Overlay(
      virtualSize: .gibibytes(80), backingName: "disk", backingFormat: .raw
    ).write(to: place("o.qcow2"), durable: false)
    try place.copyDifferences(from: "disk", to: "changed", into: "o.qcow2")
    let overlay = try QCOW2Image(
      OwnedDescriptor.open(place("o.qcow2"), .read), path: "o.qcow2", backingName: "disk",
      backingFormat: .raw, over: RawImage(OwnedDescriptor.open(place("disk"), .read)))
    try TreeListing(Ext4Reader(overlay, path: "o.qcow2")).requireSame(as: after, "an overlay")
  }
}

extension Workplace {
  /// Writes every block in which two disks differ into an overlay of the first one.
  func copyDifferences(from: String, to: String, into overlay: String) throws {
    let old = try OwnedDescriptor.open(self(from), .read)
    let new = try OwnedDescriptor.open(self(to), .read)
    try Files.makeDirectories(self("blocks"))
    var arguments = ["-f", "qcow2"]
    var offset = try new.nextData(from: 0)
    while let start = offset {
      let end = try new.nextHole(from: start)
      for place in stride(from: start - start % 4096, to: end, by: 4096) {
        let block = try new.pread(at: place, count: 4096)
        if try block == old.pread(at: place, count: 4096) { continue }
        try Files.write(self("blocks/\(place)"), block, durable: false)
        arguments += ["-c", "write -s blocks/\(place) \(place) 4096"]
      }
      offset = try new.nextData(from: end)
    }
    try run("qemu-io", arguments + [overlay])
  }
}
