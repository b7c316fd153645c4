import GuestProtocol
import Host
import Launch
import Testing

/// One attack a test: what a guest that was taken over could send.
struct HostileGuestTests {
  /// The guest greeted, is ready and runs one command.
  private struct Scene {
    let guest: RawGuest
    let witness = Witness()
    let stream: UInt32

    init() throws {
      guest = try RawGuest()
      try guest.greet()
      stream = try guest.open(witness)
    }

    /// The guest says it, and is found out.
    func expectRefusal(
      _ message: Message, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      guest.say(message, on: stream)
      #expect(guest.verdict() != nil, sourceLocation: sourceLocation)
      #expect(throws: (any Error).self, sourceLocation: sourceLocation) {
        try guest.connection.request(.freeze, endpoint: Witness())
      }
    }
  }

  private static func isMisbehaviour(_ error: (any Error)?) -> Bool {
    switch error as? LaunchError {
    case .misbehaved, .protocolBroken: true
    default: false
    }
  }

  @Test func `a guest with the nonce of another boot is not spoken to`() throws {
    let guest = try RawGuest()
    guest.say(.hello(Hello(nonce: [UInt8](repeating: 9, count: 16))))
    #expect(Self.isMisbehaviour(guest.verdict()))
    #expect(!guest.connection.isGreeted)
  }

  @Test func `a guest that does not begin with hello is not spoken to`() throws {
    let guest = try RawGuest()
    guest.say(.ready(milliseconds: 1))
    #expect(Self.isMisbehaviour(guest.verdict()))
  }

  @Test func `a guest of another version is told apart`() throws {
    let guest = try RawGuest()
    var hello = Message.hello(Hello(nonce: guest.nonce)).encoded()
    hello[20] = 2
    guest.send(hello)
    guard case .protocolBroken(.version(found: 2))? = guest.verdict() as? LaunchError else {
      Issue.record("no such verdict")
      return
    }
  }

  @Test func `greeting twice is refused`() throws {
    let guest = try RawGuest()
    try guest.greet()
    guest.say(.hello(Hello(nonce: guest.nonce)))
    #expect(Self.isMisbehaviour(guest.verdict()))
  }

  @Test func `being ready twice is refused`() throws {
    let guest = try RawGuest()
    try guest.greet()
    guest.say(.ready(milliseconds: 6))
    #expect(Self.isMisbehaviour(guest.verdict()))
  }

  @Test func `data beyond the window is refused`() throws {
    let scene = try Scene()
    for _ in 0..<4 {
      scene.guest.say(.data(.standardOutput, [UInt8](repeating: 7, count: 65536)), on: scene.stream)
      try scene.guest.settle()
    }
    try scene.expectRefusal(.data(.standardOutput, [7]))
    #expect(scene.witness.events.count == 5)
  }

  @Test func `data beyond the window is taken again after credit`() throws {
    let scene = try Scene()
    scene.witness.consumes = scene.guest.connection
    for _ in 0..<64 {
      scene.guest.say(.data(.standardError, [UInt8](repeating: 7, count: 65536)), on: scene.stream)
      try scene.guest.settle(turns: 3)
    }
    #expect(scene.guest.verdict() == nil)
    #expect(scene.witness.events.count == 65)
  }

  @Test func `a second exit is refused`() throws {
    let scene = try Scene()
    scene.guest.say(.exit(.exited(0)), on: scene.stream)
    try scene.guest.settle()
    try scene.expectRefusal(.exit(.exited(1)))
  }

  @Test func `a second start is refused`() throws {
    try Scene().expectRefusal(.started(pid: 3))
  }

  @Test func `an exit without a start is refused`() throws {
    let guest = try RawGuest()
    try guest.greet()
    let stream = try guest.open(Witness(), isStarted: false)
    guest.say(.exit(.exited(0)), on: stream)
    #expect(Self.isMisbehaviour(guest.verdict()))
  }

  @Test func `a command that is done instead of started is refused`() throws {
    try Scene().expectRefusal(.done([]))
  }

  @Test func `a command that fails after its start is refused`() throws {
    try Scene().expectRefusal(.failed(GuestFailure(.system, text: [])))
  }

  @Test func `data after the end is refused`() throws {
    let scene = try Scene()
    scene.guest.say(.end(.standardOutput), on: scene.stream)
    try scene.guest.settle()
    try scene.expectRefusal(.data(.standardOutput, [1]))
  }

  @Test func `a second end is refused`() throws {
    let scene = try Scene()
    scene.guest.say(.end(.standardError), on: scene.stream)
    try scene.guest.settle()
    try scene.expectRefusal(.end(.standardError))
  }

  @Test func `credit for what was never sent is refused`() throws {
    try Scene().expectRefusal(.credit(.standardInput, bytes: 1))
  }

  @Test func `frames of a command for another request are refused`() throws {
    let guest = try RawGuest()
    try guest.greet()
    let stream = try guest.connection.request(.freeze, endpoint: Witness())
    guest.say(.started(pid: 3), on: stream)
    #expect(Self.isMisbehaviour(guest.verdict()))
  }

  @Test func `frames of a stream that was never opened are refused`() throws {
    let scene = try Scene()
    scene.guest.say(.started(pid: 4), on: scene.stream + 1)
    #expect(Self.isMisbehaviour(scene.guest.verdict()))
  }

  @Test func `frames of a stream that is over are ignored`() throws {
    let scene = try Scene()
    for message: Message in [.end(.standardOutput), .end(.standardError), .exit(.exited(0))] {
      scene.guest.say(message, on: scene.stream)
    }
    try scene.guest.settle()
    #expect(!scene.guest.connection.isAlive(scene.stream))
    scene.guest.say(.data(.standardOutput, [1]), on: scene.stream)
    scene.guest.say(.exit(.exited(3)), on: scene.stream)
    #expect(scene.guest.verdict() == nil)
  }

  @Test func `nothing counts after a reset of ours but its answer`() throws {
    let scene = try Scene()
    scene.guest.connection.reset(scene.stream)
    scene.guest.say(.data(.standardOutput, [1]), on: scene.stream)
    scene.guest.say(.reset, on: scene.stream)
    try scene.guest.settle()
    #expect(scene.witness.events == [.started(pid: 2), .reset])
    #expect(scene.guest.connection.streamCount == 0)
  }

  @Test(arguments: [
    Message.open(.exec("x")), .shutdown(.powerOff, graceMilliseconds: 1), .signal(9), .freeze,
    .resize(TerminalSize(rows: 1, columns: 1)),
  ]) func `what only a host may say is refused`(message: Message) throws {
    try Scene().expectRefusal(message)
  }

  @Test func `a frame on the wrong port is refused`() throws {
    let scene = try Scene()
    scene.guest.send(Message.exit(.exited(0)).encoded(stream: scene.stream), .streams)
    #expect(Self.isMisbehaviour(scene.guest.verdict()))
  }

  @Test func `an oversized frame is refused by its header`() throws {
    let scene = try Scene()
    scene.guest.send([1, 0, 0, 0, 0x30, 1, 0, 0, 1, 0, 1, 0], .streams)
    #expect(Self.isMisbehaviour(scene.guest.verdict()))
  }

  @Test func `an unknown type is refused and a future one is skipped`() throws {
    let scene = try Scene()
    scene.guest.send([0, 0, 0, 0, 0x90, 0, 0, 0, 2, 0, 0, 0, 1, 2])
    #expect(scene.guest.verdict() == nil)
    scene.guest.send([0, 0, 0, 0, 0x7F, 0, 0, 0, 0, 0, 0, 0])
    #expect(Self.isMisbehaviour(scene.guest.verdict()))
  }

  @Test func `a guest that asks without end and never reads is given up`() throws {
    let guest = try RawGuest()
    try guest.greet()
    let pings = [[UInt8]](repeating: Message.ping(1).encoded(), count: 1000).flatMap { $0 }
    var verdict: (any Error)?
    for _ in 0..<2000 where verdict == nil {
      // Cut anywhere: what did not fit is lost, so a whole number of frames is sent at a time.
      guest.send(pings)
      verdict = guest.verdict()
    }
    #expect(Self.isMisbehaviour(verdict))
    #expect(guest.connection.controlBacklog < 5 << 20)
  }

  @Test func `a guest that hangs up ends all streams`() throws {
    var guest: RawGuest? = try RawGuest()
    try guest?.greet()
    let connection = try #require(guest?.connection)
    _ = try guest?.open(Witness())
    guest = nil
    for _ in 0..<3 {
      var set = PollSet()
      connection.watch(&set)
      set.wake(at: 0)
      try set.turn()
    }
    #expect(connection.isClosed)
    #expect(connection.streamCount == 0)
    #expect(throws: LaunchError.self) {
      try connection.request(.freeze, endpoint: Witness())
    }
  }

  @Test func `all windows together have a bound`() throws {
    let guest = try RawGuest()
    try guest.greet()
    var count = 0
    while (try? guest.connection.request(.open(.exec("x")), endpoint: Witness())) != nil {
      count += 1
      try guest.settle(turns: 1)
      _ = try guest.hear()
    }
    #expect(count == (64 << 20) / (3 * 262_144))
  }
}
