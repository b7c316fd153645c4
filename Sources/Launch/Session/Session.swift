internal import GuestProtocol
internal import Host

/// One open stream and the caller's ends of it. Never holds more than the windows of the stream:
/// an end that does not take what it gets stops its own channel and nothing else.
final class Session: StreamEndpoint {
  private let connection: GuestConnection
  private let io: SessionIO
  private var stream: UInt32 = 0
  private var output = ByteQueue()
  private var error = ByteQueue()
  private var outputEnded = false
  private var errorEnded = false
  private var sourceEnded = false
  private var exit: GuestExit?
  private var result: SessionOutcome?
  private(set) var wasReset = false
  private(set) var times = SessionTimes()

  init(_ connection: GuestConnection, _ io: SessionIO) {
    self.connection = connection
    self.io = io
  }

  func open(_ request: OpenRequest) throws {
    times.asked = Clock.monotonic()
    stream = try connection.request(.open(request), endpoint: self)
  }

  var isStarted: Bool { times.started != nil }

  /// Set once the command has ended and everything that it said was passed on.
  var outcome: SessionOutcome? {
    if let result { return result }
    guard let exit, outputEnded, errorEnded, output.isEmpty, error.isEmpty else { return nil }
    switch exit {
    case .exited(let code): return .exited(code)
    case .signalled(let signal): return .signalled(signal)
    }
  }

  /// Whether something has to come from the guest before there is an outcome.
  var needsGuest: Bool { result == nil && (exit == nil || !outputEnded || !errorEnded) }

  /// Ends it with this outcome, whatever the guest does.
  func stop(_ outcome: SessionOutcome) {
    guard result == nil else { return }
    result = outcome
    connection.reset(stream)
  }

  func signal(_ number: Int32) { connection.signal(UInt32(number), stream) }
  func resize(_ size: TerminalSize) { connection.resize(size, stream) }

  // MARK: The loop

  /// More than this on the way to the guest, and input waits.
  private static let backlog = 1 << 20
  private static let piece = 64 << 10

  func watch(_ set: inout PollSet) {
    guard result == nil else { return }
    if let source = io.input, !sourceEnded, connection.inputWindow(stream) > 0,
      connection.backlog < Self.backlog
    {
      if source.descriptor >= 0 {
        set.watch(source.descriptor, .reading) { [self] in try pull(source) }
      } else {
        set.always { [self] in try pull(source) }
      }
    }
    watch(&set, .standardOutput, io.output, isEmpty: output.isEmpty)
    watch(&set, .standardError, io.error, isEmpty: error.isEmpty)
  }

  private func watch(
    _ set: inout PollSet, _ channel: GuestChannel, _ sink: any ByteSink, isEmpty: Bool
  ) {
    if isEmpty { return }
    if sink.descriptor >= 0 {
      set.watch(sink.descriptor, .writing) { [self] in try push(channel, sink) }
    } else {
      set.always { [self] in try push(channel, sink) }
    }
  }

  private func pull(_ source: any ByteSource) throws {
    let window = connection.inputWindow(stream)
    guard window > 0, !sourceEnded else { return }
    guard let bytes = try source.next(min(window, Self.piece)) else { return }
    if bytes.isEmpty {
      sourceEnded = true
      connection.endInput(stream)
    } else {
      connection.sendInput(bytes[...], stream)
    }
  }

  private func push(_ channel: GuestChannel, _ sink: any ByteSink) throws {
    let isOutput = channel == .standardOutput
    let front = isOutput ? output.front : error.front
    guard !front.isEmpty else { return }
    guard let count = try sink.take(front) else {
      if isOutput { return stop(.outputClosed) }
      // Without standard error life goes on.
      connection.refuseOutput(channel, stream)
      let rest = error.count
      error.drop(rest)
      return connection.consumed(rest, channel, stream)
    }
    if isOutput { output.drop(count) } else { error.drop(count) }
    connection.consumed(count, channel, stream)
  }

  // MARK: The guest

  func streamReceived(_ event: StreamEvent, on stream: UInt32) throws {
    switch event {
    case .started:
      times.started = Clock.monotonic()
      if io.input == nil { connection.endInput(stream) }
    case .data(let channel, let bytes):
      if times.firstOutput == nil { times.firstOutput = Clock.monotonic() }
      if channel == .standardOutput { output.append(bytes) } else { error.append(bytes) }
    case .ended(.standardInput): sourceEnded = true
    case .ended(.standardOutput): outputEnded = true
    case .ended(.standardError): errorEnded = true
    case .exited(let how):
      exit = how
      times.ended = Clock.monotonic()
    case .failed(let failure): result = result ?? .failed(failure)
    case .reset: wasReset = true
    case .credit, .done: break
    }
  }
}

/// A request that is answered once.
final class Exchange: StreamEndpoint {
  private(set) var answer: [UInt8]?
  private(set) var failure: GuestFailure?
  private(set) var wasReset = false
  var isOver: Bool { answer != nil || failure != nil || wasReset }

  func streamReceived(_ event: StreamEvent, on stream: UInt32) {
    switch event {
    case .done(let bytes): answer = bytes
    case .failed(let reason): failure = reason
    case .reset: wasReset = true
    default: break
    }
  }
}
