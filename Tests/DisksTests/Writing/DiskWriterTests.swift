import Disks
import Host
import Layers
import TestSupport
import Testing
import Vocabulary

/// Disks written from layers, as tools see them that know nothing of Hutch.
@Suite(.with("e2fsck", "dumpe2fs", "debugfs", "qemu-img")) struct DiskWriterTests {
  static let capability: [UInt8] = [1, 0, 0, 2, 0, 32, 0, 0] + [UInt8](repeating: 0, count: 12)
  /// `u::rw-,u:1000:r--,g::r--,m::r--,o::---` (`linux/posix_acl_xattr.h`).
  static let acl: [UInt8] =
    [2, 0, 0, 0]
    + [1, 0, 6, 0, 255, 255, 255, 255] + [2, 0, 4, 0, 0xE8, 3, 0, 0]
    + [4, 0, 4, 0, 255, 255, 255, 255] + [16, 0, 4, 0, 255, 255, 255, 255]
    + [32, 0, 0, 0, 255, 255, 255, 255]

  /// One of everything that a layer can hold.
  static func base() -> [Sample] {
    var noise = SplitMix(state: 7)
    var samples: [Sample] = [
      Sample("", .directory, mode: 0o751, uid: 3, modified: 1_500_000_000),
      .directory("usr"), .directory("usr/bin"), .directory("empty", mode: 0o1777),
      .directory("etc"), .directory("gone"), .directory("gone/deep"),
      .file("gone/deep/file", noise.bytes(20_000)), .file("gone/other", [1]),
      .symlink("usr/short", "bin/tool-7"),
      .symlink("usr/long", String(repeating: "a/", count: 40)),
      .symlink("usr/59", String(repeating: "x", count: 59)),
      .symlink("usr/60", String(repeating: "x", count: 60)),
      Sample("pipe", .fifo, mode: 0o600),
      Sample("null", .characterDevice(major: 1, minor: 3), mode: 0o666),
      Sample("disk", .blockDevice(major: 259, minor: 70_000), mode: 0o660, gid: 6),
      .file("usr/bin/ping", noise.bytes(5000), attributes: [("security.capability", capability)]),
      .file("etc/acl", [5], attributes: [("system.posix_acl_access", acl)]),
      .file(
        "etc/noted", [], attributes: [("user.a", []), ("user.large", noise.bytes(3000))]),
      .file("etc/zeroes", [UInt8](repeating: 0, count: 100_000)),
      .file("etc/tail", [UInt8](repeating: 0, count: 50_000) + [1]),
      .file("setuid", [1, 2, 3], mode: 0o4755, uid: 100_000),
      Sample("old", .file(size: 0), modified: -5),
      Sample("late", .file(size: 0), modified: 5 << 30),
      .file("odd \u{1} name\n\u{FF}", [9]), .file(String(repeating: "n", count: 255), [8]),
      .link("usr/hard", to: "usr/bin/tool-7"), .link("a-hard", to: "usr/bin/tool-7"),
      .symlink("usr/another", "short"),
    ]
    for index in 0..<300 {
      samples.append(.file("usr/bin/tool-\(index)", noise.bytes(index * 97 % 9000), mode: 0o755))
    }
    return samples
  }

  /// Takes away, replaces, adds to what `base` made.
  static func change() -> [Sample] {
    var noise = SplitMix(state: 8)
    return [
      .whiteout("gone"), .whiteout("etc/acl"), .directory("etc"), .directory("empty"),
      .opaque("usr/bin"), .directory("usr"), .directory("usr/bin"),
      .file("usr/bin/new", noise.bytes(200_000)), .link("usr/bin/new-too", to: "usr/bin/new"),
      .file("etc/noted", noise.bytes(70), attributes: [("user.b", [1])]),
      .directory("pipe"), .file("pipe/inside", [4]), .file("usr/short", [1]),
      .whiteout("never-there"),
    ]
  }

  static func more() -> [Sample] {
    var noise = SplitMix(state: 9)
    return [.directory("usr"), .directory("usr/lib")]
      + (0..<900).map { .file("usr/lib/lib-\($0).so", noise.bytes($0 * 7 % 5000)) }
  }

  static func chain(_ place: Workplace) throws -> LayerChain {
    try LayerChain(place).add(base()).add(change()).add(more())
  }

  /// No complaint, not even a small one: five lines of passes and one of summary.
  static func judge(_ place: Workplace, _ disk: String) throws {
    let said = try place.run("e2fsck", ["-f", "-n", disk])
    let lines = said.split(separator: "\n")
    #expect(lines.count == 6 && lines.dropLast().allSatisfy { $0.hasPrefix("Pass ") }, "\(said)")
  }

  @Test func `every disk of a chain is clean, whole and as deltas`() throws {
    let place = try Workplace()
    let chain = try Self.chain(place)
    try chain.writeDeltas("disk")
    for count in 1...3 {
      try chain.writeWhole(count, to: "whole-\(count)")
      try Self.judge(place, "whole-\(count)")
    }
    for index in 1...2 {
      try place.run("qemu-img", ["check", "-q", "-f", "qcow2", "disk-\(index)"])
      try place.run(
        "qemu-img", ["convert", "-f", "qcow2", "-O", "raw", "disk-\(index)", "flat-\(index)"])
      try Self.judge(place, "flat-\(index)")
    }
    let info = try place.run("qemu-img", ["info", "disk-2"])
    #expect(info.contains("extended l2: true"))
    #expect(info.contains("backing file: disk-1"))
    #expect(info.contains("virtual size: 64 GiB"))
    let delta = try #require(Files.status(place("disk-2")))
    #expect(delta.allocated < 5 << 20, "what is shared is not there again")
    #expect(delta.mode == 0o444)
  }

  @Test func `the file system is format 1, and nothing is left for the guest to initialise`() throws
  {
    let place = try Workplace()
    try Self.chain(place).writeWhole(to: "disk")
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
    for line in [
      "Total journal size:       32M", "Reserved block count:     0",
      "Filesystem state:         clean",
      "Default directory hash:   half_md4",
    ] { #expect(listing.contains(line), "\(line)") }
    let root = try place.run("debugfs", ["-R", "stat <2>", "disk"])
    #expect(root.contains("Mode:  0751"))
    #expect(root.contains("mtime: 0x59682f00:00000000"))
    let file = try place.run("debugfs", ["-R", "stat /usr/hard", "disk"])
    #expect(file.contains("Links: 2"), "one of its three names is gone")
    let capability = try place.run("debugfs", ["-R", "ea_list /etc/noted", "disk"])
    #expect(capability.contains("user.b (1) = 01"))
  }

  @Test func `a mount shows what GNU tar makes of the layers`() throws {
    guard present("mounted chain", "mount", "tar", "zstd", "losetup") else { return }
    guard HostEnvironment.current.isRoot, Files.exists("/dev/loop-control") else {
      return skip("mounted chain", missing: "the right to mount")
    }
    let place = try Workplace()
    let chain = try LayerChain(place)
      // GNU tar makes a link only to what came before.
      .add(Self.base().filter { $0.entry.path != guestPath("a-hard") }).add(Self.more())
    try chain.writeDeltas("disk")
    try place.run("qemu-img", ["convert", "-f", "qcow2", "-O", "raw", "disk-1", "flat"])
    try Files.makeDirectories(place("mnt"))
    try Files.makeDirectories(place("tree"))
    for blob in chain.blobs {
      try place.run(
        "sh",
        [
          "-c",
          "zstd -dcq <\"$0\" | tar -C tree -xp --xattrs --xattrs-include='*' --same-owner --acls",
          blob.path,
        ])
    }
    try place.run("mount", ["-o", "ro,noload,loop", "flat", "mnt"])
    defer { _ = try? place.run("umount", ["mnt"]) }
    func archive(_ directory: String) throws -> String {
      try place.run(
        "sh",
        [
          "-c",
          """
          tar -C "$0" --sort=name --format=posix --pax-option=delete=atime,delete=ctime \
          --numeric-owner --xattrs --xattrs-include='*' --xattrs-exclude='system.*' --exclude=./lost+found -c . \
          | sha256sum
          """, directory,
        ])
    }
    #expect(try archive("mnt") == archive("tree"))
    // GNU tar finds access lists in records of its own only.
    let list = try place.run("ls", ["-l", "mnt/etc/acl"])
    #expect(list.hasPrefix("-rw-r--r--+"))
    // Counted by the kernel, and a directory's size says that its blocks are where they should be.
    #expect(try place.run("stat", ["-c", "%h %F", "mnt/usr"]) == "4 directory\n")
  }

  @Test func `the kernel and debugfs find every name of a directory with 100,000`() throws {
    let place = try Workplace()
    let names = (0..<100_000).map { "directory/a-file-with-a-longer-name-\($0)" }
    let chain = try LayerChain(place)
      .add([.directory("directory")] + names.prefix(60_000).map { .file($0, []) })
      .add([.directory("directory")] + names.suffix(40_000).map { .file($0, []) })
    try chain.writeDeltas("disk")
    try place.run("qemu-img", ["convert", "-f", "qcow2", "-O", "raw", "disk-1", "flat"])
    try Self.judge(place, "flat")
    let tree = try place.run("debugfs", ["-R", "htree /directory", "flat"])
    #expect(tree.contains("Indirect levels: 1"))
    guard HostEnvironment.current.isRoot, Files.exists("/dev/loop-control") else { return }
    try Files.makeDirectories(place("mnt"))
    try place.run("mount", ["-o", "ro,noload,loop", "flat", "mnt"])
    defer { _ = try? place.run("umount", ["mnt"]) }
    for name in names where name.hasSuffix("7") {
      #expect(Files.status(place("mnt/" + name)) != nil, "\(name)")
    }
    #expect(try Files.list(place("mnt/directory")).count == 100_000)
  }

  @Test func `a file of more than 4 GiB goes through without being held in memory`() throws {
    let place = try Workplace()
    let size = 4 << 30 + 700
    let path = place("layer")
    let entry = LayerEntry(path: guestPath("large"), kind: .file(size: Int64(size)), mode: 0o600)
    let compressor = FrameCompressor(
      to: try OwnedDescriptor.open(path, .createExclusive(mode: 0o644)), threads: 2)
    let header = CanonicalTar.header(for: entry)
    try compressor.append(header[...])
    let zeroes = [UInt8](repeating: 0, count: 4 << 20)
    var left = size - 1
    while left > 0 {
      try compressor.append(zeroes[..<min(left, zeroes.count)])
      left -= zeroes.count
    }
    try compressor.append([7])
    try compressor.append(
      [UInt8](repeating: 0, count: CanonicalTar.padding(after: Int64(size)) + 1024)[...])
    let blob = try compressor.finish().blob
    var table = TableOfContents()
    table.add(entry, start: Int64(header.count), digest: Digest.of("not looked at"))
    var layout = DiskLayout(seed: Digest.of("large"))
    try layout.add(table)
    let made = try DiskWriter().write(
      layout, as: .whole, blobs: [LayerBlob(path: path, digest: blob)], to: place("disk"))
    #expect(made.allocated < .mebibytes(4), "zeroes stay holes")
    try Self.judge(place, "disk")
    let stat = try place.run("debugfs", ["-R", "stat /large", "disk"])
    #expect(stat.contains("Size: \(size)"))
    let reader = try Ext4Reader.open(
      DiskReader([
        ChainFile(
          try OwnedDescriptor.open(place("disk"), .read), path: "disk", name: "disk", format: .raw)
      ]))
    let inode = try #require(try reader.inode(at: guestPath("large")))
    let tail = try reader.read(inode, at: Int64(size) - 2, count: 2)
    #expect(tail == [0, 7])
  }

  @Test func `the same layers give the same bytes`() throws {
    let place = try Workplace()
    let chain = try Self.chain(place)
    let first = try chain.writeDeltas("one").map(\.digest)
    try Files.makeDirectories(place("two"))
    let again = try LayerChain(place, name: "two/layer")
      .add(Self.base()).add(Self.change()).add(Self.more())
    for index in 0..<3 {
      let made = try DiskWriter().write(
        again.layouts[index],
        as: index == 0 ? .whole : .delta(on: "one-\(index - 1)", index == 1 ? .raw : .qcow2),
        blobs: Array(again.blobs[...index]), to: place("two/disk-\(index)"))
      #expect(made.digest == first[index])
      if index > 0 { try place.run("cmp", ["one-\(index)", "two/disk-\(index)"]) }
    }
  }
}
