package import GuestProtocol
package import Host

/// The host's end of the guest channel (`docs/formats/guest.md`): one object, two descriptors, any
/// number of streams. It neither blocks nor waits: a loop asks it what to `watch`.
///
/// The other side is not trusted. Every byte is checked, all memory that it can make us hold is
/// bounded, and the first thing that is wrong is thrown, from then on for ever.
package final class GuestConnection {
  private let control: OwnedDescriptor
  private let streams: OwnedDescriptor
  var controlQueue = ByteQueue()
  var streamsQueue = ByteQueue()
  private var controlDecoder = FrameDecoder(port: .control, sender: .guest)
  private var streamsDecoder = FrameDecoder(port: .streams, sender: .guest)
  var states: [UInt32: StreamState] = [:]
  var budget = WindowBudget()
  private(set) var lastStream: UInt32 = 0
  let nonce: [UInt8]

  /// Ports whose first frame came and was right.
  var greeted: Set<GuestPort> = []
  package var isGreeted: Bool { greeted.count == GuestPort.allCases.count }
  /// Milliseconds since the guest's kernel started, once it is ready.
  package internal(set) var readyMilliseconds: UInt32?
  package internal(set) var fatal: [UInt8]?
  package internal(set) var capabilities: GuestCapabilities = []
  package internal(set) var mode = GuestMode.run
  /// The other side hung up.
  package private(set) var isClosed = false
  private var failure: (any Error)?

  /// Control frames that wait to be sent; a guest that makes us answer without reading the
  /// answers gets no further than this. Two requests of the largest size fit.
  static let controlLimit = 4 << 20
  /// Bytes read from a port before others get their turn.
  private static let share = 256 << 10

  /// Takes connected sockets and says hello.
  package init(
    control: consuming OwnedDescriptor, streams: consuming OwnedDescriptor, nonce: [UInt8]
  ) throws {
    try control.setNonblocking(true)
    try streams.setNonblocking(true)
    self.control = control
    self.streams = streams
    self.nonce = nonce
    let hello = Message.hello(Hello(nonce: nonce)).encoded()
    controlQueue.append(hello)
    streamsQueue.append(hello)
  }

  /// How many streams are alive.
  package var streamCount: Int { states.count }
  package func isAlive(_ stream: UInt32) -> Bool { states[stream] != nil }
  /// How many of them are commands.
  package var sessionCount: Int { states.values.count { $0.form == .command } }
  /// How many bytes of streams wait to be taken by the guest.
  package var backlog: Int { streamsQueue.count }
  /// The same of everything else.
  package var controlBacklog: Int { controlQueue.count }

  // MARK: The loop

  package func watch(_ set: inout PollSet) {
    guard !isClosed, failure == nil else { return }
    set.watch(control.raw, .reading) { [self] in try receive(.control) }
    set.watch(streams.raw, .reading) { [self] in try receive(.streams) }
    if !controlQueue.isEmpty {
      set.watch(control.raw, .writing) { [self] in try flush(control.raw, &controlQueue) }
    }
    if !streamsQueue.isEmpty {
      set.watch(streams.raw, .writing) { [self] in try flush(streams.raw, &streamsQueue) }
    }
  }

  private func flush(_ descriptor: Int32, _ queue: inout ByteQueue) throws {
    while !queue.isEmpty {
      guard let count = try Bytes.write(descriptor, queue.front) else { return close() }
      if count == 0 { return }
      queue.drop(count)
    }
  }

  private func receive(_ port: GuestPort) throws {
    if let failure { throw failure }
    let descriptor = port == .control ? control.raw : streams.raw
    guard !isClosed else { return }
    switch try Bytes.read(descriptor, upTo: Self.share) {
    case .nothingNow: return
    case .end: close()
    case .bytes(let bytes):
      do {
        try take(bytes, port)
      } catch {
        failure = (error as? GuestProtocolError).map { LaunchError.protocolBroken($0) } ?? error
        throw failure ?? error
      }
    }
  }

  private func take(_ bytes: [UInt8], _ port: GuestPort) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let frame: Frame?
      switch port {
      case .control: frame = try controlDecoder.next(from: &rest)
      case .streams: frame = try streamsDecoder.next(from: &rest)
      }
      guard let frame else { return }
      try handle(frame, port)
      guard controlQueue.count <= Self.controlLimit else {
        throw LaunchError.misbehaved(reason: "it asks without reading our answers")
      }
    }
  }

  /// All streams are lost.
  private func close() {
    isClosed = true
    states = [:]
  }

  /// Gives the other side up; it sees that when this object goes.
  package func abandon() { close() }

  // MARK: Sending

  /// Opens a stream for `open` and for every other request. Nothing needs to have come from the
  /// guest yet: it keeps requests until it is ready.
  package func request(_ message: Message, endpoint: any StreamEndpoint) throws -> UInt32 {
    if let failure { throw failure }
    guard !isClosed else { throw LaunchError.channelClosed }
    let form = StreamState.Form(message)
    guard controlQueue.count < Self.controlLimit / 2, lastStream < UInt32.max,
      form != .request || states.count < 4096, budget.reserve(channels: form.channels)
    else { throw LaunchError.tooManyStreams }
    lastStream += 1
    states[lastStream] = StreamState(endpoint: endpoint, form: form)
    controlQueue.append(message.encoded(stream: lastStream))
    return lastStream
  }

  func finish(_ stream: UInt32) {
    guard let state = states.removeValue(forKey: stream) else { return }
    budget.release(channels: state.form.channels)
  }

  package func signal(_ number: UInt32, _ stream: UInt32) {
    send(.signal(number), on: stream)
  }

  package func resize(_ size: TerminalSize, _ stream: UInt32) { send(.resize(size), on: stream) }

  /// Gives a stream up; the guest kills what it started and answers with `reset`.
  package func reset(_ stream: UInt32) {
    guard states[stream]?.resetSent == false else { return }
    states[stream]?.resetSent = true
    send(.reset, on: stream)
  }

  private func send(_ message: Message, on stream: UInt32) {
    guard states[stream] != nil, controlQueue.count < Self.controlLimit else { return }
    controlQueue.append(message.encoded(stream: stream))
  }

  /// How many bytes of input may be sent now; 0 when no more are wanted.
  package func inputWindow(_ stream: UInt32) -> Int {
    guard let state = states[stream], state.isStarted, !state.inputEnded else { return 0 }
    return state.input.available
  }

  /// Whether the guest still takes input.
  package func wantsInput(_ stream: UInt32) -> Bool {
    states[stream].map { !$0.inputEnded } ?? false
  }

  /// At most `inputWindow` bytes.
  package func sendInput(_ bytes: ArraySlice<UInt8>, _ stream: UInt32) {
    guard states[stream]?.inputEnded == false, !bytes.isEmpty else { return }
    states[stream]?.input.consume(bytes.count)
    var rest = bytes
    while !rest.isEmpty {
      let part = rest.prefix(GuestProtocolLimits.payload)
      streamsQueue.append(
        Frame.header(
          stream: stream, type: .data, channel: GuestChannel.standardInput.rawValue,
          length: part.count) + part)
      rest = rest.dropFirst(part.count)
    }
  }

  package func endInput(_ stream: UInt32) {
    guard states[stream]?.inputEnded == false else { return }
    states[stream]?.inputEnded = true
    streamsQueue.append(Message.end(.standardInput).encoded(stream: stream))
  }

  /// Nobody wants the rest of this output.
  package func refuseOutput(_ channel: GuestChannel, _ stream: UInt32) {
    guard let state = states[stream], channel != .standardInput else { return }
    guard channel == .standardOutput ? !state.outputEnded : !state.errorEnded else { return }
    streamsQueue.append(Message.end(channel).encoded(stream: stream))
  }

  /// So many bytes of an output were passed on; the guest may send as many more.
  package func consumed(_ count: Int, _ channel: GuestChannel, _ stream: UInt32) {
    var credit: UInt32?
    switch channel {
    case .standardInput: return
    case .standardOutput: credit = states[stream]?.output.consume(count)
    case .standardError: credit = states[stream]?.error.consume(count)
    }
    if let credit { send(.credit(channel, bytes: credit), on: stream) }
  }
}
