import Building
import Host
import Layers
import Testing
import Vocabulary

@Suite struct CopyTests {
  private func file(
    _ place: Workplace, _ to: String, _ text: String, mode: UInt32 = 0o644
  ) throws -> FileToCopy {
    let source = "\(place.path)/source-\(Hex.encode(Randomness.bytes(4)))"
    try Files.write(source, Array(text.utf8), mode: 0o600)
    return FileToCopy(
      to: try path(to), mode: mode, contents: .file(path: source, digest: Digest.of(text)))
  }

  private func directory(_ to: String) throws -> FileToCopy {
    FileToCopy(to: try path(to), mode: 0o755, contents: .directory)
  }

  @Test func `files, links and directories are as they were asked for, and root's`() throws {
    let place = try Workplace()
    let outcome = try place.step(
      .copy([
        try file(place, "/etc/new", "new\n"),
        try file(place, "/usr/bin/tool", "#!/bin/sh\n", mode: 0o755),
        try file(place, "/etc/kept", "another\n", mode: 0o600),
        try directory("/opt/dir"),
        FileToCopy(to: try path("/opt/dir/link"), mode: 0o777, contents: .link(target: "../d")),
        try directory("/opt/d"),
      ]))
    #expect(
      outcome.table.items.map { String(decoding: $0.entry.memberName, as: UTF8.self) } == [
        "etc/", "etc/kept", "etc/new", "opt/", "opt/dir/", "opt/dir/link", "usr/", "usr/bin/",
        "usr/bin/tool",
      ])
    #expect(try outcome.text("etc/kept") == "another\n")
    #expect(outcome.entry("etc/kept")?.mode == 0o600)
    #expect(outcome.entry("usr/bin/tool")?.mode == 0o755)
    #expect(outcome.entry("opt/dir/link")?.kind == .symlink(target: Array("../d".utf8)))
    for item in outcome.table.items {
      #expect(item.entry.uid == 0 && item.entry.gid == 0)
      #expect(item.entry.modified <= Workplace.date.seconds)
    }
    #expect(outcome.entry("etc/new")?.modified == Workplace.date.seconds)
  }

  @Test func `missing directories are made, and links on the way are the image's`() throws {
    let place = try Workplace()
    try OwnedDescriptor.open(place.base, .directory)
      .makeLink(target: Array("/opt/d".utf8), at: Array("absolute".utf8))
    let outcome = try place.step(
      .copy([
        try file(place, "/bin/tool", "x", mode: 0o755), try file(place, "/absolute/in/file", "x"),
        try directory("/bin"),
      ]))
    #expect(outcome.entry("usr/bin/tool")?.kind == .file(size: 1))
    #expect(outcome.entry("bin") == nil)
    #expect(outcome.entry("opt/d/in/file")?.kind == .file(size: 1))
    #expect(outcome.entry("opt/d/in")?.mode == 0o755)
    #expect(!Files.exists("/opt/d/in"))
  }

  @Test func `a file takes the place of a link or a directory`() throws {
    let place = try Workplace()
    let outcome = try place.step(
      .copy([try file(place, "/bin", "x"), try file(place, "/opt/d", "x")]))
    #expect(outcome.names == ["bin", "opt/", "opt/d"])
    #expect(outcome.entry("opt/d")?.kind == .file(size: 1))
  }

  @Test(arguments: ["/etc/kept/below", "/etc/kept/far/below"])
  func `should fail: a place below a file`(to: String) throws {
    let place = try Workplace()
    let error = #expect(throws: BuildingError.self) {
      try place.step(.copy([try file(place, to, "x")]))
    }
    #expect(error?.message.contains("\"/etc/kept") == true, "\(error?.message ?? "")")
    #expect(error?.message.contains("not a directory") == true, "\(error?.message ?? "")")
  }

  @Test func `should fail: a directory where a file is`() throws {
    let place = try Workplace()
    let error = #expect(throws: BuildingError.self) {
      try place.step(.copy([try directory("/etc/kept")]))
    }
    #expect(error?.message.contains("not a directory") == true, "\(error?.message ?? "")")
  }

  @Test func `should fail: a file that changed after it was read for the key`() throws {
    let place = try Workplace()
    var changed = try file(place, "/etc/new", "as planned")
    guard case .file(let source, _) = changed.contents else { return }
    changed.contents = .file(path: source, digest: Digest.of("as it was"))
    let error = #expect(throws: BuildingError.self) { try place.step(.copy([changed])) }
    #expect(error?.message.contains("changed while it was being copied") == true)
  }
}
