import GuestProtocol
import Host
import Launch
import Testing
import Vocabulary

/// A supervisor over a guest that is driven by hand, and its clients, all in one loop.
private final class Rig {
  let guest: RawGuest
  let supervisor: Supervisor
  let socket: String
  private let directory: String
  var clients: [SupervisorLink] = []
  private var handled: Set<UInt32> = []

  init() throws {
    directory = "/tmp/hutch-rig-\(Hex.encode(Randomness.bytes(6)))"
    socket = directory + "/vm.sock"
    guest = try RawGuest()
    supervisor = try Supervisor(machine: FakeMachine(guest.connection), socket: socket)
    try guest.greet()
  }

  deinit { try? Files.removeTree(directory) }

  func connect() throws -> SupervisorLink {
    let client = try SupervisorLink(socket: socket)
    clients.append(client)
    try turn(20)
    #expect(client.connection.isGreeted)
    return client
  }

  func turn(_ times: Int = 1) throws {
    for _ in 0..<times {
      var set = PollSet()
      supervisor.watch(&set)
      for client in clients { client.watch(&set) }
      set.wake(at: Clock.monotonic() + 1_000_000)
      try set.turn()
      try supervisor.check()
      try answer()
    }
  }

  /// `echo WORDS` says its words, `flood` fills its window, everything else says nothing.
  private func answer() throws {
    for frame in try guest.hear() where frame.type == .open {
      let request = try OpenRequest(decoding: frame.payload[...])
      let words = request.arguments.map { String(decoding: $0, as: UTF8.self) }
      let stream = frame.stream
      guest.say(.started(pid: 9), on: stream)
      switch words.first {
      case "echo":
        guest.say(.data(.standardOutput, Array(words[1].utf8)), on: stream)
        guest.say(.end(.standardOutput), on: stream)
        guest.say(.end(.standardError), on: stream)
        guest.say(.exit(.exited(3)), on: stream)
      case "flood":
        for _ in 0..<4 {
          let piece = [UInt8](repeating: 0x66, count: 65_536)
          guest.say(.data(.standardOutput, piece), on: stream)
        }
      default: break
      }
    }
  }

  /// Until the witness saw the command's end.
  func finish(_ witness: Witness, turns: Int = 2000) throws {
    for _ in 0..<turns {
      if witness.events.contains(where: { if case .exited = $0 { true } else { false } }) { return }
      try turn()
    }
    Issue.record("the command did not end: \(witness.events.count) events")
  }
}

private final class FakeMachine: SupervisedMachine {
  let connection: GuestConnection
  let pid: Int32 = 1
  let launched = Clock.monotonic()
  private(set) var isPaused = false
  var hasPoweredOff = false

  init(_ connection: GuestConnection) { self.connection = connection }

  func watch(_ set: inout PollSet) { connection.watch(&set) }
  func check() throws {}
  func pause() { isPaused = true }
  func resume() { isPaused = false }
  func beginShutdown(graceMilliseconds: Int) {}
  func kill() {}
}

struct SupervisorTests {
  @Test func `two clients have their own commands, whatever numbers they use`() throws {
    let rig = try Rig()
    let (first, second) = (try rig.connect(), try rig.connect())
    let witnesses = [Witness(), Witness()]
    for (client, witness) in zip([first, second], witnesses) {
      witness.consumes = client.connection
    }
    let one = try first.connection.request(.open(.exec("echo", "one")), endpoint: witnesses[0])
    let two = try second.connection.request(.open(.exec("echo", "two")), endpoint: witnesses[1])
    #expect(one == two)
    for witness in witnesses { try rig.finish(witness) }
    #expect(witnesses[0].events.contains(.data(.standardOutput, Array("one".utf8))))
    #expect(witnesses[1].events.contains(.data(.standardOutput, Array("two".utf8))))
    #expect(witnesses.allSatisfy { $0.events.contains(.exited(.exited(3))) })
  }

  @Test func `a client that takes nothing stops nobody else`() throws {
    let rig = try Rig()
    let (stalled, quick) = (try rig.connect(), try rig.connect())
    let sink = Witness()
    _ = try stalled.connection.request(.open(.exec("flood")), endpoint: sink)
    try rig.turn(100)
    for number in 0..<50 {
      let witness = Witness()
      witness.consumes = quick.connection
      _ = try quick.connection.request(.open(.exec("echo", "\(number)")), endpoint: witness)
      try rig.finish(witness)
    }
  }

  @Test func `a client that dies leaves no command behind`() throws {
    let rig = try Rig()
    _ = try rig.connect().connection.request(.open(.exec("sleep")), endpoint: Witness())
    try rig.turn(20)
    rig.clients = []
    var reset = false
    for _ in 0..<200 where !reset {
      var set = PollSet()
      rig.supervisor.watch(&set)
      set.wake(at: Clock.monotonic() + 1_000_000)
      try set.turn()
      reset = try rig.guest.hear().contains { $0.type == .reset }
    }
    #expect(reset)
  }

  @Test func `bytes that make no sense end their client and nothing else`() throws {
    let rig = try Rig()
    var numbers = SeededNumbers(7)
    for _ in 0..<200 {
      guard let raw = try LocalSocket.connect(rig.socket) else {
        Issue.record("nobody listens any more")
        return
      }
      let count = Int.random(in: 1...200, using: &numbers)
      var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &numbers) }
      if count.isMultiple(of: 3) {
        let token = Hex.encode([UInt8](repeating: 1, count: 16))
        bytes = Array("hutch-supervisor 1 control \(token)\n".utf8) + bytes
      }
      try? raw.writeAll(bytes)
      try rig.turn(2)
    }
    let client = try rig.connect()
    let witness = Witness()
    witness.consumes = client.connection
    _ = try client.connection.request(.open(.exec("echo", "still here")), endpoint: witness)
    try rig.finish(witness)
  }

  @Test func `a living supervisor is not pushed aside, a dead one's socket is replaced`() throws {
    let rig = try Rig()
    let guest = try RawGuest()
    #expect(throws: LaunchError.self) {
      try Supervisor(machine: FakeMachine(guest.connection), socket: rig.socket)
    }
    let place = "/tmp/hutch-rig-\(Hex.encode(Randomness.bytes(6)))"
    try Files.makeDirectories(place, mode: 0o700)
    defer { try? Files.removeTree(place) }
    try Files.write(place + "/vm.sock", [])
    let next = try Supervisor(machine: FakeMachine(guest.connection), socket: place + "/vm.sock")
    next.close()
    #expect(!Files.exists(place + "/vm.sock"))
  }

  @Test func `nobody at a socket is an error with a hint, and a long path is refused`() {
    #expect(throws: LaunchError.self) { try SupervisorLink(socket: "/tmp/hutch-nobody.sock") }
    #expect(throws: LaunchError.self) {
      try SupervisorLink(socket: "/tmp/" + String(repeating: "x", count: 120))
    }
  }
}
