import CGuest
import GuestProtocol

/// Serves the two ports and all streams in one loop that never blocks.
final class Server {
  let control: Port
  let streams: Port
  let arguments: KernelArguments
  private let childSignals: Int32
  /// Of the last hello on each port.
  private var nonce: [UInt8]
  private var streamsNonce: [UInt8]
  private var sessions: [Session] = []
  /// What the VM shares with others.
  private var shares: [SharedFiles] = []
  private var assembler = OpenAssembler()
  /// The highest stream number that the host has used.
  private var highest: UInt32 = 0
  private var shutdown: Shutdown?
  /// Once the host wanted one.
  private var network: Network?
  /// Who comes first when the streams port has little room.
  private var turn = 0

  /// Output waits in the commands' pipes, not here.
  private static let streamsQueueLimit = 128 << 10
  /// A host that asks and never reads is not read either.
  private static let controlQueueLimit = 1 << 20
  private static let sessionLimit = 512
  private static let shareLimit = 16

  init(_ arguments: KernelArguments, control: Port, streams: Port) throws(SystemError) {
    self.arguments = arguments
    self.control = control
    self.streams = streams
    nonce = arguments.nonce
    streamsNonce = arguments.nonce
    childSignals = try check(guest_child_signals(), "watch children")
  }

  /// Says hello on both ports; the host can answer while the boot goes on.
  func greet() {
    for port in [control, streams] {
      port.send(hello(nonce))
      port.flush()
    }
  }

  private func hello(_ nonce: [UInt8]) -> [UInt8] {
    Message.hello(
      Hello(nonce: nonce, mode: arguments.mode == .start ? .start : .run)
    ).encoded()
  }

  func serve() -> Never {
    control.send(
      Message.ready(milliseconds: UInt32(truncatingIfNeeded: guest_uptime_ms())).encoded())
    while true {
      do {
        try step()
      } catch {
        Boot.fail("the host sent what it must not: \(error)", control)
      }
    }
  }

  // MARK: The loop

  /// What an entry of the poll table stands for.
  private enum Source {
    case children
    case port(Port)
    case input(Session)
    case output(Session, Int)
    case connections(Network)
    case questions(Network)
    case files(SharedFiles)
  }

  private func step() throws(GuestProtocolError) {
    var entries: [guest_poll] = []
    var sources: [Source] = []
    func add(_ descriptor: Int32, _ events: Int16, _ source: Source) {
      guard descriptor >= 0 else { return }
      entries.append(guest_poll(descriptor: descriptor, events: events, revents: 0))
      sources.append(source)
    }
    let readable = Int16(GUEST_POLL_IN)
    let writable = Int16(GUEST_POLL_OUT)
    add(childSignals, readable, .children)
    for port in [control, streams] {
      let mayRead = port === streams || control.queued < Server.controlQueueLimit
      add(port.descriptor, (mayRead ? readable : 0) | (port.queued > 0 ? writable : 0), .port(port))
    }
    if let network {
      add(network.questionsToPoll, readable, .questions(network))
      if shutdown == nil { add(network.connectionsToPoll, readable, .connections(network)) }
    }
    for share in shares { add(share.toPoll, readable, .files(share)) }
    let hasRoom = streams.queued < Server.streamsQueueLimit
    turn = sessions.isEmpty ? 0 : (turn + 1) % sessions.count
    for session in sessions[turn...] + sessions[..<turn] {
      add(session.inputToPoll, writable, .input(session))
      guard hasRoom else { continue }
      for index in session.outputs.indices {
        add(session.outputToPoll(index), readable, .output(session, index))
      }
    }
    _ = unsafe guest_poll(&entries, entries.count, timeout)
    for (entry, source) in zip(entries, sources) where entry.revents != 0 {
      try handle(source, entry.revents)
    }
    for port in [control, streams] where port.queued > 0 { port.flush() }
    let now = guest_monotonic_ms()
    sessions.removeAll { $0.finishIfDone(self, now) }
    for share in shares { share.step(self, now) }
    if let shutdown { shutdown.step(self, now) }
    for port in [control, streams] where port.queued > 0 { port.flush() }
  }

  /// Milliseconds, or -1 for ever.
  private var timeout: Int32 {
    // A port without a host is ready all the time; look now and then.
    guard control.wasConnected, streams.wasConnected else { return 0 }
    let now = guest_monotonic_ms()
    var waits = sessions.compactMap { $0.patience(now) } + shares.compactMap { $0.patience(now) }
    if shutdown != nil { waits.append(20) }
    return waits.min().map { Int32(min($0, 60_000)) } ?? -1
  }

  private func handle(_ source: Source, _ events: Int16) throws(GuestProtocolError) {
    let hangUp = Int16(GUEST_POLL_HUP)
    switch source {
    case .children:
      guest_drain_signals(childSignals)
      reap()
    case .port(let port):
      if events & Int16(GUEST_POLL_OUT) != 0 { port.flush() }
      guard events & (Int16(GUEST_POLL_IN) | hangUp) != 0 else { return }
      let isThere =
        try port.receive { frame throws(GuestProtocolError) in
          if port === control { try takeControl(frame) } else { try takeStreams(frame) }
        }
      if !isThere { hostIsAway(port) }
    case .input(let session):
      if session.inputToPoll >= 0 { session.writeInput(self) }
    case .connections(let network):
      if let session = network.accept(self) { sessions.append(session) }
    case .questions(let network): network.answerQuestions(self)
    case .files(let share): share.noticed()
    case .output(let session, let index):
      guard streams.queued < Server.streamsQueueLimit, session.outputToPoll(index) >= 0 else {
        return
      }
      session.readOutput(index, self)
    }
  }

  private func hostIsAway(_ port: Port) {
    if port === control, port.wasConnected {
      log("the host is gone")
      Shutdown.powerOff(GUEST_POWER_OFF)
    }
    _ = guest_poll(nil, 0, 5)
  }

  private func reap() {
    var signalled: Int32 = 0
    var value: Int32 = 0
    while true {
      let pid = unsafe guest_reap(&signalled, &value)
      guard pid > 0 else { return }
      guard let session = sessions.first(where: { $0.pid == pid && $0.exit == nil }) else {
        continue
      }
      let number = UInt8(truncatingIfNeeded: value)
      session.ended(signalled == 1 ? .signalled(number) : .exited(number))
    }
  }

  // MARK: Frames

  private func session(_ stream: UInt32) -> Session? { sessions.first { $0.stream == stream } }

  private func share(_ stream: UInt32) -> SharedFiles? { shares.first { $0.stream == stream } }

  /// Tells the host what changed last; the machine is about to go off.
  func flushShares() {
    if shares.isEmpty { return }
    for share in shares { share.flush(self) }
    streams.drain(milliseconds: 1000)
  }

  private func takeStreams(_ frame: Frame) throws(GuestProtocolError) {
    switch try Message(frame) {
    case .hello(let greeting):
      guard greeting.nonce != streamsNonce else { return }
      streamsNonce = greeting.nonce
      streams.send(hello(streamsNonce))
    case .data(_, let bytes):
      try session(frame.stream)?.receive(bytes)
      try share(frame.stream)?.receive(bytes, self)
    case .end(.standardInput): session(frame.stream)?.endInput()
    case .end(let channel): session(frame.stream)?.dropOutput(channel, self)
    default: break
    }
  }

  private func takeControl(_ frame: Frame) throws(GuestProtocolError) {
    if frame.type == .openPart || frame.type == .open {
      if let request = try assembler.take(frame) {
        try claim(frame)
        open(request, frame.stream)
      }
      return
    }
    let message = try Message(frame)
    switch message {
    case .hello(let greeting): adopt(greeting)
    case .ping(let token): control.send(Message.pong(token).encoded())
    case .pong: break
    case .credit(let channel, let bytes):
      try session(frame.stream)?.grant(channel, bytes)
      if channel == .standardOutput { try share(frame.stream)?.grant(bytes) }
    case .signal(let number): session(frame.stream)?.signal(Int32(number))
    case .resize(let size): session(frame.stream)?.resize(size)
    case .reset:
      session(frame.stream)?.reset(self)
      let isShare = share(frame.stream) != nil
      shares.removeAll { $0.stream == frame.stream }
      if network?.forget(frame.stream) == true || isShare {
        control.send(Message.reset.encoded(stream: frame.stream))
      }
    default:
      try claim(frame)
      answer(message, frame.stream)
    }
  }

  /// A request takes a number that was never used.
  private func claim(_ frame: Frame) throws(GuestProtocolError) {
    guard frame.stream > highest else {
      throw .wrongStream(type: frame.type, stream: frame.stream)
    }
    highest = frame.stream
  }

  /// A host that took over a thawed guest counts streams anew.
  private func adopt(_ greeting: Hello) {
    guard greeting.nonce != nonce else { return }
    nonce = greeting.nonce
    for session in sessions { session.reset(self) }
    sessions = []
    shares = []
    network?.forgetAll()
    highest = 0
    assembler = OpenAssembler()
    control.send(hello(nonce))
  }

  private func open(_ request: OpenRequest, _ stream: UInt32) {
    do throws(StartFailure) {
      guard sessions.count < Server.sessionLimit, shutdown == nil else {
        throw StartFailure(.noResources, shutdown == nil ? "too many streams" : "shutting down")
      }
      if request.kind == .connection {
        guard let network else { throw StartFailure(.invalid, "the network is not up") }
        return network.await(stream, self)
      }
      if request.kind == .files {
        guard shares.count < Server.shareLimit else {
          throw StartFailure(.noResources, "too many shares")
        }
        shares.append(
          try SharedFiles(request, stream: stream, defaultUser: arguments.user))
        control.send(Message.started(pid: 0).encoded(stream: stream))
        streams.send(Message.end(.standardError).encoded(stream: stream))
        return
      }
      let session = try Session.start(request, stream: stream, defaultUser: arguments.user)
      sessions.append(session)
      control.send(Message.started(pid: UInt32(session.pid)).encoded(stream: stream))
      if session.isTerminal {
        streams.send(Message.end(.standardError).encoded(stream: stream))
      }
    } catch {
      control.send(Message.failed(error.failure).encoded(stream: stream))
    }
  }

  private func answer(_ request: Message, _ stream: UInt32) {
    if case .shutdown(let kind, let grace) = request {
      if shutdown == nil {
        shutdown = Shutdown(
          kind, grace: UInt64(grace), stream: stream, isInit: arguments.mode == .run)
        shutdown?.begin(self)
      }
      return
    }
    do throws(SystemError) {
      if case .network(let allowed) = request {
        let entries = allowed.compactMap { AllowedHost($0) }
        if let network { network.allow(entries) } else { network = try Network(entries) }
      } else {
        try Requests.carryOut(request)
      }
      control.send(Message.done([]).encoded(stream: stream))
    } catch {
      // Nobody may be waiting for the answer.
      if case .network = request { log("no network: \(error)") }
      let failure = GuestFailure(
        .system, errno: error.errno, text: [UInt8]("\(error)".utf8))
      control.send(Message.failed(failure).encoded(stream: stream))
    }
  }

  /// Whether any command still runs.
  var isBusy: Bool { sessions.contains { $0.isBusy } }
}
