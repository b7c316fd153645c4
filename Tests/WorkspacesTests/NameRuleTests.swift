import GuestProtocol
import Host
import Testing

@testable import Workspaces

/// Names that would reach out of the workspace, or that mean something else than they say.
struct NameRuleTests {
  private static let climbing = ["..", "../x", "a/../../x", "a/..", "a/../x", "./../x", "a/.."]
  private static let absolute = ["/", "/etc/passwd", "//etc/passwd", "/./x", "a//b"]
  private static let dots = ["a/./b", "a/.", "", "./"]

  @Test(arguments: climbing + absolute + dots)
  func `a name with dots or a leading slash is refused`(_ name: String) throws {
    try expectMalformed(archive { $0.raw(name, content: []) })
    try expectMalformed(
      archive {
        $0.extended([("path", bytes(name))])
        $0.raw("harmless")
      })
  }

  @Test(arguments: climbing + absolute)
  func `a directory with dots or a leading slash is refused`(_ name: String) throws {
    try expectMalformed(archive { $0.raw(name + "/", flag: "5") })
  }

  @Test func `a prefix field that climbs is refused`() throws {
    try expectMalformed(archive { $0.raw("x", prefix: "..") })
    try expectMalformed(archive { $0.raw("x", prefix: "/etc") })
  }

  @Test func `names with NULs, too long names and too long paths are refused`() throws {
    let paths = [
      [0x61, 0, 0x62], [UInt8](repeating: 0x61, count: 256),
      [UInt8]([[UInt8]](repeating: [0x61], count: 2100).joined(separator: [0x2F])),
    ]
    for path in paths {
      try expectMalformed(
        archive {
          $0.extended([("path", path)])
          $0.raw("harmless")
        })
    }
  }

  @Test(arguments: [
    ".wh.", ".wh..", ".wh...", ".wh..wh..opq", ".wh..wh.x", "a/.wh.", "a/.wh..", "a/.wh...",
    "a/.wh..wh..opq", ".wh.a/b", "a/.wh.b/c",
  ])
  func `a deletion of the top, of a parent or of a deletion is refused`(_ name: String) throws {
    let place = try Workplace()
    try place.folder("a")
    try place.file("a/b")
    try expectRefused(name, .whiteoutName, on: place) { $0.raw(name) }
  }

  @Test func `a deletion with content, and one that is no file, are refused`() throws {
    let place = try Workplace()
    try place.file("a")
    try expectRefused(".wh.a", .whiteoutContent, on: place) { try $0.file(".wh.a", "x") }
    try expectRefused(".wh.a", .whiteoutContent, on: place) { try $0.folder(".wh.a") }
    try expectRefused(".wh.a", .whiteoutContent, on: place) { try $0.link(".wh.a", "a") }
    try expectRefused(".wh.a", .whiteoutContent, on: place) { try $0.hardLink(".wh.a", "a") }
  }

  @Test func `an entry that comes twice is refused`() throws {
    let place = try Workplace()
    try place.file("a")
    try expectRefused("a", .duplicate, on: place) {
      try $0.file("a", "1")
      try $0.file("b", "2")
      try $0.file("a", "3")
    }
    try expectRefused("a", .duplicate, on: place) {
      try $0.file("a", "1")
      try $0.gone("a")
    }
    try expectRefused("d", .duplicate, on: place) {
      try $0.folder("d")
      try $0.folder("d")
    }
    try expectRefused("a", .duplicate, on: place) {
      try $0.link("a", "x")
      $0.raw("./a")
    }
  }

  @Test func `an entry below a link of the same set is refused, whichever comes first`() throws {
    let place = try Workplace()
    try expectRefused("d/f", .belowNonDirectory, on: place) {
      try $0.link("d", "e")
      try $0.file("d/f", "x")
    }
    try expectRefused("d/e/f", .belowNonDirectory, on: place) {
      try $0.file("d/e/f", "x")
      try $0.link("d", "e")
    }
    try expectRefused("d/f", .belowNonDirectory, on: place) {
      try $0.file("d", "x")
      try $0.gone("d/f")
    }
    try expectRefused("d/f", .belowNonDirectory, on: place) {
      try $0.gone("d")
      try $0.file("d/f", "x")
    }
  }

  @Test func `an entry below a link or a file of the host is refused`() throws {
    let place = try Workplace()
    try Files.makeDirectories(place("outside"))
    try place.link("d", place("outside"))
    try place.file("plain")
    try expectRefused("d/f", .belowNonDirectory, on: place) { try $0.file("d/f", "x") }
    try expectRefused("d/e/f", .belowNonDirectory, on: place) { try $0.folder("d/e/f") }
    try expectRefused("plain/f", .belowNonDirectory, on: place) { try $0.file("plain/f", "x") }
    #expect(try Files.list(place("outside")) == [])
  }

  @Test func `a directory that became a link on the host is not followed`() throws {
    let place = try Workplace()
    try Files.makeDirectories(place("outside"))
    try place.folder("d")
    let changes = try place.changes { try $0.file("d/f", "x") }
    try Files.removeTree(place.tree + "/d")
    try place.link("d", place("outside"))
    let error = try failure { try changes.apply(to: place.tree, durable: false) }
    guard case .conflict(let conflicts) = error else { throw error }
    #expect(conflicts.lines == ["d other-kind"])
    #expect(try Files.list(place("outside")) == [])
  }

  @Test func `the name that applying needs does not come back`() throws {
    let place = try Workplace()
    let changes = try place.changes {
      try $0.folder(".hutch-apply")
      try $0.file(".hutch-apply/0", "x")
      try $0.folder("a")
      try $0.file("a/.hutch-apply", "x")
    }
    #expect(changes.leftOutLines == [".hutch-apply staging 2"])
    #expect(changes.lines == ["added directory a 755", "added file a/.hutch-apply 644 size 1"])
  }

  private func archive(_ make: (inout TarMaker) throws -> Void) rethrows -> [UInt8] {
    var maker = TarMaker()
    try make(&maker)
    return maker.whole
  }
}
