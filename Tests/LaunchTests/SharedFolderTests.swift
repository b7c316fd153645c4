import GuestProtocol
import Host
import Launch
import Testing
import Vocabulary

/// A guest that greeted and shares two files, and the host's directory of them.
private final class Scene {
  let guest: RawGuest
  let folder: SharedFolder
  let directory: String
  private(set) var stream: UInt32 = 0
  private var decoder = SharedFileDecoder(sender: .host, files: 2)
  private let isOurs: Bool

  static let files = [".agent/token.json", "other"]
  static let names = [".agent%2Ftoken.json", "other"]

  /// - Parameter beside: another VM's, whose directory this one has too.
  init(
    beside: Scene? = nil, before prepare: (String) throws -> Void = { _ in }
  ) throws {
    isOurs = beside == nil
    directory =
      beside?.directory ?? "/tmp/hutch-test-\(Hex.encode(Randomness.bytes(8)))/credentials/agent"
    if isOurs {
      try Files.makeDirectories(directory, mode: 0o700)
      try prepare(directory)
    }
    guest = try RawGuest()
    folder = try SharedFolder(
      guest.connection,
      SharedFiles(name: "agent", directory: directory, files: Self.files, user: "me"))
    try guest.greet()
    try settle()
    let opened = try #require(guest.hear().first { $0.type == .open })
    stream = opened.stream
    guest.say(.started(pid: 0), on: stream)
    guest.say(.end(.standardError), on: stream)
    try settle()
  }

  deinit {
    if isOurs { try? Files.removeTree(Files.parent(of: Files.parent(of: directory))) }
  }

  func settle(turns: Int = 20) throws {
    for _ in 0..<turns {
      var set = PollSet()
      folder.watch(&set)
      guest.connection.watch(&set)
      set.wake(at: Clock.monotonic() + 1_000_000)
      try set.turn()
    }
  }

  /// What the host told the guest since the last time.
  func heard() throws -> [SharedFileEvent] {
    try settle()
    var events: [SharedFileEvent] = []
    for frame in try guest.hear(.streams) where frame.type == .data {
      var rest = frame.payload[...]
      while let event = try decoder.next(from: &rest) { events.append(event) }
      guest.say(.credit(.standardInput, bytes: UInt32(frame.payload.count)), on: stream)
    }
    return events
  }

  /// The guest says it.
  func say(_ event: SharedFileEvent) throws { try say(event.encoded) }

  func say(_ bytes: [UInt8]) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      guest.say(.data(.standardOutput, [UInt8](rest.prefix(60_000))), on: stream)
      rest = rest.dropFirst(60_000)
      try settle(turns: 3)
    }
    try settle()
  }

  /// What the host's directory holds.
  func kept() throws -> [String: String] {
    let names = try Files.list(directory)
    return try Dictionary(
      uniqueKeysWithValues: names.map {
        ($0, String(decoding: try Files.read("\(directory)/\($0)", limit: 2 << 20), as: UTF8.self))
      })
  }

  func put(_ text: String, _ index: Int = 0) throws {
    try Files.write("\(directory)/\(Self.names[index])", Array(text.utf8), mode: 0o600)
  }

  var wasReset: Bool {
    get throws {
      try settle()
      return try guest.hear().contains { $0.type == .reset && $0.stream == stream }
    }
  }
}

private func contents(_ file: Int, _ text: String, heard: UInt32 = 0) -> SharedFileEvent {
  .contents(file: file, heard: heard, Array(text.utf8))
}

struct SharedFolderTests {
  @Test func `a guest is told what is there, then asked whether it has it`() throws {
    let scene = try Scene {
      try Files.write("\($0)/\(Scene.names[0])", Array("first".utf8), mode: 0o600)
    }
    #expect(try scene.heard() == [contents(0, "first"), .removed(file: 1), .sync])
    #expect(!scene.folder.isSettled)
    try scene.say(.sync)
    #expect(scene.folder.isSettled && scene.folder.failure == nil && !scene.folder.isEmpty)
  }

  @Test func `what a guest changes is kept for nobody else to read, and not told back`() throws {
    let scene = try Scene()
    #expect(try scene.heard() == [.removed(file: 0), .removed(file: 1), .sync])
    try scene.say(.sync)
    #expect(scene.folder.isEmpty)
    try scene.say(contents(0, "new"))
    try scene.say(contents(0, "newer"))
    #expect(try scene.kept() == [Scene.names[0]: "newer"])
    let status = try #require(Files.status("\(scene.directory)/\(Scene.names[0])"))
    #expect(status.mode == 0o600 && status.kind == .regular)
    #expect(Files.status(scene.directory)?.mode == 0o700)
    #expect(try scene.heard().isEmpty)
    scene.folder.synchronise()
    #expect(try scene.heard() == [.sync])
    try scene.say(.sync)
    #expect(scene.folder.isSettled)
  }

  @Test func `what one VM changes, the others hear, with how much of theirs was heard`() throws {
    let first = try Scene()
    let second = try Scene(beside: first)
    _ = try first.heard()
    _ = try second.heard()
    try first.say(contents(0, "one"))
    #expect(try second.heard() == [contents(0, "one")])
    try second.say(contents(0, "two"))
    try second.say(contents(1, "else"))
    #expect(try first.heard() == [contents(0, "two", heard: 1), contents(1, "else")])
    #expect(try second.heard().isEmpty)
    try first.put("by hand")
    #expect(try first.heard() == [contents(0, "by hand", heard: 1)])
    #expect(try second.heard() == [contents(0, "by hand", heard: 1)])
  }

  @Test func `a file of a mebibyte goes both ways, through windows a quarter as large`() throws {
    let scene = try Scene()
    _ = try scene.heard()
    let large = String(repeating: "x", count: SharedFile.largest)
    try scene.say(contents(0, large))
    #expect(try scene.kept() == [Scene.names[0]: large])
    try scene.put(large.replacing("x", with: "y"))
    var said: [SharedFileEvent] = []
    for _ in 0..<20 where said.isEmpty { said = try scene.heard() }
    #expect(said == [contents(0, large.replacing("x", with: "y"), heard: 1)])
  }

  @Test func `who logs out takes it from running VMs, and what they still say is not heard`() throws
  {
    let scene = try Scene {
      try Files.write("\($0)/\(Scene.names[0])", Array("first".utf8), mode: 0o600)
    }
    _ = try scene.heard()
    #expect(try SharedDirectory.remove(scene.directory))
    #expect(try scene.heard() == [.removed(file: 0)])
    try scene.say(contents(0, "refreshed"))
    #expect(Files.status(scene.directory) == nil)
    // Nor does it count for the next log-in.
    try Files.makeDirectories(scene.directory, mode: 0o700)
    try scene.say(contents(0, "refreshed again"))
    #expect(try scene.kept().isEmpty)
    #expect(scene.folder.failure == nil)
    try Files.removeTree(scene.directory)
    #expect(try !SharedDirectory.remove(scene.directory))
  }

  @Test func `links on the host are neither followed nor kept`() throws {
    let scene = try Scene { directory in
      try Files.write("\(directory)/../secret", Array("of the host".utf8))
      try OwnedDescriptor.open(directory, .directory).makeLink(
        target: Array("../secret".utf8), at: Array(Scene.names[0].utf8))
    }
    #expect(try scene.heard() == [.removed(file: 0), .removed(file: 1), .sync])
    try scene.say(contents(0, "new"))
    #expect(try scene.kept() == [Scene.names[0]: "new"])
    #expect(
      try Files.read("\(scene.directory)/../secret", limit: 99) == Array("of the host".utf8))
  }

  @Test func `a directory that others can enter, or a link to one, is refused`() throws {
    let path = "/tmp/hutch-test-\(Hex.encode(Randomness.bytes(8)))"
    defer { try? Files.removeTree(path) }
    try Files.makeDirectories(path + "/open", mode: 0o755)
    try Files.makeDirectories(path + "/closed", mode: 0o700)
    try OwnedDescriptor.open(path, .directory).makeLink(
      target: Array("closed".utf8), at: Array("link".utf8))
    for name in ["open", "link"] {
      #expect(throws: LaunchError.self) { try SharedDirectory("\(path)/\(name)") }
    }
    _ = try SharedDirectory("\(path)/new/one")
    #expect(Files.status("\(path)/new/one")?.mode == 0o700)
  }

  @Test func `a guest of before is not asked, and people are told`() throws {
    let guest = try RawGuest()
    let directory = "/tmp/hutch-test-\(Hex.encode(Randomness.bytes(8)))"
    defer { try? Files.removeTree(directory) }
    let folder = try SharedFolder(
      guest.connection, SharedFiles(name: "a", directory: directory, files: ["x"], user: ""))
    let old = Message.hello(Hello(nonce: guest.nonce, capabilities: [.terminal, .archives]))
    for port in GuestPort.allCases { guest.send(old.encoded(), port) }
    try guest.settle()
    var set = PollSet()
    folder.watch(&set)
    try guest.settle()
    #expect(folder.isSettled && folder.failure?.contains("made by a Hutch") == true)
    #expect(try !guest.hear().contains { $0.type == .open })
  }
}

/// What a guest could do with the files that it shares.
struct HostileSharedFileTests {
  private static func header(
    _ kind: UInt8, file: UInt16 = 0, heard: UInt8 = 0, length: UInt32
  ) -> [UInt8] {
    var bytes: [UInt8] = [kind, 0, UInt8(file & 255), UInt8(file >> 8), heard, 0, 0, 0]
    for shift in [UInt32(0), 8, 16, 24] {
      bytes.append(UInt8(truncatingIfNeeded: length >> shift))
    }
    return bytes
  }

  private static let wrong: [(String, [UInt8])] = [
    ("another file", header(1, file: 2, length: 1)),
    ("a file far away", header(1, file: 65535, length: 1)),
    ("a name instead of a number", Array("../../.ssh/authorized_keys\n".utf8)),
    ("a file of more than a mebibyte", header(1, length: 1_048_577)),
    ("a file without end", header(1, length: .max)),
    ("an empty file", header(1, length: 0)),
    ("that a file is gone", header(2, length: 0)),
    ("what it has heard", header(1, heard: 1, length: 1)),
    ("a kind of its own", header(9, length: 0)),
    ("answers that nobody asked for", [header(3, length: 0), header(3, length: 0)].flatMap { $0 }),
  ]

  @Test(arguments: wrong)
  func `should fail: a guest that says what it must not`(what: String, bytes: [UInt8]) throws {
    let scene = try Scene { try Files.write("\($0)/\(Scene.names[0])", [7], mode: 0o600) }
    _ = try scene.heard()
    try scene.say(bytes)
    #expect(try scene.wasReset, "\(what)")
    #expect(scene.folder.failure != nil && scene.folder.isSettled)
    // From then on nothing is heard, and the VM's other streams go on.
    try scene.say(contents(0, "later"))
    #expect(try scene.kept() == [Scene.names[0]: "\u{7}"], "\(what)")
    #expect(scene.guest.verdict() == nil)
  }

  @Test func `should fail: thousands of changes`() throws {
    let scene = try Scene()
    _ = try scene.heard()
    var flood: [UInt8] = []
    for number in 0..<5000 { flood += contents(number % 2, "\(number)").encoded }
    try scene.say(flood)
    #expect(try scene.wasReset)
    #expect(scene.folder.failure?.contains("more often") == true)
    // Some come before it is too much; those of the flood's end don't.
    #expect(try scene.kept().values.allSatisfy { (Int($0) ?? 9999) < 100 })
    #expect(try Set(scene.kept().keys) == Set(Scene.names))
  }

  @Test func `should fail: data on the channel of errors`() throws {
    let scene = try Scene()
    scene.guest.say(.data(.standardError, [1]), on: scene.stream)
    #expect(scene.guest.verdict() != nil)
  }

  @Test func `fuzz: whatever a guest says, only the listed files are ever there`() throws {
    var numbers = SeededNumbers(20_261_127)
    let valid = [
      contents(0, "abc").encoded, contents(1, "d").encoded, SharedFileEvent.sync.encoded,
    ]
    let scene = try Scene()
    for _ in 0..<100 {
      let other = try Scene(beside: scene)
      var wire: [UInt8] = []
      for _ in 0..<4 { wire += valid.randomElement(using: &numbers) ?? [] }
      for _ in 0..<Int.random(in: 0...3, using: &numbers) {
        wire[Int.random(in: 0..<wire.count, using: &numbers)] = .random(
          in: 0...255, using: &numbers)
      }
      other.guest.say(.data(.standardOutput, wire), on: other.stream)
      try other.settle(turns: 4)
      #expect(other.guest.verdict() == nil)
    }
    #expect(try Set(scene.kept().keys).isSubset(of: Scene.names))
    #expect(try scene.kept().values.allSatisfy { $0.utf8.count < 70_000 })
  }
}
