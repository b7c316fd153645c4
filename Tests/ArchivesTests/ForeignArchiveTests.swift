import Archives
import TestSupport
import Testing
import Vocabulary

@Suite struct `Foreign archives` {
  let place: Workplace

  init() throws { place = try Workplace() }

  /// Entries with their data, by printable name.
  private func read(
    _ name: String, limits: ArchiveLimits = ArchiveLimits()
  ) throws -> [(entry: ArchiveEntry, data: [UInt8])] {
    var found: [(entry: ArchiveEntry, data: [UInt8])] = []
    try ForeignArchive.forEachEntry(of: place.file(name), limits: limits) { entry, data in
      found.append((entry, try data.readAll(limit: .mebibytes(64))))
      return true
    }
    return found
  }

  @Test(arguments: ["gz", "xz", "bz2", "zst", "plain"])
  func `tar is read in every compression`(_ kind: String) throws {
    guard present("archives-compression", "tar", "gzip", "xz", "bzip2", "zstd") else {
      return
    }
    try place.write("in/a", "hello")
    try place.shell(
      """
      tar -cf t.plain -C in a; gzip -k t.plain -S .gz; mv t.plain.gz t.gz
      xz -k t.plain; mv t.plain.xz t.xz; bzip2 -k t.plain; mv t.plain.bz2 t.bz2
      zstd -q t.plain -o t.zst
      """)
    let entries = try read("t." + kind)
    #expect(entries.map { $0.entry.printableName } == ["a"])
    #expect(entries.first?.data == Array("hello".utf8))
  }

  @Test(arguments: ["gnu", "pax", "ustar"])
  func `long and non-ASCII names come as raw bytes`(_ format: String) throws {
    guard present("archives-names", "tar") else { return }
    // In this form a reader that normalises would change the second one.
    let names = [
      String(repeating: "d", count: 80) + "/" + String(repeating: "n", count: 90), "cafe\u{301}",
    ]
    for name in names { try place.write("in/" + name, name) }
    try place.shell("tar --format=\(format) -cf t.tar -C in \(names.joined(separator: " "))")
    #expect(try read("t.tar").map { $0.entry.name } == names.map { Array($0.utf8) })
  }

  @Test func `links, modes, owners and times are reported as they stand`() throws {
    guard present("archives-metadata", "tar") else { return }
    try place.write("in/a", "x")
    try place.shell(
      """
      cd in; chmod 4755 a; ln a b; ln -s ../up c; mkfifo d
      tar --owner=:12 --group=:3000000 --mtime=@-5 -cf ../t.tar a b c d
      """)
    let entries = try read("t.tar").map(\.entry)
    #expect(
      entries.map(\.kind) == [
        .file, .hardLink(target: Array("a".utf8)), .symlink(target: Array("../up".utf8)), .fifo,
      ])
    #expect(entries[0].mode == 0o4755 && entries[0].uid == 12 && entries[0].gid == 3_000_000)
    #expect(entries[0].modified == -5)
  }

  @Test func `a Debian package gives its files and its members' times`() throws {
    guard present("archives-deb", "ar", "tar", "xz") else { return }
    try place.write("root/boot/vmlinuz", "kernel")
    try place.write("root/usr/share/doc", "text")
    try place.shell(
      """
      echo 2.0 > debian-binary; tar -C root -cJf data.tar.xz .; tar -cJf control.tar.xz debian-binary
      ar rc p.deb debian-binary control.tar.xz data.tar.xz
      """)
    var kernel: [UInt8] = []
    try ForeignArchive.forEachFile(ofPackage: place.file("p.deb")) { entry, data in
      if entry.guestPath == GuestPath("boot/vmlinuz") {
        kernel = try data.readAll(limit: .kibibytes(1))
      }
      return true
    }
    #expect(kernel == Array("kernel".utf8))
    #expect(
      try read("p.deb").map { $0.entry.printableName } == [
        "debian-binary", "control.tar.xz", "data.tar.xz",
      ])
  }

  @Test func `entries that lead out have no place below a root`() throws {
    guard present("archives-names-out", "tar") else { return }
    try place.write("in/a", "x")
    try place.shell("tar -P --transform=s,a,../../etc/x, -cf t.tar -C in a")
    try place.shell("tar -P --transform=s,a,/etc/x, -rf t.tar -C in a")
    #expect(try read("t.tar").map { $0.entry.guestPath } == [nil, nil])
  }

  @Test func `a root by the name of a slash is the root`() throws {
    guard present("archives-names-root", "tar") else { return }
    try place.write("in/a", "x")
    try place.shell("tar -P --transform=s,^in,/, -cf t.tar --no-recursion in")
    let names = try read("t.tar").map { $0.entry }
    #expect(names.map(\.name) == [Array("/".utf8)])
    #expect(names.map(\.guestPath) == [.root])
  }

  @Test func `limits hold for entries that nobody reads`() throws {
    guard present("archives-limits", "tar", "zstd") else { return }
    try place.shell(
      "mkdir in; truncate -s 3M in/a in/b; tar -cf - -C in a b | zstd -q -o t.zst")
    func run(_ limits: ArchiveLimits) throws {
      try ForeignArchive.forEachEntry(of: place.file("t.zst"), limits: limits) { _, _ in true }
    }
    try run(ArchiveLimits())
    #expect(throws: ArchivesError.self) { try run(ArchiveLimits(entries: 1)) }
    #expect(throws: ArchivesError.self) { try run(ArchiveLimits(size: .mebibytes(4))) }
  }

  @Test func `what is cut short or no archive is refused`() throws {
    guard present("archives-damage", "tar", "gzip") else { return }
    try place.write("in/a", String(repeating: "x", count: 70000))
    try place.shell("tar -czf t.gz -C in a; head -c 100 t.gz > cut.gz; tar -cf t.tar -C in a")
    try place.shell("head -c 5000 t.tar > cut.tar; head -c 3000 /dev/urandom > noise; : > empty")
    for name in ["cut.gz", "cut.tar", "noise"] {
      #expect(throws: ArchivesError.self, "\(name)") { try read(name) }
    }
    #expect(throws: ArchivesError.self) { try read("missing") }
  }

  @Test func `data is gone when its entry has passed`() throws {
    guard present("archives-lifetime", "tar") else { return }
    try place.write("in/a", "hello")
    try place.shell("tar -cf t.tar -C in a")
    var kept: ArchiveData?
    try ForeignArchive.forEachEntry(of: place.file("t.tar")) { _, data in
      kept = data
      return true
    }
    #expect(try kept?.read(upTo: 10) == [])
  }

  @Test func `damage at any byte is an error or an archive, never a crash`() throws {
    guard present("archives-fuzz", "tar") else { return }
    try place.write("in/a", "hello")
    try place.shell("ln -s a in/b; tar --format=pax -cf t.tar -C in a b")
    var random = SplitMix(state: 7)
    var bytes: [UInt8] = []
    try ForeignArchive.forEachEntry(of: place.file("t.tar")) { _, _ in true }
    bytes = Array(try readFile(place.file("t.tar")))
    for _ in 0..<2000 {
      var changed = bytes
      for _ in 0..<4 {
        changed[Int(random.next() % 4096)] = UInt8(truncatingIfNeeded: random.next())
      }
      try? ForeignArchive.forEachEntry(of: changed, named: "fuzz") { _, data in
        _ = try data.readAll(limit: .mebibytes(1))
        return true
      }
    }
  }
}
