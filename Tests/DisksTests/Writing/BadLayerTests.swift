import Disks
import Host
import Layers
import TestSupport
import Testing
import Vocabulary

/// Layers that no disk can be made of: an error that says why, and nothing is left.
struct BadLayerTests {
  private func message(_ samples: [Sample]) throws -> String {
    var table = TableOfContents()
    for sample in samples { table.add(sample.entry, start: 512, digest: nil) }
    do {
      var layout = DiskLayout(seed: Digest.of("seed"))
      try layout.add(table)
      return "no error"
    } catch {
      return error.message
    }
  }

  @Test func `entries without a directory, below a file, or linked to nothing are refused`() throws
  {
    #expect(try message([.file("a/b", [])]).contains("no entry makes its directory"))
    #expect(
      try message([.file("a", []), .file("a/b", [])]).contains("it lies below something that is no")
    )
    #expect(try message([.link("a", to: "b")]).contains("which is no file"))
    #expect(try message([.directory("b"), .link("a", to: "b")]).contains("which is no file"))
    #expect(try message([Sample("", .file(size: 0))]).contains("the root is a directory"))
  }

  @Test func `what ext4 can't keep is refused`() throws {
    #expect(
      try message([.symlink("a", String(repeating: "x", count: 4096))]).contains("4096 bytes"))
    #expect(
      try message([.file("a", [], attributes: [("user.a", [UInt8](repeating: 1, count: 5000))])])
        .contains("extended attributes"))
    #expect(try message([.file("a", [], attributes: [("odd.a", [1])])]).contains("unknownName"))
    #expect(
      try message([.file("a", [], attributes: [("system.posix_acl_access", [1, 2])])])
        .contains("badAccessList"))
  }

  @Test func `more data than the disk has room for is refused before anything is written`() throws {
    let large = Sample("large", .file(size: 64 << 30))
    #expect(try message([large]).contains("the layers hold more than a disk's 64.0 GiB"))
    #expect(try message([Sample("a", .file(size: .max))]).contains("more than a disk's"))
    let half = (0..<3).map { Sample("half-\($0)", .file(size: 30 << 30)) }
    #expect(try message(half).contains("more than a disk's"))
  }

  @Test
  func `a layer with a broken frame, or with other bytes than its digest says, leaves nothing`()
    throws
  {
    let place = try Workplace()
    var noise = SplitMix(state: 3)
    let chain = try LayerChain(place).add([
      .file("a", noise.bytes(5 << 20)), .file("b", noise.bytes(6 << 20)),
    ])
    let path = chain.blobs[0].path
    var bytes = try Files.read(path, limit: 64 << 20)
    bytes[bytes.count / 2] ^= 1
    try Files.write(path, bytes, durable: false)
    let error = #expect(throws: DisksError.self) { try chain.writeWhole(to: "disk") }
    #expect(error?.kind == .storeDamaged)
    #expect(!Files.exists(place("disk")))
    let other = try LayerChain(place, name: "other").add([.file("a", [1])])
    #expect(throws: DisksError.self) {
      try DiskWriter().write(
        other.layouts[0], as: .whole,
        blobs: [LayerBlob(path: other.blobs[0].path, digest: Digest.of("another"))],
        to: place("disk"))
    }
    #expect(!Files.exists(place("disk")))
  }

  @Test func `a file that is there is not written over`() throws {
    let place = try Workplace()
    let chain = try LayerChain(place).add([.file("a", [1])])
    try Files.write(place("disk"), [1, 2, 3], durable: false)
    #expect(throws: DisksError.self) { try chain.writeWhole(to: "disk") }
    #expect(try Files.read(place("disk"), limit: 10) == [1, 2, 3])
  }

  @Test func `a full host disk leaves nothing`() throws {
    guard HostEnvironment.current.isRoot, present("full host disk", "mount") else { return }
    let place = try Workplace()
    try Files.makeDirectories(place("small"))
    try place.run("mount", ["-t", "tmpfs", "-o", "size=3m", "none", "small"])
    defer { _ = try? place.run("umount", ["small"]) }
    var noise = SplitMix(state: 3)
    let chain = try LayerChain(place).add([.file("a", noise.bytes(8 << 20))])
    let error = #expect(throws: DisksError.self) {
      try DiskWriter().write(
        chain.layouts[0], as: .whole, blobs: chain.blobs, to: place("small/disk"))
    }
    #expect(error?.message.contains("No space left") == true)
    #expect(try Files.list(place("small")).isEmpty)
  }
}
