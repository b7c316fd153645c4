internal import CLinux
internal import GuestProtocol
internal import Host
internal import Vocabulary

/// One connection of a VM's: asked for by name, looked up, checked, made, and then only passed on.
///
/// Holds what the guest's window allows and nothing more: bytes from outside wait in the kernel
/// while the guest does not take them.
final class GateConnection: StreamEndpoint {
  private enum Stage {
    /// No program has connected yet.
    case waiting
    /// The first line has not come as a whole.
    case greeting
    /// `nil` while others are looked up.
    case lookingUp(NameLookup?)
    /// The rest are tried if this one fails.
    case connecting(rest: [HostAddress])
    case open
    /// Nothing more is passed on; the guest may not know it yet.
    case over
  }

  private let connection: GuestConnection
  private unowned let gate: NetworkGate
  private var stream: UInt32 = 0
  private var stage = Stage.waiting
  private var line: [UInt8] = []
  private var target = ConnectionLine(port: 0, name: [])
  private var socket: OwnedDescriptor?
  private var address: HostAddress?
  private var deadline: UInt64?
  /// On its way out.
  private var outgoing = ByteQueue()
  private var sent: Int64 = 0
  private var received: Int64 = 0
  private var programEnded = false
  private var programWantsNoMore = false
  private var serverEnded = false
  private var hasExited = false
  /// The guest has said its last of this stream.
  private(set) var isOver = false

  private static let connectPatience: UInt64 = 10_000_000_000
  private static let greetingPatience: UInt64 = 10_000_000_000
  /// More than this on the way to the guest, and what comes from outside waits.
  private static let backlog = 1 << 20
  private static let piece = 64 << 10

  init(_ connection: GuestConnection, _ gate: NetworkGate) throws {
    self.connection = connection
    self.gate = gate
    stream = try connection.request(.open(OpenRequest(.connection)), endpoint: self)
  }

  var isWaiting: Bool {
    if case .waiting = stage { return !isOver }
    return false
  }

  var isLookingUp: Bool {
    if case .lookingUp(.some) = stage { return true }
    return false
  }

  // MARK: The loop

  func watch(_ set: inout PollSet) {
    if let deadline { set.wake(at: deadline) }
    switch stage {
    case .waiting, .greeting, .over: break
    case .lookingUp(let lookup): lookup?.watch(&set)
    case .connecting:
      guard let raw = socket?.raw else { return }
      set.watch(raw, .writing) { [self] in connected() }
    case .open:
      guard let raw = socket?.raw else { return }
      if !outgoing.isEmpty { set.watch(raw, .writing) { [self] in try push(raw) } }
      if !serverEnded, !programWantsNoMore, connection.inputWindow(stream) > 0,
        connection.backlog < Self.backlog
      {
        set.watch(raw, .reading) { [self] in try pull(raw) }
      }
    }
  }

  /// What time and look-ups have brought.
  func check() {
    if case .lookingUp(let lookup) = stage {
      lookup?.check()
      if let found = lookup?.addresses { lookedUp(found) }
      if lookup == nil { lookUp() }
    }
    guard let at = deadline, Clock.monotonic() >= at else { return }
    deadline = nil
    switch stage {
    case .greeting: giveUp()
    case .connecting(let rest): connect(rest, instead: "it did not answer")
    default: break
    }
  }

  // MARK: On its way

  private func decide() {
    if target.port == 0 { return deny(NetworkPolicy.Refusal.name) }
    if let refusal = gate.policy.refusal(of: target.name, port: target.port) {
      return deny(refusal)
    }
    stage = .lookingUp(nil)
    lookUp()
  }

  private func lookUp() {
    guard gate.mayLookUp else { return }
    do {
      stage = .lookingUp(try NameLookup(target.name))
    } catch {
      fail("it can't be looked up: \((error as? any Failure)?.message ?? "\(error)")")
    }
  }

  private func lookedUp(_ found: [HostAddress]) {
    if found.isEmpty { return fail("the name has no address") }
    let (good, refusal) = gate.policy.reachable(found, as: target.name, port: target.port)
    if let refusal {
      address = found.first
      return deny(refusal)
    }
    connect(good, instead: nil)
  }

  /// Tries the first of these, to exactly the address that was checked.
  private func connect(_ addresses: [HostAddress], instead reason: String?) {
    socket = nil
    var reason = reason
    var rest = addresses[...]
    while let next = rest.popFirst() {
      address = next
      let raw = unsafe hutch_tcp_connect(next.bytes, next.bytes.count, target.port)
      if raw >= 0 {
        socket = OwnedDescriptor(owning: raw)
        stage = .connecting(rest: Array(rest))
        deadline = Clock.monotonic() + Self.connectPatience
        return
      }
      reason = HostError.text(of: -raw)
    }
    fail(reason ?? "it can't be reached")
  }

  private func connected() {
    guard case .connecting(let rest) = stage, let raw = socket?.raw else { return }
    let error = hutch_socket_error(raw)
    if error != 0 { return connect(rest, instead: HostError.text(of: error)) }
    deadline = nil
    stage = .open
    tell(.allowed, nil)
    endIfDone()
  }

  // MARK: Passing on

  private func pull(_ raw: Int32) throws {
    let window = connection.inputWindow(stream)
    guard window > 0, !serverEnded else { return }
    switch try Bytes.read(raw, upTo: min(window, Self.piece)) {
    case .nothingNow: return
    case .end:
      serverEnded = true
      connection.endInput(stream)
    case .bytes(let bytes):
      received += Int64(bytes.count)
      connection.sendInput(bytes[...], stream)
    }
  }

  private func push(_ raw: Int32) throws {
    guard !outgoing.isEmpty else { return }
    guard let count = try Bytes.write(raw, outgoing.front) else { return finish() }
    outgoing.drop(count)
    sent += Int64(count)
    connection.consumed(count, .standardOutput, stream)
    endIfDone()
  }

  private func endIfDone() {
    guard programEnded, outgoing.isEmpty else { return }
    switch stage {
    case .open:
      if let raw = socket?.raw { _ = hutch_shutdown_write(raw) }
    // What the program said before it went is still looked up and sent.
    case .lookingUp, .connecting: return
    case .waiting, .greeting, .over: break
    }
    if hasExited {
      isOver = true
      finish()
    }
  }

  // MARK: The guest

  func streamReceived(_ event: StreamEvent, on stream: UInt32) throws {
    switch event {
    case .started:
      // What follows may have been faster: it comes another way.
      if case .waiting = stage { begin() }
    case .data(_, let bytes): receive(bytes)
    case .ended(.standardOutput):
      programEnded = true
      endIfDone()
    case .ended(.standardInput): programWantsNoMore = true
    case .exited:
      // It may be faster than the program's last bytes: it comes another way.
      hasExited = true
      endIfDone()
    case .failed, .reset:
      isOver = true
      finish()
    case .ended, .credit, .done: break
    }
  }

  private func begin() {
    stage = .greeting
    deadline = Clock.monotonic() + Self.greetingPatience
  }

  private func receive(_ bytes: [UInt8]) {
    switch stage {
    case .waiting, .greeting:
      if case .waiting = stage { begin() }
      line += bytes
      guard let end = line.firstIndex(of: 0x0A), end < ConnectionLine.limit,
        let target = ConnectionLine(line[..<end])
      else {
        if line.count >= ConnectionLine.limit || line.contains(0x0A) { giveUp() }
        return
      }
      deadline = nil
      self.target = target
      connection.consumed(end + 1, .standardOutput, stream)
      if end + 1 < line.count { outgoing.append(Array(line[(end + 1)...])) }
      line = []
      decide()
    case .over: connection.consumed(bytes.count, .standardOutput, stream)
    default: outgoing.append(bytes)
    }
  }

  // MARK: The end

  private func deny(_ refusal: NetworkPolicy.Refusal) {
    tell(.denied, refusal.rawValue)
    giveUp()
  }

  private func fail(_ reason: String) {
    tell(.failed, reason)
    giveUp()
  }

  /// The program's connection is reset.
  private func giveUp() {
    stage = .over
    socket = nil
    deadline = nil
    outgoing = ByteQueue()
    if !isOver { connection.reset(stream) }
  }

  private func finish() {
    if case .open = stage { tell(.ended, nil) }
    giveUp()
  }

  private func tell(_ verdict: NetworkEvent.Verdict, _ reason: String?) {
    var event = NetworkEvent(
      time: SourceDate(Clock.now()), verdict: verdict,
      name: String(decoding: target.name, as: UTF8.self), port: target.port)
    event.address = address?.description
    event.sent = ByteCount(sent)
    event.received = ByteCount(received)
    event.reason = reason
    gate.tell(event)
  }
}
