import Glibc
import Host
import Layers
import TestSupport
import Testing
import Vocabulary

@Suite struct PackTests {
  private func sizable() -> [Sample] {
    var noise = SplitMix(state: 7)
    return [.directory("d")]
      + (0..<40).map { number in
        let data = noise.bytes(Int(noise.next() % 700_000))
        return Sample(
          Array("d/file-\(number)".utf8), .file(size: Int64(data.count)), data: data)
      }
  }

  @Test(.asRoot) func `packing twice gives the same bytes`() throws {
    let place = try Workplace()
    let tree = try place.directory("tree")
    try Trees.make(sizable(), in: tree)
    let once = try place.pack(tree, as: "once")
    let again = try place.pack(tree, as: "again")
    #expect(once == again)
    #expect(try readFile(place.file("once")) == readFile(place.file("again")))
    #expect(try readFile(place.file("once.toc")) == readFile(place.file("again.toc")))
    #expect(Digest.of(try readFile(place.file("once"))) == once.blob)
    #expect(Digest.of(try place.plain("once")) == once.layer.digest)
    #expect(try place.plain("once").count == Int(once.size.bytes))
    #expect(Digest.of(try readFile(place.file("once.toc"))) == once.table)
  }

  @Test func `the number of cores does not show`() throws {
    let bytes = Trees.tar(sizable())
    let place = try Workplace()
    let digests = try [1, 2, 3, 16].map { try place.blob(bytes, as: "\($0)", threads: $0) }
    #expect(Set(digests).count == 1)
    #expect(try place.plain("3") == bytes)
  }

  /// Names come out of a tmpfs in the reverse order of their making.
  @Test(.asRoot)
  func `the order in which a directory lists its names does not show`() throws {
    let names = (0..<200).map { "name-\(($0 * 37) % 200)" }
    var layers: Set<DiffID> = []
    for base in ["/dev/shm", "/tmp"] {
      for order in [names, names.reversed()] {
        let place = try Workplace(in: base)
        let tree = try place.directory("tree")
        try Trees.make(order.map { .file($0, "x") }, in: tree)
        layers.insert(try place.pack(tree).layer)
      }
    }
    #expect(layers.count == 1)
  }

  @Test func `a socket is refused with its path`() throws {
    let place = try Workplace()
    let tree = try place.directory("tree/run")
    let socket = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(socket) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) {
      unsafe $0.copyBytes(from: (tree + "/s").utf8)
    }
    let bound = unsafe withUnsafePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(bound == 0)
    let error = #expect(throws: LayersError.self) { try place.pack(place.file("tree")) }
    #expect(error?.message.contains("\"/run/s\"") == true)
  }

  @Test(.asRoot) func `a device node is refused with its path`() throws {
    let place = try Workplace()
    let tree = try place.directory("tree")
    try OwnedDescriptor.open(tree, .directory)
      .makeNode(Array("null".utf8), .characterDevice, mode: 0o666, major: 1, minor: 3)
    let error = #expect(throws: LayersError.self) { try place.pack(tree) }
    #expect(error?.message.contains("\"/null\"") == true)
  }

  @Test func `a name that would mean a removal is refused`() throws {
    let place = try Workplace()
    let tree = try place.directory("tree")
    try Files.write(tree + "/.wh.x", [])
    #expect(throws: LayersError.self) { try place.pack(tree) }
  }

  @Test func `attributes of a machine's policy stay behind`() throws {
    let place = try Workplace()
    let tree = try place.directory("tree")
    try Files.write(tree + "/f", [])
    let directory = try OwnedDescriptor.open(tree, .directory)
    let name = Array("f".utf8)
    try directory.setExtendedAttribute(of: name, Array("user.kept".utf8), value: [1])
    if isRoot {
      try directory.setExtendedAttribute(of: name, Array("trusted.secret".utf8), value: [1])
      try directory.setExtendedAttribute(of: name, Array("security.selinux".utf8), value: [1])
    }
    _ = try place.pack(tree)
    let table = try TableOfContents(decoding: try readFile(place.file("layer.toc")))
    #expect(
      table.items.first?.entry.attributes == [.init(name: Array("user.kept".utf8), value: [1])])
  }

  /// The marks as the kernel makes them; `userxattr` is what Hutch mounts with.
  @Test(arguments: [true, false])
  func `removals in a real overlay become whiteouts and opaque marks`(user: Bool) throws {
    // Marks in `trusted.` are for real root alone.
    if !user && !isRoot { return skip("marks in trusted.", missing: "the rights of root") }
    let place = try Workplace()
    let lower = try place.directory("lower")
    let upper = try place.directory("upper")
    for name in ["d", "e"] {
      _ = try place.directory("lower/\(name)")
      try Files.write("\(lower)/\(name)/old", [1])
    }
    try Files.write(lower + "/f", [1])
    _ = try (place.directory("work"), place.directory("merged"))
    let options = "lowerdir=\(lower),upperdir=\(upper),workdir=\(place.file("work"))"
    let merged = place.file("merged")
    let isolation = Isolation(
      namespaces: [.mount], identities: user ? try IdentityMap.current() : nil,
      actions: [
        .umask(0o022),
        .mount(
          source: "overlay", target: merged, type: "overlay",
          options: options + (user ? ",userxattr" : "")),
        .changeDirectory(merged),
      ])
    try Processes.runChecked(
      Command("/bin/sh", ["-ec", "rm f; rm -r d; mkdir d; : >d/new; rm e/old; mkdir n"]),
      isolation: isolation)
    let packed = try place.pack(upper)
    let table = try TableOfContents(decoding: try readFile(place.file("layer.toc")))
    let names = table.items.map { String(decoding: $0.entry.memberName, as: UTF8.self) }
    #expect(names == [".wh.f", "d/", "d/.wh..wh..opq", "d/new", "e/", "e/.wh.old", "n/"])
    // And back to what overlayfs reads.
    guard isRoot else { return skip("unpacking removals", missing: "the rights of root") }
    let tree = try place.directory("tree")
    let directory = try OwnedDescriptor.open(tree, .directory)
    try LayerUnpacker().unpack(place.file("layer"), layer: packed.layer, into: directory)
    #expect(try directory.status(of: Array("f".utf8)).kind == .characterDevice)
    #expect(try place.pack(tree, as: "again").layer == packed.layer)
  }
}
