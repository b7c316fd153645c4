import GuestProtocol
import Host
import Launch
import Testing
import Vocabulary

@Suite struct NetworkPolicyTests {
  @Test(arguments: [
    ("8.8.8.8", HostAddress.Reach.everywhere), ("11.22.33.44", .everywhere),
    ("2606:4700::1111", .everywhere), ("64:ff9b::808:808", .everywhere),
    ("10.1.2.3", .nearby), ("172.16.0.1", .nearby), ("172.31.255.255", .nearby),
    ("172.32.0.1", .everywhere), ("192.168.1.1", .nearby), ("100.64.0.1", .nearby),
    ("100.128.0.1", .everywhere), ("127.0.0.1", .nearby), ("127.255.0.9", .nearby),
    ("::1", .nearby),
    ("fd00::1", .nearby), ("fc00::1", .nearby), ("::ffff:127.0.0.1", .nearby),
    ("::ffff:10.0.0.1", .nearby), ("::ffff:8.8.8.8", .everywhere),
    ("0.0.0.0", .nowhere), ("169.254.169.254", .nowhere), ("100.100.100.200", .nowhere),
    ("168.63.129.16", .nowhere), ("192.0.0.192", .nowhere), ("198.18.0.1", .nowhere),
    ("198.19.255.255", .nowhere), ("203.0.113.1", .nowhere), ("224.0.0.1", .nowhere),
    ("255.255.255.255", .nowhere), ("::", .nowhere), ("fe80::1", .nowhere), ("fec0::1", .nowhere),
    ("ff02::1", .nowhere), ("::7f00:1", .nowhere), ("2001:db8::1", .nowhere), ("2001::1", .nowhere),
    ("2002:7f00:1::", .nowhere), ("64:ff9b::7f00:1", .nowhere), ("64:ff9b::a00:1", .nowhere),
    ("64:ff9b:1::1", .nowhere), ("fd00:ec2::254", .nowhere), ("3fff::1", .nowhere),
  ])
  func `an address is of everybody, of this place, or of nobody`(
    text: String, reach: HostAddress.Reach
  ) throws {
    #expect(try #require(HostAddress(text)).reach == reach)
  }

  @Test(arguments: ["", "1", "1.2.3", "0x7f.1", "1.2.3.4 ", "fe80::1%eth0", "name", "1.2.3.256"])
  func `should fail: what is no address`(text: String) {
    #expect(HostAddress(text) == nil)
  }

  @Test func `a name is judged by list and port, and then by where it leads`() throws {
    let policy = NetworkPolicy(entries: [
      "a.example", "b.example:22", "near.example@private", "1.2.3.4",
    ])
    #expect(policy.entries.count == 3)
    func name(_ text: String) -> [UInt8] { Array(text.utf8) }
    #expect(policy.refusal(of: name("a.example"), port: 443) == nil)
    #expect(policy.refusal(of: name("a.example"), port: 22) == .port)
    #expect(policy.refusal(of: name("c.example"), port: 443) == .name)
    let addresses = try ["10.0.0.1", "8.8.8.8", "169.254.169.254"].map {
      try #require(HostAddress($0))
    }
    let public_ = policy.reachable(addresses, as: name("a.example"), port: 443)
    #expect(public_.addresses == [addresses[1]] && public_.refusal == nil)
    let near = policy.reachable(addresses, as: name("near.example"), port: 80)
    #expect(near.addresses == Array(addresses[0...1]))
    // What allows one port allows private addresses on that port alone.
    #expect(policy.reachable([addresses[0]], as: name("a.example"), port: 80).refusal == .address)
    #expect(
      policy.reachable([addresses[2]], as: name("near.example"), port: 80).refusal == .nowhere)
  }
}

@Suite struct NetworkLogTests {
  @Test func `a log goes on where it ended, never grows beyond its limit, and keeps the newest`()
    throws
  {
    let path = "/tmp/hutch-test-\(Hex.encode(Randomness.bytes(8)))"
    defer { try? Files.remove(path) }
    for round in 0..<2 {
      let log = try NetworkLog(path: path, limit: 4096)
      for number in 0..<100 {
        var event = NetworkEvent(
          time: SourceDate(1_700_000_000), verdict: .allowed, name: "n\(round)-\(number).example",
          port: 443)
        event.address = "8.8.8.8"
        event.received = ByteCount(number)
        log.append(event)
        #expect(try #require(Files.status(path)).size <= 4096)
      }
    }
    let events = NetworkLog.events(in: try Files.read(path, limit: 1 << 20))
    #expect(events.count > 5)
    #expect(events.last?.name == "n1-99.example" && events.last?.received == ByteCount(99))
    #expect(NetworkLog.events(in: Array("{}\nnonsense\n{\"port\": 70000}\n".utf8)).isEmpty)
  }
}

/// What a guest could do with the connections that it may make.
@Suite struct HostileConnectionTests {
  /// A guest that greeted and has the network, and the gate's first connection.
  private struct Scene {
    let guest: RawGuest
    let gate: NetworkGate
    var streams: [UInt32] = []

    init(allow entries: [String]) throws {
      guest = try RawGuest()
      gate = try NetworkGate(
        guest.connection, NetworkPolicy(entries: entries), log: NetworkLog(path: nil))
      try guest.greet()
      let asked = try #require(guest.hear().first { $0.type == .network })
      guest.say(.done([]), on: asked.stream)
      try settle()
      streams = try guest.hear().filter { $0.type == .open }.map(\.stream)
    }

    func settle(turns: Int = 40) throws {
      for _ in 0..<turns {
        var set = PollSet()
        gate.watch(&set)
        guest.connection.watch(&set)
        set.wake(at: Clock.monotonic() + 2_000_000)
        try set.turn()
      }
    }

    /// Streams that the host gave up.
    func resets() throws -> [UInt32] {
      try guest.hear().filter { $0.type == .reset }.map(\.stream)
    }
  }

  @Test func `some ways out are open, and no more than some`() throws {
    let scene = try Scene(allow: ["a.example"])
    #expect(scene.streams.count == 8)
    for stream in scene.streams { scene.guest.say(.started(pid: 0), on: stream) }
    try scene.settle()
    #expect(try scene.guest.hear().count { $0.type == .open } == 8)
  }

  @Test(arguments: [
    "443 evil.example\n", "22 a.example\n", "0 a.example\n", "443 127.0.0.1\n", "443\n", "\n",
    "443 a.example\r\n", "443 A.EXAMPLE/..\n", "GET / HTTP/1.1\n",
  ])
  func `should fail: a first line that asks for what is not allowed, or for nothing`(line: String)
    throws
  {
    let scene = try Scene(allow: ["a.example"])
    let stream = scene.streams[0]
    // In whatever order: data travels by another port than the start.
    scene.guest.say(.data(.standardOutput, Array(line.utf8)), on: stream)
    scene.guest.say(.started(pid: 0), on: stream)
    try scene.settle()
    #expect(try scene.resets() == [stream])
    #expect(scene.guest.connection.isAlive(stream))
    scene.guest.say(.reset, on: stream)
    try scene.settle()
    #expect(!scene.guest.connection.isAlive(stream))
  }

  @Test func `should fail: a first line that does not end`() throws {
    let scene = try Scene(allow: ["a.example"])
    let stream = scene.streams[0]
    scene.guest.say(.started(pid: 0), on: stream)
    scene.guest.say(.data(.standardOutput, [UInt8](repeating: 0x39, count: 300)), on: stream)
    try scene.settle()
    #expect(try scene.resets() == [stream])
    // What still comes is taken and dropped.
    scene.guest.say(.data(.standardOutput, [UInt8](repeating: 0x39, count: 60_000)), on: stream)
    try scene.settle()
    #expect(scene.guest.verdict() == nil)
  }

  @Test func `should fail: more than the window before the connection is made`() throws {
    let scene = try Scene(allow: ["a.example"])
    let stream = scene.streams[0]
    scene.guest.say(.started(pid: 0), on: stream)
    let more = [UInt8](repeating: 1, count: 60_000)
    #expect(throws: (any Error).self) {
      for _ in 0..<6 {
        scene.guest.say(.data(.standardOutput, more), on: stream)
        try scene.settle(turns: 5)
      }
      throw scene.guest.verdict() ?? LaunchError.channelClosed
    }
  }

  @Test func `should fail: an error of a connection`() throws {
    let scene = try Scene(allow: ["a.example"])
    scene.guest.say(.started(pid: 0), on: scene.streams[0])
    scene.guest.say(.data(.standardError, [1]), on: scene.streams[0])
    #expect(scene.guest.verdict() != nil)
  }

  @Test func `a guest without a network is asked for nothing, and it is told why`() throws {
    let guest = try RawGuest()
    let gate = try NetworkGate(
      guest.connection, NetworkPolicy(entries: []), log: NetworkLog(path: nil))
    try guest.greet()
    let asked = try #require(guest.hear().first { $0.type == .network })
    guest.say(.failed(GuestFailure(.system, text: Array("no\u{1B}[2J".utf8))), on: asked.stream)
    for _ in 0..<20 {
      var set = PollSet()
      gate.watch(&set)
      guest.connection.watch(&set)
      set.wake(at: 0)
      try set.turn()
    }
    #expect(gate.failure == "no")
    #expect(try guest.hear().isEmpty)
  }
}
