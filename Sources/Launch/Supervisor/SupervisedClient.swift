internal import GuestProtocol
internal import Host

/// Another process of ours that talks to the guest through us. Towards it we play the guest: it
/// speaks `docs/formats/guest.md` as if it were alone, with stream numbers of its own.
///
/// It is no more trusted than a guest. What is wrong with its bytes ends this connection and
/// nothing else.
final class SupervisedClient {
  let connection: GuestConnection
  private let control: OwnedDescriptor
  private let streams: OwnedDescriptor
  private let token: [UInt8]
  private var controlQueue = ByteQueue()
  private var streamsQueue = ByteQueue()
  private var controlDecoder = FrameDecoder(port: .control, sender: .host)
  private var streamsDecoder = FrameDecoder(port: .streams, sender: .host)
  var assembler = OpenAssembler()
  var open: [SupervisedStream] = []
  /// The highest number that it has used.
  var highest: UInt32 = 0
  let budget: SupervisorBudget
  private var saidReady = false
  private(set) var isGone = false
  /// It froze the root file system and has not thawed it yet.
  var owesThaw = false
  /// Whose output comes first when there is little room.
  private var turn = 0

  /// A client that does not take its answers is not heard any further.
  private static let controlLimit = 1 << 20
  /// Output beyond this waits in its streams.
  private static let streamsLimit = 256 << 10
  private static let share = 256 << 10
  /// Control frames for the guest that wait; beyond this nobody may add to them.
  private static let guestLimit = 256 << 10

  init(
    _ connection: GuestConnection, control: consuming OwnedDescriptor,
    streams: consuming OwnedDescriptor, token: [UInt8], budget: SupervisorBudget
  ) {
    self.connection = connection
    self.control = control
    self.streams = streams
    self.token = token
    self.budget = budget
    let hello = Message.hello(Hello(nonce: token, mode: connection.mode)).encoded()
    controlQueue.append(hello)
    streamsQueue.append(hello)
  }

  // MARK: The loop

  func watch(_ set: inout PollSet) {
    guard !isGone else { return }
    pass()
    if controlQueue.count < Self.controlLimit, connection.controlBacklog < Self.guestLimit {
      set.watch(control.raw, .reading) { [self] in attempt { try receive(.control) } }
    }
    set.watch(streams.raw, .reading) { [self] in attempt { try receive(.streams) } }
    if !controlQueue.isEmpty { set.watch(control.raw, .writing) { [self] in flush() } }
    if !streamsQueue.isEmpty { set.watch(streams.raw, .writing) { [self] in flush() } }
  }

  /// Moves what can be moved, without waiting.
  private func pass() {
    if !saidReady, let milliseconds = connection.readyMilliseconds {
      saidReady = true
      controlQueue.append(Message.ready(milliseconds: milliseconds).encoded())
    }
    for stream in open { stream.passInput() }
    var isMoving = !open.isEmpty
    while isMoving, streamsQueue.count < Self.streamsLimit {
      isMoving = false
      for _ in open.indices where streamsQueue.count < Self.streamsLimit {
        turn = (turn + 1) % open.count
        if open[turn].passOutput(self) { isMoving = true }
      }
    }
    open.removeAll { $0.isOver && budget.release($0) }
  }

  private func attempt(_ body: () throws -> Void) {
    guard !isGone else { return }
    do { try body() } catch { leave() }
  }

  private func receive(_ port: GuestPort) throws {
    switch try Bytes.read(port == .control ? control.raw : streams.raw, upTo: Self.share) {
    case .nothingNow: return
    case .end: leave()
    case .bytes(let bytes): try take(bytes, port)
    }
  }

  /// Also what came with the first line of a connection.
  func takeFirst(_ bytes: [UInt8], _ port: GuestPort) { attempt { try take(bytes, port) } }

  private func take(_ bytes: [UInt8], _ port: GuestPort) throws {
    var rest = bytes[...]
    while !rest.isEmpty, !isGone {
      let frame: Frame?
      switch port {
      case .control: frame = try controlDecoder.next(from: &rest)
      case .streams: frame = try streamsDecoder.next(from: &rest)
      }
      guard let frame else { return }
      try handle(frame)
    }
  }

  /// It said hello with the token of its first line.
  func check(_ hello: Hello) throws {
    guard hello.nonce == token else {
      throw LaunchError.supervisor(reason: "a client greets as another one")
    }
  }

  // MARK: Sending

  func send(_ message: Message, on stream: UInt32 = 0) {
    if !isGone { controlQueue.append(message.encoded(stream: stream)) }
  }

  func sendEnd(_ channel: GuestChannel, on stream: UInt32) {
    if !isGone { streamsQueue.append(Message.end(channel).encoded(stream: stream)) }
  }

  func sendData(_ channel: GuestChannel, _ bytes: ArraySlice<UInt8>, on stream: UInt32) {
    streamsQueue.append(
      Frame.header(
        stream: stream, type: .data, channel: channel.rawValue, length: bytes.count) + bytes)
  }

  private func flush() {
    attempt {
      try flush(control.raw, &controlQueue)
      try flush(streams.raw, &streamsQueue)
    }
  }

  private func flush(_ descriptor: Int32, _ queue: inout ByteQueue) throws {
    while !queue.isEmpty {
      guard let count = try Bytes.write(descriptor, queue.front) else { return leave() }
      if count == 0 { return }
      queue.drop(count)
    }
  }

  // MARK: The end

  /// Whether it has everything that came for it so far.
  var isServed: Bool {
    isGone || controlQueue.isEmpty && streamsQueue.isEmpty && !open.contains { $0.hasOutput }
  }

  /// The VM is gone.
  func sayGoodbye(_ reason: String) { send(.fatal(text: [UInt8](reason.utf8))) }

  /// Ends what it started: nobody else could.
  func leave() {
    guard !isGone else { return }
    isGone = true
    for stream in open {
      stream.abandon()
      _ = budget.release(stream)
    }
    open = []
    if owesThaw { _ = try? connection.request(.thaw, endpoint: Exchange()) }
  }
}

/// Bounds what all clients together can make us hold.
final class SupervisorBudget {
  private var windows = WindowBudget()

  /// Takes the windows of a stream; false if there is no room.
  func reserve() -> Bool { windows.reserve(channels: StreamState.Form.command.channels) }

  /// Always true, for use in conditions.
  func release(_ stream: SupervisedStream) -> Bool {
    if stream.isOpen { windows.release(channels: StreamState.Form.command.channels) }
    return true
  }
}
