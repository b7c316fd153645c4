import GuestProtocol
import Host
import Launch
import Synchronization

/// The other end of a guest channel, driven by hand: what it should say is said as it stands, right
/// or wrong.
final class RawGuest {
  let connection: GuestConnection
  let nonce: [UInt8]
  private let control: OwnedDescriptor
  private let streams: OwnedDescriptor
  private var controlDecoder = FrameDecoder(port: .control, sender: .host)
  private var streamsDecoder = FrameDecoder(port: .streams, sender: .host)

  init(nonce: [UInt8] = [UInt8](1...16)) throws {
    self.nonce = nonce
    let (controlHost, controlGuest) = try OwnedDescriptor.socketPair().release()
    let (streamsHost, streamsGuest) = try OwnedDescriptor.socketPair().release()
    control = OwnedDescriptor(owning: controlGuest)
    streams = OwnedDescriptor(owning: streamsGuest)
    try control.setNonblocking(true)
    try streams.setNonblocking(true)
    connection = try GuestConnection(
      control: OwnedDescriptor(owning: controlHost), streams: OwnedDescriptor(owning: streamsHost),
      nonce: nonce)
  }

  /// As much as fits; whether all did.
  @discardableResult
  func send(_ bytes: [UInt8], _ port: GuestPort = .control) -> Bool {
    switch port {
    case .control: (try? control.writeAll(bytes)) != nil
    case .streams: (try? streams.writeAll(bytes)) != nil
    }
  }

  private func read(_ port: GuestPort) -> [UInt8]? {
    switch port {
    case .control: try? control.read(upTo: 1 << 20)
    case .streams: try? streams.read(upTo: 1 << 20)
    }
  }

  func say(_ message: Message, on stream: UInt32 = 0) {
    send(message.encoded(stream: stream), message.port)
  }

  /// Greets on both ports and is ready.
  func greet() throws {
    for port in GuestPort.allCases { send(Message.hello(Hello(nonce: nonce)).encoded(), port) }
    say(.ready(milliseconds: 5))
    try settle()
  }

  /// Lets the host do all that it can do now.
  func settle(turns: Int = 50) throws {
    for _ in 0..<turns {
      var set = PollSet()
      connection.watch(&set)
      set.wake(at: 0)
      try set.turn()
    }
  }

  /// The error that the host ends with; `nil` if it finds nothing wrong.
  func verdict() -> (any Error)? {
    do {
      try settle()
      return nil
    } catch {
      return error
    }
  }

  /// What the host said so far.
  func hear(_ port: GuestPort = .control) throws -> [Frame] {
    var frames: [Frame] = []
    while let bytes = read(port), !bytes.isEmpty {
      var rest = bytes[...]
      while !rest.isEmpty {
        let frame =
          port == .control
          ? try controlDecoder.next(from: &rest) : try streamsDecoder.next(from: &rest)
        if let frame { frames.append(frame) }
      }
    }
    return frames
  }

  /// Opens a command on the host's side; the guest has started it if `isStarted`.
  func open(_ endpoint: any StreamEndpoint, isStarted: Bool = true) throws -> UInt32 {
    let stream = try connection.request(.open(.exec("x")), endpoint: endpoint)
    if isStarted { say(.started(pid: 2), on: stream) }
    try settle()
    return stream
  }
}

/// Keeps what happens on a stream.
final class Witness: StreamEndpoint {
  private(set) var events: [StreamEvent] = []
  /// Passes output on at once, as a quick reader would.
  weak var consumes: GuestConnection?

  func streamReceived(_ event: StreamEvent, on stream: UInt32) {
    events.append(event)
    if case .data(let channel, let bytes) = event {
      consumes?.consumed(bytes.count, channel, stream)
    }
  }
}
