internal import GuestProtocol

/// One request of a client's, on its way to the guest and back.
///
/// Credit is passed on rather than granted anew: the client may send what the guest may be sent,
/// and the guest what the client takes. So nothing piles up here beyond the three windows of the
/// stream, whoever stands still, and no other stream feels it.
final class SupervisedStream: StreamEndpoint {
  private let connection: GuestConnection
  /// The client's number, and the guest's.
  let number: UInt32
  private(set) var guestNumber: UInt32 = 0
  let isOpen: Bool
  /// `nil` once the client is gone.
  private weak var client: SupervisedClient?

  private var isStarted = false
  private var input = ByteQueue()
  /// What the client may still send.
  private var inputWindow = GuestProtocolLimits.window
  private var inputCredit = 0
  private var inputEnds = false
  /// The guest wants no more.
  private var inputIsRefused = false
  private var output = Output()
  private var error = Output()
  /// Set when the guest has said its last.
  private var isFinal = false

  /// One channel towards the client.
  private struct Output {
    var queue = ByteQueue()
    var ends = false
    var endIsSent = false
    /// Passed on, and not yet taken by the client.
    var unacknowledged = 0
  }

  init(_ connection: GuestConnection, number: UInt32, isOpen: Bool, client: SupervisedClient) {
    self.connection = connection
    self.number = number
    self.isOpen = isOpen
    self.client = client
  }

  func ask(_ request: Message) throws {
    guestNumber = try connection.request(request, endpoint: self)
  }

  /// Whether everything was passed on, and the number means nothing any more.
  var isOver: Bool { isFinal && (!isOpen || !isStarted || output.endIsSent && error.endIsSent) }

  /// Whether something waits for the client.
  var hasOutput: Bool { !output.queue.isEmpty || !error.queue.isEmpty }

  // MARK: From the client

  private func misbehaved(_ reason: String) -> LaunchError {
    .supervisor(reason: "a client sends \(reason)")
  }

  func receiveInput(_ bytes: [UInt8]) throws {
    guard isStarted, !inputEnds, bytes.count <= inputWindow else {
      throw misbehaved("input that it may not send")
    }
    inputWindow -= bytes.count
    if !inputIsRefused { input.append(bytes) }
  }

  func endInput() throws {
    guard isStarted, !inputEnds else { throw misbehaved("an end that it may not send") }
    inputEnds = true
  }

  func refuse(_ channel: GuestChannel) { connection.refuseOutput(channel, guestNumber) }

  func grant(_ channel: GuestChannel, _ bytes: Int) throws {
    let isOutput = channel == .standardOutput
    guard bytes <= (isOutput ? output : error).unacknowledged else {
      throw misbehaved("credit for what it never got")
    }
    if isOutput { output.unacknowledged -= bytes } else { error.unacknowledged -= bytes }
    connection.consumed(bytes, channel, guestNumber)
  }

  func signal(_ number: UInt32) { connection.signal(number, guestNumber) }
  func resize(_ size: TerminalSize) { connection.resize(size, guestNumber) }
  func reset() { connection.reset(guestNumber) }

  /// The client is gone: what it started ends with it, and nothing is kept for it.
  func abandon() {
    client = nil
    input = ByteQueue()
    output = Output()
    error = Output()
    if isOpen { reset() }
  }

  // MARK: From the guest

  func streamReceived(_ event: StreamEvent, on stream: UInt32) {
    guard let client else { return }
    switch event {
    case .started(let pid):
      isStarted = true
      client.send(.started(pid: pid), on: number)
    case .data(let channel, let bytes):
      if channel == .standardOutput {
        output.queue.append(bytes)
      } else {
        error.queue.append(bytes)
      }
    case .ended(.standardInput):
      inputIsRefused = true
      input = ByteQueue()
      client.sendEnd(.standardInput, on: number)
    case .ended(.standardOutput): output.ends = true
    case .ended(.standardError): error.ends = true
    case .credit(let bytes): passCredit(Int(bytes))
    case .exited(let exit):
      isFinal = true
      client.send(.exit(exit), on: number)
    case .done(let bytes): end(client, .done(bytes))
    case .failed(let failure): end(client, .failed(failure))
    case .reset: end(client, .reset)
    }
  }

  private func end(_ client: SupervisedClient, _ message: Message) {
    isFinal = true
    output.endIsSent = true
    error.endIsSent = true
    client.send(message, on: number)
  }

  /// Bytes of credit that are worth a frame. A guest that grants one at a time must not make us
  /// keep a frame for each.
  private static let worthwhile = GuestProtocolLimits.window / 4

  private func passCredit(_ bytes: Int) {
    inputCredit += bytes
    guard inputCredit >= Self.worthwhile, !inputEnds else { return }
    client?.send(.credit(.standardInput, bytes: UInt32(inputCredit)), on: number)
    inputWindow += inputCredit
    inputCredit = 0
  }

  // MARK: Passing on

  /// More than this on the way to the guest, and input waits here.
  private static let backlog = 1 << 20

  func passInput() {
    while !input.isEmpty, connection.backlog < Self.backlog {
      let part = input.front.prefix(connection.inputWindow(guestNumber))
      guard !part.isEmpty else { return }
      connection.sendInput(part, guestNumber)
      input.drop(part.count)
    }
    if inputEnds, input.isEmpty { connection.endInput(guestNumber) }
  }

  /// One piece of each output. Whether there was any.
  func passOutput(_ client: SupervisedClient) -> Bool {
    let first = pass(&output, .standardOutput, client)
    return pass(&error, .standardError, client) || first
  }

  private func pass(
    _ output: inout Output, _ channel: GuestChannel, _ client: SupervisedClient
  ) -> Bool {
    let part = output.queue.front.prefix(GuestProtocolLimits.payload)
    if !part.isEmpty {
      client.sendData(channel, part, on: number)
      output.unacknowledged += part.count
      output.queue.drop(part.count)
      return true
    }
    guard output.ends, !output.endIsSent else { return false }
    output.endIsSent = true
    client.sendEnd(channel, on: number)
    return true
  }
}
