import Host
import Pipeline
import Testing
import Vocabulary

@testable import Commands

@Suite struct ListingTests {
  private func sample() -> Listing {
    var listing = Listing(
      kind: "things",
      columns: [.init("name"), .init("size", alignsRight: true), .init("made")],
      nothing: "no things yet")
    listing.add(["base", "180 MiB", "3 min ago"], ["name": .string("base")])
    listing.add(["ein-längerer", "7 B", ""], ["name": .string("ein-längerer")])
    return listing
  }

  @Test func `columns are as wide as their widest cell, and no line ends in spaces`() {
    #expect(
      sample().table == """
        NAME             SIZE  MADE
        base          180 MiB  3 min ago
        ein-längerer      7 B

        """)
  }

  @Test func `an empty table is a sentence`() {
    let listing = Listing(kind: "things", columns: [.init("name")], nothing: "no things yet")
    #expect(listing.table == "no things yet\n")
    #expect(listing.json.description == #"{"hutch":1,"items":[],"kind":"things"}"#)
  }

  @Test func `the JSON root is an object whose own members can't be replaced`() {
    var listing = sample()
    listing.members = ["freed_bytes": .integer(7), "kind": .string("other")]
    #expect(
      listing.json.description
        == #"{"freed_bytes":7,"hutch":1,"items":[{"name":"base"},{"name":"ein-längerer"}],"#
        + #""kind":"things"}"#)
  }
}

@Suite struct AgeTests {
  @Test(
    arguments: [
      (0, "0 s ago"), (59, "59 s ago"), (60, "1 min ago"), (3599, "59 min ago"), (3600, "1 h ago"),
      (172_799, "47 h ago"), (172_800, "2 days ago"), (-5, "0 s ago"),
    ] as [(Int64, String)])
  func `ages are told in one unit`(_ age: Int64, _ text: String) {
    #expect(Age.text(of: 1_000_000 - age, now: 1_000_000) == text)
  }
}

@Suite struct ErrorReportTests {
  private struct Sample: Failure {
    var kind: FailureKind
    var message: String
    var hint: String?
    var path: String?
  }

  @Test func `a person reads one sentence and a hint`() {
    let failure = Sample(kind: .inUse, message: "the VM \"a\" is running", hint: "stop it first")
    #expect(
      ErrorReport.text(failure) == "hutch: the VM \"a\" is running\nhint: stop it first")
    #expect(ErrorReport.status(of: failure) == 4)
  }

  @Test func `a program reads a code, and null for what is not known`() {
    let failure = Sample(kind: .noSpace, message: "full", path: "/store")
    #expect(
      ErrorReport.json(failure).description
        == #"{"code":"no-space","hint":null,"hutch":1,"kind":"error","message":"full","#
        + #""path":"/store"}"#)
  }

  @Test func `an error of nobody's is status 1`() {
    struct Stray: Error {}
    #expect(ErrorReport.status(of: Stray()) == 1)
    #expect(ErrorReport.json(Stray())["code"] == .string("failed"))
    #expect(ErrorReport.text(Stray()).hasPrefix("hutch: "))
  }

  @Test func `the last words of a tool don't reach the terminal as control characters`() {
    let failure = Sample(
      kind: .failed, message: "\"x\u{1B}]0;title\u{7}\" failed\r\nline\u{9B}2J two", hint: "a\u{8}b"
    )
    #expect(
      ErrorReport.text(failure) == "hutch: \"x]0;title\" failed\nline2J two\nhint: ab")
  }

  @Test func `statuses are those that the help promises`() {
    let promised: [FailureKind: Int32] = [
      .failed: 1, .usage: 2, .notFound: 3, .inUse: 4, .badInput: 5, .verificationDiffers: 6,
      .fetchFailed: 7, .noSpace: 8, .missingHostTool: 9, .storeDamaged: 10, .interrupted: 130,
    ]
    for (kind, status) in promised { #expect(kind.rawValue == status) }
  }
}

@Suite struct ProgressTests {
  @Test(arguments: [
    ("plain", "plain"), ("a\u{1B}[2Jb", "a[2Jb"), ("a\tb", "a b"), ("a\rb", "ab"),
    ("\u{9B}31mred", "31mred"), ("bell\u{7}\u{7F}", "bell"), ("näh 猫", "näh 猫"),
    ("gpj\u{202E}exe", "gpjexe"), ("a\u{2066}b\u{2069}", "ab"), ("a\nb\r\nc", "abc"),
    ("\u{FEFF}x\u{0}", "\u{FEFF}x"),
  ])
  func `text of others can't move the cursor nor turn the writing around`(
    _ text: String, _ cleaned: String
  ) {
    #expect(ProgressDisplay.clean(text) == cleaned)
  }

  @Test func `line ends stay where lines are meant`() {
    #expect(ProgressDisplay.cleanLines("a\u{1B}c\r\nb\n\nc") == "ac\nb\n\nc")
    #expect(ProgressDisplay.cleanLines("") == "")
  }

  @Test func `every report that is shown as a line is cleaned`() {
    let hostile = "a\u{1B}[A"
    let reports: [Report] = [
      .began(hostile), .line(hostile), .finished(hostile, milliseconds: 1), .note(hostile),
      .bytes(done: .zero, total: nil),
    ]
    let lines = reports.compactMap(ProgressDisplay.plain)
    #expect(lines == ["a[A …", "  a[A", "a[A: 0.0 s", "a[A"])
  }

  @Test func `in JSON a report keeps every character, escaped`() {
    #expect(
      ProgressDisplay.json(.line("a\u{1B}\"")).description
        == #"{"event":"line","text":"a\u001b\""}"#)
    #expect(
      ProgressDisplay.json(.bytes(done: ByteCount(5 as Int64), total: nil)).description
        == #"{"done_bytes":5,"event":"bytes","total_bytes":null}"#)
    #expect(
      ProgressDisplay.json(.finished("x", milliseconds: 12)).description
        == #"{"event":"finished","milliseconds":12,"stage":"x"}"#)
  }

  @Test(arguments: [(0, "0.0 s"), (1999, "1.9 s"), (9999, "9.9 s"), (10_000, "10 s")])
  func `seconds have a fraction only while they are few`(_ milliseconds: Int, _ text: String) {
    #expect(ProgressDisplay.seconds(milliseconds) == text)
  }

  @Test func `a table of times ends in their sum`() {
    var timings = Timings()
    timings.add("boot", 2345)
    timings.add("command", 7)
    #expect(
      TimingTable.text(timings) == """
          boot        2345 ms
          command        7 ms
          total       2352 ms
        """)
    #expect(TimingTable.text(Timings()) == "  total        0 ms")
  }

  @Test func `many things of a kind are counted, one is named by twelve digits`() {
    let digest = { (digit: String) in "sha256:" + String(repeating: digit, count: 64) }
    var tally = Tally()
    tally.add("image \(digest("a"))", why: "tag base", ByteCount(1))
    tally.add("disk \(digest("b"))/mke2fs", why: "wanted by image \(digest("a"))", ByteCount(2))
    for digit in ["1", "2", "3"] {
      tally.add(
        "input \(digest(digit))", why: "wanted by image \(digest("a"))", ByteCount(1024))
    }
    tally.add("input \(digest("4"))", why: "unreferenced", ByteCount(4))
    for name in ["trees/x", "trees/y"] { tally.add(name, why: "unknown-file", ByteCount(5)) }
    #expect(
      tally.lines.map { "\($0.what), \($0.why): \($0.bytes)" } == [
        "image aaaaaaaaaaaa, tag base: 1 B",
        "disk bbbbbbbbbbbb/mke2fs, wanted by image aaaaaaaaaaaa: 2 B",
        "3 inputs, wanted by image aaaaaaaaaaaa: 3.00 KiB",
        "input 444444444444, unreferenced: 4 B",
        "trees/x, unknown-file: 5 B", "trees/y, unknown-file: 5 B",
      ])
  }
}
