package import GuestProtocol
internal import Host

/// A way to a running guest: the VM itself, or its supervisor. Commands run the same over both.
package protocol GuestLink: AnyObject {
  var connection: GuestConnection { get }
  /// Adds all that the link itself waits for.
  func watch(_ set: inout PollSet)
  /// Throws when the link is of no use any more, or something took too long.
  func check() throws
}

extension GuestLink {
  /// Runs a command to its end, passing bytes, signals and window sizes on.
  ///
  /// SIGINT, SIGTERM and SIGHUP to this process go to the command. A second signal, or one of the
  /// latter two not heeded within ten seconds, stops it. With a terminal Ctrl-C is a key like
  /// any other.
  ///
  /// - Parameters:
  ///   - request: `terminal` and `wantsInput` are filled in from `io`.
  ///   - milliseconds: how long it may take, from now.
  package func run(
    _ request: OpenRequest, io: SessionIO, milliseconds: Int? = nil
  ) throws -> (outcome: SessionOutcome, times: SessionTimes) {
    var request = request
    request.wantsInput = io.input != nil
    if let terminal = io.terminal {
      let size = CallerTerminal.size(of: terminal)
      request.terminal = size ?? TerminalSize(rows: 24, columns: 80)
    }
    let session = Session(connection, io)
    try session.open(request)
    let terminal = io.terminal.map { CallerTerminal($0) }
    defer { terminal?.restore() }
    var signals = ForwardedSignals()
    let deadline = milliseconds.map { Clock.monotonic() + UInt64($0) * 1_000_000 }
    while true {
      if let outcome = session.outcome {
        // Lets a reset get out before the caller hangs up.
        if outcome == .outputClosed || outcome == .timedOut { flush() }
        return (outcome, session.times)
      }
      if session.wasReset { throw LaunchError.misbehaved(reason: "it dropped a command") }
      var set = PollSet()
      watch(&set)
      session.watch(&set)
      set.watch(Interrupt.descriptor, .reading) { signals.came(session) }
      if let at = signals.deadline { set.wake(at: at) }
      if let terminal {
        set.watch(terminal.windowChanges, .reading) {
          if let size = terminal.changedSize() { session.resize(size) }
        }
      }
      if let deadline { set.wake(at: deadline) }
      try set.turn()
      if let deadline, Clock.monotonic() >= deadline { session.stop(.timedOut) }
      signals.check(session)
      // What only has to be passed on still can be, even if the machine is gone by now.
      if session.needsGuest { try check() }
    }
  }

  /// Asks something that is answered once; the answer's bytes.
  @discardableResult
  package func request(_ message: Message, milliseconds: Int) throws -> [UInt8] {
    let exchange = Exchange()
    _ = try connection.request(message, endpoint: exchange)
    let deadline = Clock.monotonic() + UInt64(milliseconds) * 1_000_000
    while !exchange.isOver {
      var set = PollSet()
      watch(&set)
      set.wake(at: deadline)
      set.watch(Interrupt.descriptor, .reading) { try Interrupt.check() }
      try set.turn()
      if exchange.isOver { break }
      try check()
      if Clock.monotonic() >= deadline {
        throw LaunchError.timedOut(
          what: "the request \"\(message.type)\"", seconds: milliseconds / 1000)
      }
    }
    if let answer = exchange.answer { return answer }
    let text = exchange.failure.map { String(decoding: $0.text, as: UTF8.self) }
    throw LaunchError.refused(request: "\(message.type)", reason: text ?? "it was dropped")
  }

  /// Sends a tree: `tar` gives the archive piece by piece, an empty piece at its end.
  ///
  /// - Returns: how it went and what the guest said about it.
  package func sendTree(
    to directory: [UInt8], user: [UInt8] = [], remembers: Bool,
    tar: @escaping (_ most: Int) throws -> [UInt8]
  ) throws -> TransferOutcome {
    var request = OpenRequest(.unpack)
    request.directory = directory
    request.user = user
    request.remembers = remembers
    let said = MemorySink(limit: TransferOutcome.said)
    let io = SessionIO(
      input: FunctionSource(tar), output: MemorySink(limit: 0), error: said)
    return TransferOutcome(try run(request, io: io).outcome, said)
  }

  /// Fetches a tree, or what has the `names` in it: `tar` gets the archive as it comes.
  package func receiveTree(
    from directory: [UInt8], names: [[UInt8]] = [], user: [UInt8] = [], onlyChanges: Bool,
    tar: @escaping ([UInt8]) throws -> Void
  ) throws -> TransferOutcome {
    var request = OpenRequest(.pack)
    request.directory = directory
    request.arguments = names
    request.user = user
    request.onlyChanges = onlyChanges
    let said = MemorySink(limit: TransferOutcome.said)
    let io = SessionIO(input: nil, output: FunctionSink(tar), error: said)
    return TransferOutcome(try run(request, io: io).outcome, said)
  }

  /// One turn without waiting, for what is still to be sent.
  private func flush() {
    var set = PollSet()
    watch(&set)
    set.wake(at: Clock.monotonic() + 50_000_000)
    try? set.turn()
  }
}

/// How sending or fetching a tree went.
package struct TransferOutcome: Sendable {
  static let said = 64 << 10

  package var outcome: SessionOutcome
  /// Lines of the guest's: warnings, and why it failed. Untrusted.
  package var messages: String
  package var isSuccess: Bool { outcome == .exited(0) }

  init(_ outcome: SessionOutcome, _ said: MemorySink) {
    self.outcome = outcome
    messages = String(decoding: said.bytes, as: UTF8.self)
    if case .failed(let failure) = outcome {
      messages += String(decoding: failure.text, as: UTF8.self)
    }
  }
}

/// Signals to us while a command runs.
private struct ForwardedSignals {
  private var first: Int32?
  private(set) var deadline: UInt64?

  mutating func came(_ session: Session) {
    guard let signal = Interrupt.signal else { return }
    Interrupt.forget()
    if first != nil || !session.isStarted {
      session.stop(.interrupted(signal: signal))
      return
    }
    first = signal
    session.signal(signal)
    // Whoever sends SIGTERM or SIGHUP waits for us to go, and does not send another.
    if signal != 2 { deadline = Clock.monotonic() + 10_000_000_000 }
  }

  mutating func check(_ session: Session) {
    guard let deadline, let first, Clock.monotonic() >= deadline else { return }
    self.deadline = nil
    session.stop(.interrupted(signal: first))
  }
}
