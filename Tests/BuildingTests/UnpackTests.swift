import Building
import Host
import Layers
import TestSupport
import Testing
import Vocabulary

/// Archives that recipes fetch, the hostile ones included.
@Suite struct UnpackTests {
  private let place: Workplace

  init() throws { place = try Workplace() }

  private func unpack(
    _ tar: ForeignTar, to: String = "/opt/tool", strip: Int = 0, through filter: String = "cat"
  ) throws -> StepOutcome {
    let archive = "\(place.path)/archive"
    try tar.write(to: archive, through: filter)
    return try place.step(.unpack(archive: archive, to: try path(to), strip: strip))
  }

  @Test(arguments: ["cat", "gzip", "bzip2", "xz", "zstd"])
  func `of an archive names, contents, links and times count, and nothing of its maker`(
    filter: String
  ) throws {
    guard present("unpack", filter) else { return }
    let tar = ForeignTar()
      .adding("tool-1/", kind: "5", mode: 0o700, modified: 1_400_000_000)
      .adding("tool-1/bin/tool", text: "#!", mode: 0o4775)
      .adding("./tool-1/share/text", text: "data\n", mode: 0o600)
      .adding("tool-1/bin/other", kind: "2", link: "tool", mode: 0o777)
      .adding("tool-1/new", modified: 1_900_000_000)
    let outcome = try unpack(tar, strip: 1, through: filter)
    #expect(
      outcome.names == [
        "opt/", "opt/tool/", "opt/tool/bin/", "opt/tool/bin/other", "opt/tool/bin/tool",
        "opt/tool/new", "opt/tool/share/", "opt/tool/share/text",
      ])
    for item in outcome.table.items {
      #expect(item.entry.uid == 0 && item.entry.gid == 0)
      #expect(item.entry.modified <= Workplace.date.seconds)
    }
    #expect(outcome.entry("opt/tool/bin/tool")?.mode == 0o755)
    #expect(outcome.entry("opt/tool/bin/tool")?.modified == 1_500_000_000)
    #expect(outcome.entry("opt/tool/bin")?.mode == 0o755)
    #expect(outcome.entry("opt/tool/share/text")?.mode == 0o644)
    #expect(outcome.entry("opt/tool/bin/other")?.kind == .symlink(target: Array("tool".utf8)))
    #expect(outcome.entry("opt/tool/new")?.modified == Workplace.date.seconds)
    #expect(try outcome.text("opt/tool/share/text") == "data\n")
    #expect(try unpack(tar, strip: 1).packed.layer == outcome.packed.layer)
  }

  @Test func `hard links stay links, and with strip what has no more parts is left out`() throws {
    let outcome = try unpack(
      ForeignTar().adding("top").adding("a/b/one", text: "one").adding(
        "a/two", kind: "1", link: "a/b/one"), strip: 1)
    #expect(
      outcome.names == ["opt/", "opt/tool/", "opt/tool/b/", "opt/tool/b/one", "opt/tool/two"])
    #expect(outcome.entry("opt/tool/two")?.kind == .hardLink(to: try path("opt/tool/b/one")))
  }

  @Test func `what stands there is replaced, and directories are gone on with`() throws {
    let outcome = try unpack(
      ForeignTar().adding("kept", text: "new").adding("d/x").adding("d/x", text: "later"),
      to: "/etc")
    #expect(outcome.names == ["etc/", "etc/d/", "etc/d/x", "etc/kept"])
    #expect(try outcome.text("etc/d/x") == "later")
  }

  @Test(arguments: ["../out", "a/../../out", "/etc/passwd", "a/./b/../../../out"])
  func `should fail: a name that leads elsewhere`(name: String) throws {
    try refused(ForeignTar().adding("fine").adding(name), name, "its name leads elsewhere")
  }

  @Test(arguments: ["3", "4", "6"] as [Character])
  func `should fail: a device or a FIFO`(kind: Character) throws {
    try refused(
      ForeignTar().adding("node", kind: kind), "node",
      "it is neither a file nor a directory nor a link")
  }

  @Test(arguments: ["/etc", "../..", "real", "/"])
  func `should fail: a file below a link of the archive's own`(target: String) throws {
    let tar = ForeignTar().adding("real/", kind: "5").adding("link", kind: "2", link: target)
    try refused(
      tar.adding("link/file"), "link/file", "it lies below something that is no directory")
    try refused(
      tar.adding("link/", kind: "5").adding("link/file"), "link/",
      "it lies below something that is no directory")
    #expect(!Files.exists(place.base + "/etc/file"))
  }

  @Test(arguments: ["/etc/kept", "../../etc/kept", "later", "self"])
  func `should fail: a hard link to what is no file of the archive`(target: String) throws {
    try refused(
      ForeignTar().adding("self", kind: "1", link: target).adding("later"), "self",
      "it is a link to what is no file of the archive")
  }

  @Test func `should fail: a file where a directory is`() throws {
    try refused(
      ForeignTar().adding("d/x").adding("d"), "d", "a directory stands in its place")
  }

  @Test func `should fail: what is no archive`() throws {
    let archive = "\(place.path)/none"
    try Files.write(archive, Array(repeating: 7, count: 5000))
    let error = #expect(throws: BuildingError.self) {
      try place.step(.unpack(archive: archive, to: try path("/opt"), strip: 0))
    }
    #expect(error?.message.contains("can't be read") == true, "\(error?.message ?? "")")
    #expect(error?.kind == .badInput)
  }

  private func refused(
    _ tar: ForeignTar, _ entry: String, _ told: String,
    location: SourceLocation = #_sourceLocation
  ) throws {
    let error = #expect(throws: BuildingError.self, sourceLocation: location) { try unpack(tar) }
    #expect(
      error?.message == "\"\(entry)\" can't be unpacked: \(told)", sourceLocation: location)
    #expect(error?.kind == .badInput, sourceLocation: location)
  }
}
