import Glibc
import Host
import Layers
import TestSupport
import Testing
import Vocabulary

/// Archives that somebody made to do harm: each is refused by name, and nothing is written beside
/// the tree.
@Suite struct HostileTarTests {
  struct Fixture: Sendable {
    var name: String
    /// What the error says.
    var says: String
    var tar: [UInt8]
  }

  /// A header as somebody else might write it, its sum right.
  private static func header(
    _ name: String, type: Character = "0", size: Int = 0, link: String = "",
    mode: String = "0000644",
    device: (String, String) = ("0000000", "0000000"), modified: String = "00000000000"
  ) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, _ offset: Int) {
      block.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
    }
    put(name, 0)
    put(mode, 100)
    put("0000000", 108)
    put("0000000", 116)
    let octal = String(size, radix: 8)
    put(String(repeating: "0", count: 11 - octal.count) + octal, 124)
    put(modified, 136)
    put("        ", 148)
    put(String(type), 156)
    put(link, 157)
    put("ustar\u{0}00", 257)
    put(device.0, 329)
    put(device.1, 337)
    return sealed(block)
  }

  private static func sealed(_ block: [UInt8]) -> [UInt8] {
    var block = block
    block.replaceSubrange(148..<156, with: [UInt8](repeating: 0x20, count: 8))
    let sum = String(block.reduce(0) { $0 + Int($1) }, radix: 8)
    let text = String(repeating: "0", count: 6 - sum.count) + sum + "\u{0} "
    block.replaceSubrange(148..<156, with: text.utf8)
    return block
  }

  private static func extended(_ body: String) -> [UInt8] {
    let bytes = Array(body.utf8)
    return header("pax", type: "x", size: bytes.count) + bytes
      + [UInt8](repeating: 0, count: CanonicalTar.padding(after: Int64(bytes.count)))
  }

  private static func record(_ key: String, _ value: String) -> String {
    let rest = key.utf8.count + value.utf8.count + 3
    let length = rest + String(rest + String(rest).count).count
    return "\(length) \(key)=\(value)\n"
  }

  private static let end = CanonicalTar.end
  private static let file = header("a") + end

  private static let fixtures: [Fixture] = [
    .init(name: "parent-directory", says: "leads out", tar: header("../escape") + end),
    .init(name: "parent-in-the-middle", says: "leads out", tar: header("a/../../escape") + end),
    .init(name: "absolute", says: "leads out", tar: header("/escape") + end),
    .init(
      name: "absolute-in-a-record", says: "leads out",
      tar: extended(record("path", "/" + String(repeating: "e", count: 120))) + header("e") + end),
    .init(name: "root-as-a-directory", says: "leads out", tar: header("./", type: "5") + end),
    .init(name: "dot-slash", says: "not canonical", tar: header("./a") + end),
    .init(name: "double-slash", says: "leads out", tar: header("a//b") + end),
    .init(name: "empty-name", says: "", tar: header("") + end),
    .init(
      name: "through-a-symlink", says: "no directory",
      tar: header("a", type: "2", link: "..", mode: "0000777") + header("a/escape") + end),
    .init(
      name: "through-an-absolute-symlink", says: "no directory",
      tar: header("a", type: "2", link: "/tmp", mode: "0000777") + header("a/escape") + end),
    .init(name: "below-a-file", says: "no directory", tar: header("a") + header("a/b") + end),
    .init(name: "no-directory", says: "makes its directory", tar: header("a/b") + end),
    .init(
      name: "hard-link-out", says: "outside",
      tar: header("a", type: "1", link: "../../etc/passwd") + end),
    .init(
      name: "hard-link-absolute", says: "outside",
      tar: header("a", type: "1", link: "/etc/passwd") + end),
    .init(
      name: "hard-link-through-a-symlink", says: "no file of this layer",
      tar: header("a", type: "2", link: "/etc", mode: "0000777")
        + header("b", type: "1", link: "a/passwd") + end),
    .init(
      name: "hard-link-to-a-symlink", says: "no file of this layer",
      tar: header("a", type: "2", link: "/etc/passwd", mode: "0000777")
        + header("b", type: "1", link: "a") + end),
    .init(
      name: "hard-link-to-a-pipe", says: "no file of this layer",
      tar: header("a", type: "6") + header("b", type: "1", link: "a") + end),
    .init(
      name: "hard-link-to-nothing", says: "no file of this layer",
      tar: header("a", type: "1", link: "b") + end),
    .init(
      name: "hard-link-to-itself", says: "no file of this layer",
      tar: header("a", type: "1", link: "a") + end),
    .init(
      name: "whiteout-as-a-device", says: "mark of a removal",
      tar: header("a", type: "3") + end),
    .init(
      name: "device-with-large-numbers", says: "",
      tar: header("a", type: "4", device: ("77777777", "77777777")) + end),
    .init(name: "twice", says: "stands twice", tar: header("a") + header("a") + end),
    .init(
      name: "twice-as-another-kind", says: "stands twice",
      tar: header("a") + header("a/", type: "5") + end),
    .init(
      name: "removed-and-there", says: "stands in its place",
      tar: header(".wh.a", mode: "0000000") + header("a") + end),
    .init(name: "unsorted", says: "out of order", tar: header("b") + header("a") + end),
    .init(
      name: "opaque-mark-late", says: "out of order",
      tar: header("d/", type: "5") + header("d/a") + header("d/.wh..wh..opq", mode: "0000000")
        + end),
    .init(name: "whiteout-of-nothing", says: "removes nothing", tar: header(".wh.") + end),
    .init(name: "whiteout-of-the-parent", says: "removes nothing", tar: header(".wh...") + end),
    .init(
      name: "whiteout-of-a-whiteout", says: "mark of a removal",
      tar: header(".wh..wh.a", mode: "0000000") + end),
    .init(name: "whiteout-with-a-mode", says: "properties", tar: header(".wh.a") + end),
    .init(
      name: "whiteout-with-data", says: "not canonical",
      tar: header(".wh.a", size: 1, mode: "0000000") + [UInt8](repeating: 1, count: 512) + end),
    .init(name: "mode-beyond-bits", says: "mode", tar: header("a", mode: "0100644") + end),
    .init(
      name: "size-beyond-the-archive", says: "ends early",
      tar: header("a", size: 1 << 30) + [UInt8](repeating: 1, count: 512)),
    .init(
      name: "size-of-exabytes", says: "ends early",
      tar: extended(record("size", "\(Int64.max)")) + header("a") + end),
    .init(
      name: "negative-size", says: "", tar: extended(record("size", "-1")) + header("a") + end),
    .init(
      name: "size-twice", says: "not canonical",
      tar: extended(record("size", "1")) + header("a", size: 2) + [UInt8](repeating: 0, count: 512)
        + end),
    .init(
      name: "data-in-the-padding", says: "padding",
      tar: header("a", size: 1) + [UInt8](repeating: 1, count: 512) + end),
    .init(name: "truncated-header", says: "ends early", tar: Array(file[..<300])),
    .init(name: "no-end", says: "ends early", tar: header("a")),
    .init(name: "half-an-end", says: "ends early", tar: header("a") + end[..<512]),
    .init(name: "more-after-the-end", says: "after its end", tar: file + file),
    .init(name: "nothing-at-all", says: "ends early", tar: []),
    .init(
      name: "wrong-sum", says: "not canonical",
      tar: Array(header("a")[..<148] + Array("0000000 ".utf8))
        + header("a")[156...] + end),
    .init(
      name: "number-not-octal", says: "octal", tar: header("a", modified: "0000000009 ") + end),
    .init(
      name: "number-in-base-256", says: "octal", tar: header("a", modified: "ÿ000000000") + end),
    .init(name: "global-header", says: "unknown type", tar: header("a", type: "g") + end),
    .init(name: "gnu-long-name", says: "unknown type", tar: header("a", type: "L") + end),
    .init(
      name: "two-extended-headers", says: "unknown type",
      tar: extended(record("mtime", "-1")) + extended(record("mtime", "-2")) + header("a") + end),
    .init(
      name: "needless-record", says: "not canonical",
      tar: extended(record("path", "a")) + header("a") + end),
    .init(
      name: "unknown-record", says: "not canonical",
      tar: extended(record("comment", "x")) + header("a") + end),
    .init(
      name: "record-longer-than-its-header", says: "odd",
      tar: extended("999 mtime=-1\n") + header("a") + end),
    .init(
      name: "record-without-a-key", says: "odd", tar: extended("10 mtime1\n") + header("a") + end),
    .init(
      name: "extended-header-of-gigabytes", says: "too large",
      tar: header("pax", type: "x", size: 1 << 30) + end),
    .init(
      name: "overlay-attribute", says: "user.overlay.redirect",
      tar: extended(record("SCHILY.xattr.user.overlay.redirect", "/")) + header("a") + end),
    .init(
      name: "trusted-attribute", says: "trusted.overlay.opaque",
      tar: extended(record("SCHILY.xattr.trusted.overlay.opaque", "y")) + header("a") + end),
    .init(
      name: "attributes-unsorted", says: "out of order",
      tar: extended(record("SCHILY.xattr.user.b", "") + record("SCHILY.xattr.user.a", ""))
        + header("a") + end),
    .init(
      name: "attribute-in-another-spelling", says: "not canonical",
      tar: extended(record("SCHILY.xattr.user.%3d%", "")) + header("a") + end),
  ]

  @Test(arguments: fixtures.map(\.name)) func `should fail:`(name: String) throws {
    let fixture = try #require(Self.fixtures.first { $0.name == name })
    let place = try Workplace()
    let tree = try place.directory("walls/tree")
    _ = try place.blob(fixture.tar)
    let error = #expect(throws: LayersError.self) {
      try LayerUnpacker().unpack(
        place.file("layer"), layer: DiffID(Digest.of(fixture.tar)),
        into: try OwnedDescriptor.open(tree, .directory))
    }
    let message = error?.message ?? ""
    // Hutch unpacks as root, if only of a namespace; whoever is not fails at some owners before.
    #expect(message.contains(fixture.says) || !isRoot, "\(message)")
    #expect(try Files.list(place.file("walls")) == ["tree"])
    #expect(try Files.list(place.path) == ["layer", "walls"])
    #expect(!Files.exists("/tmp/escape"))
  }

  @Test func `every fixture has a name of its own`() {
    #expect(Set(Self.fixtures.map(\.name)).count == Self.fixtures.count)
  }

  @Test func `should fail: a layer with another digest than was asked for`() throws {
    let place = try Workplace()
    let tree = try place.directory("tree")
    _ = try place.blob(CanonicalTar.end)
    #expect(throws: LayersError.self) {
      try LayerUnpacker().unpack(
        place.file("layer"), layer: DiffID(Digest.of("another")),
        into: try OwnedDescriptor.open(tree, .directory))
    }
  }
}
