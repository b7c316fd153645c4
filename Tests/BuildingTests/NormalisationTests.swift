import Building
import Glibc
import Host
import Testing
import Vocabulary

@Suite struct NormalisationTests {
  /// What becomes of a file with the text `x` at the path, or of a directory that holds one.
  enum Outcome: Sendable, Equatable {
    case gone
    /// The directory stays, with nothing in it.
    case cleared
    case text(String)
  }

  struct Row: Sendable, CustomTestStringConvertible {
    var path: String
    var outcome: Outcome
    var testDescription: String { path }

    init(_ path: String, _ outcome: Outcome) {
      self.path = path
      self.outcome = outcome
    }
  }

  private static let hosts = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"

  /// In the order of the table.
  private static let rows: [Row] = [
    .init("dev", .cleared), .init("proc", .cleared), .init("sys", .cleared),
    .init("run", .cleared), .init("tmp", .cleared), .init("var/tmp", .cleared),
    .init("var/log/dpkg.log", .gone), .init("var/log/alternatives.log", .gone),
    .init("var/log/bootstrap.log", .gone), .init("var/log/fontconfig.log", .gone),
    .init("var/log/apt", .cleared), .init("var/log/journal", .cleared),
    .init("var/log/btmp", .text("")), .init("var/log/wtmp", .text("")),
    .init("var/log/lastlog", .text("")), .init("var/log/faillog", .text("")),
    .init("var/cache/ldconfig", .cleared), .init("var/cache/apt", .cleared),
    .init("var/lib/apt/lists", .cleared), .init("var/cache/debconf/config.dat-old", .gone),
    .init("var/cache/man", .cleared), .init("var/cache/fontconfig", .cleared),
    .init("var/lib/dpkg/status-old", .gone), .init("etc/passwd-", .gone),
    .init("etc/group-", .gone), .init("etc/shadow-", .gone), .init("etc/gshadow-", .gone),
    .init("etc/subuid-", .gone), .init("etc/subgid-", .gone), .init("etc/.pwd.lock", .gone),
    .init("usr/sbin/policy-rc.d", .gone), .init("etc/apt/apt.conf.d/99mmdebstrap", .gone),
    .init("etc/machine-id", .text("")), .init("var/lib/dbus/machine-id", .gone),
    .init("etc/ssh/ssh_host_ed25519_key.pub", .gone),
    .init("etc/ssl/private/ssl-cert-snakeoil.key", .gone),
    .init("etc/ssl/certs/ssl-cert-snakeoil.pem", .gone),
    .init("var/lib/systemd/random-seed", .gone), .init("var/lib/systemd/credential.secret", .gone),
    .init("var/lib/NetworkManager/secret_key", .gone), .init("var/lib/dhcp/eth0.leases", .gone),
    .init("var/lib/cloud/instance", .gone), .init("etc/hostname", .text("localhost\n")),
    .init("etc/hosts", .text(hosts)), .init("etc/resolv.conf", .text("")),
    .init("etc/apt/sources.list", .text("")), .init("etc/apt/sources.list.d", .cleared),
    .init("etc/shadow", .text("x")), .init("etc/ssl/certs/java/cacerts", .text("x")),
    .init("root/.cache", .gone),
    .init("root/.bash_history", .gone), .init("root/.wget-hsts", .gone),
    .init("root/.npm/_logs", .gone), .init("home/agent/.cache", .gone),
  ]

  /// A later step that writes these meant to.
  private static let onlyInBase = [
    "etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/apt/sources.list",
    "etc/apt/sources.list.d",
  ]

  @Test func `every row of the table is tested, and its path is no other row's`() throws {
    #expect(Self.rows.count == Normalisation.rules.count)
    for (row, rule) in zip(Self.rows, Normalisation.rules) {
      let place = try path(row.path)
      #expect(
        Normalisation.rules.filter { PathPattern.matches($0.pattern, place) }.map(\.pattern)
          == [rule.pattern])
      #expect(!rule.reason.isEmpty)
    }
  }

  @Test(arguments: rows, [true, false])
  func `a row does what it says`(row: Row, inBase: Bool) throws {
    let place = try Tree()
    let file = row.outcome == .cleared ? row.path + "/below/file" : row.path
    try place.write(file, "x")
    try place.write("etc/neighbour", "x")
    try place.normalise(inBase: inBase)
    #expect(try place.read("etc/neighbour") == "x")
    if !inBase && Self.onlyInBase.contains(row.path) {
      #expect(try place.read(file) == "x")
      return
    }
    switch row.outcome {
    case .gone: #expect(!Files.exists(place.file(row.path)))
    case .cleared: #expect(try Files.list(place.file(row.path)).isEmpty)
    case .text(let text): #expect(try place.read(row.path) == text)
    }
    if let status = Files.status(place.file(row.path)) {
      #expect(status.modified <= Workplace.date.seconds && status.modifiedNanoseconds == 0)
    }
  }

  @Test func `a rewritten file that was a link is a file, and what it led to is untouched`() throws
  {
    let place = try Tree()
    try place.write("target", "theirs")
    try Files.makeDirectories(place.file("etc"))
    try OwnedDescriptor.open(place.file("etc"), .directory)
      .makeLink(target: Array("../target".utf8), at: Array("resolv.conf".utf8))
    try place.normalise(inBase: true)
    #expect(Files.status(place.file("etc/resolv.conf"))?.kind == .regular)
    #expect(try place.read("etc/resolv.conf").isEmpty)
    #expect(try place.read("target") == "theirs")
  }

  @Test func `a star is any run of bytes within one part`() throws {
    let cases = [
      ("var/lib/dpkg/*-old", "var/lib/dpkg/-old", true),
      ("var/lib/dpkg/*-old", "var/lib/dpkg/a-old-old", true),
      ("var/lib/dpkg/*-old", "var/lib/dpkg/info/a-old", false),
      ("home/*/.cache", "home/a/.cache", true), ("home/*/.cache", "home/a/b/.cache", false),
      ("etc/ssh/ssh_host_*", "etc/ssh/ssh_config", false), ("dev", "dev/null", false),
    ]
    for (pattern, name, expected) in cases {
      #expect(PathPattern.matches(pattern, try path(name)) == expected, "\(pattern) \(name)")
    }
  }

  @Test func `dates of passwords become the day of the step`() {
    let text = "root:*:20001:0:99999:7:::\nnew:!:::::::\nshort:x\n\n"
    let fixed = Normalisation.fixPasswordDates(Array(text.utf8), date: Workplace.date)
    #expect(
      String(decoding: fixed, as: UTF8.self)
        == "root:*:19675:0:99999:7:::\nnew:!:::::::\nshort:x\n\n")
  }

  /// PEP 552: flags, then the source's time and size, or its hash.
  private static func bytecode(flags: UInt8, time: UInt32) -> [UInt8] {
    [0xF3, 0x0D, 0x0D, 0x0A, flags, 0, 0, 0] + (0..<4).map { UInt8(time >> ($0 * 8) & 255) }
      + [9, 0, 0, 0]
  }

  @Test(
    arguments: [
      (3, 0, true), (0, 1_600_000_000, true), (0, 1_600_000_001, false),
    ] as [(UInt8, UInt32, Bool)])
  func `compiled Python is kept where it says nothing of the builder`(
    flags: UInt8, time: UInt32, stays: Bool
  ) throws {
    let place = try Tree()
    try place.write("usr/lib/module.py", Array("pass".utf8), modified: 1_600_000_000)
    let compiled = "usr/lib/__pycache__/module.cpython-313.pyc"
    try place.write(compiled, Self.bytecode(flags: flags, time: time))
    let orphan = "usr/lib/__pycache__/orphan.cpython-313.pyc"
    try place.write(orphan, Self.bytecode(flags: 0, time: 1))
    try place.normalise(inBase: true)
    #expect(Files.exists(place.file(compiled)) == stays)
    #expect(!Files.exists(place.file(orphan)))
  }

  @Test(arguments: [(1_600_000_000, true), (1_600_000_001, false)] as [(UInt32, Bool)])
  func `compiled Python is compared with a source that only the parents have`(
    time: UInt32, stays: Bool
  ) throws {
    let place = try Tree()
    try place.write("usr/lib/module.py", Array("pass".utf8), modified: 1_600_000_000, in: "lower")
    let compiled = "usr/lib/__pycache__/module.cpython-313.pyc"
    try place.write(compiled, Self.bytecode(flags: 0, time: time))
    try place.normalise(inBase: false)
    #expect(Files.exists(place.file(compiled)) == stays)
  }

  @Test func `what was copied up and not changed goes, in old directories and in new ones`() throws
  {
    let place = try Tree()
    for part in ["lower", "upper"] {
      try place.write("old/same", Array("text".utf8), modified: 1_600_000_000, in: part)
      try place.write("old/touched", Array(part.utf8), modified: 1_600_000_000, in: part)
    }
    try place.write("new/deep/file", Array("text".utf8), modified: 1_600_000_000)
    try place.normalise(inBase: false)
    #expect(!Files.exists(place.file("old/same")))
    #expect(Files.exists(place.file("old/touched")))
    #expect(Files.exists(place.file("new/deep/file")))
  }

  @Test func `an unchanged file stays for a new link to it, and goes with all names it had`() throws
  {
    let place = try Tree()
    for part in ["lower", "upper"] {
      for (name, second) in [("a/with", "a/new"), ("a/old", "b/names"), ("a/gone", "var/tmp/x")] {
        try place.write(name, Array("text".utf8), modified: 1_600_000_000, in: part)
        if part == "lower" && name == "a/with" { continue }
        try place.link(name, second, in: part)
      }
      try place.write("a/joined", Array("text".utf8), modified: 1_600_000_000, in: part)
      try place.write("b/joined", Array("text".utf8), modified: 1_600_000_000, in: "lower")
    }
    try place.link("a/joined", "b/joined", in: "upper")
    try place.normalise(inBase: false)
    #expect(try Files.list(place.file("a")) == ["joined", "new", "with"])
    #expect(try Files.list(place.file("b")) == ["joined"])
    #expect(Files.status(place.file("a/with"))?.inode == Files.status(place.file("a/new"))?.inode)
    for name in ["a", "b"] {
      #expect(Files.status(place.file(name))?.modified == Workplace.date.seconds)
    }
  }

  @Test func `a step's own rubbish is not in its layer`() throws {
    let place = try Workplace()
    let outcome = try place.script(
      """
      mkdir -p /root/.cache/tool /var/cache/apt
      echo x >/root/.cache/tool/x; echo x >/var/cache/apt/x; echo x >/etc/passwd-
      echo 0123 >/etc/machine-id; echo mine >/etc/hostname
      """)
    #expect(
      outcome.names == [
        "etc/", "etc/hostname", "etc/machine-id", "root/", "var/", "var/cache/",
        "var/cache/apt/",
      ])
    #expect(try outcome.text("etc/machine-id") == "")
    #expect(try outcome.text("etc/hostname") == "mine\n")
    #expect(outcome.entry("usr/sbin/policy-rc.d") == nil)
  }
}

/// A tree to normalise without a step.
private final class Tree {
  private let path = "/tmp/hutch-test-\(Hex.encode(Randomness.bytes(8)))"

  init() throws {
    try Files.makeDirectories(path + "/upper")
    try Files.makeDirectories(path + "/lower")
  }

  deinit { try? Files.removeTree(path) }

  func file(_ name: String) -> String { "\(path)/upper/\(name)" }

  func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

  /// Into what the step changed, or into `lower`, what its parents gave.
  func write(
    _ name: String, _ bytes: [UInt8], modified: Int64? = nil, in part: String = "upper"
  ) throws {
    try Files.makeDirectories(Files.parent(of: "\(path)/\(part)/\(name)"))
    try Files.write("\(path)/\(part)/\(name)", bytes, durable: false)
    if let modified {
      try OwnedDescriptor.open("\(path)/\(part)", .directory)
        .setTimes(of: Array(name.utf8), seconds: modified)
    }
  }

  func link(_ name: String, _ second: String, in part: String) throws {
    try Files.makeDirectories(Files.parent(of: "\(path)/\(part)/\(second)"))
    try Processes.runChecked(
      Command("ln", ["\(path)/\(part)/\(name)", "\(path)/\(part)/\(second)"]))
  }

  func read(_ name: String) throws -> String {
    String(decoding: try Files.read(file(name), limit: 1 << 20), as: UTF8.self)
  }

  func normalise(inBase: Bool) throws {
    try TreeNormaliser(date: Workplace.date, lowerPath: inBase ? nil : path + "/lower")
      .apply(to: try OwnedDescriptor.open(path + "/upper", .directory))
  }
}
