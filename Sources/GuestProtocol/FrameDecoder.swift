/// Cuts the bytes of one port, as one side sends them, into frames.
///
/// It holds at most one header and one payload, checks everything in the header before it takes
/// memory for the payload, and refuses whatever that side may not send on that port. The first
/// frame must be `hello`. After an error it throws the same error for ever.
package struct FrameDecoder: Sendable {
  private let port: GuestPort
  private let sender: GuestSide
  private var header: [UInt8] = []
  private var current: Frame?
  /// Payload bytes still to come: of `current`, or to be skipped if that is nil.
  private var missing = 0
  private var greeted = false
  private var failure: GuestProtocolError?

  package init(port: GuestPort, sender: GuestSide) {
    self.port = port
    self.sender = sender
    header.reserveCapacity(GuestProtocolLimits.header)
  }

  /// Whether the bytes so far end between two frames.
  package var isBetweenFrames: Bool { header.isEmpty && current == nil && missing == 0 }

  /// Takes bytes off the front of `input` until a frame is complete; nil once `input` is empty.
  package mutating func next(
    from input: inout ArraySlice<UInt8>
  ) throws(GuestProtocolError) -> Frame? {
    if let failure { throw failure }
    do {
      return try take(from: &input)
    } catch {
      failure = error
      throw error
    }
  }

  private mutating func take(
    from input: inout ArraySlice<UInt8>
  ) throws(GuestProtocolError) -> Frame? {
    while true {
      if missing > 0 {
        let count = min(missing, input.count)
        guard count > 0 else { return nil }
        current?.payload.append(contentsOf: input.prefix(count))
        input = input.dropFirst(count)
        missing -= count
      }
      if missing == 0, let frame = current {
        current = nil
        return frame
      }
      guard missing == 0 else { return nil }
      let count = min(GuestProtocolLimits.header - header.count, input.count)
      header.append(contentsOf: input.prefix(count))
      input = input.dropFirst(count)
      guard header.count == GuestProtocolLimits.header else { return nil }
      try begin()
    }
  }

  /// Reads the header that is complete now.
  private mutating func begin() throws(GuestProtocolError) {
    var fields = FieldReader(header[...], type: .hello)
    let stream: UInt32 = try fields.integer("stream")
    let code: UInt8 = try fields.integer("type")
    let channel: UInt8 = try fields.integer("channel")
    let reserved: UInt16 = try fields.integer("reserved")
    let length: UInt32 = try fields.integer("length")
    header.removeAll(keepingCapacity: true)
    guard reserved == 0 else { throw .reservedNotZero }
    guard length <= GuestProtocolLimits.payload else {
      throw .wrongLength(type: code, length: length)
    }
    guard greeted || code == FrameType.hello.rawValue else { throw .helloMissing(type: code) }
    missing = Int(length)
    guard let type = FrameType(rawValue: code) else {
      guard code >= FrameType.firstIgnorable else { throw .unknownType(code) }
      return
    }
    greeted = true
    try type.check(port: port, sender: sender, stream: stream, channel: channel, length: length)
    var frame = Frame(stream: stream, type: type, channel: channel)
    frame.payload.reserveCapacity(missing)
    current = frame
  }
}

extension FrameType {
  /// Which side may send it; nil for both.
  private var onlySender: GuestSide? {
    switch self {
    case .ready, .fatal, .started, .done, .failed, .exit: .guest
    case .openPart, .open, .setTime, .setIdentity, .mount, .freeze, .thaw, .shutdown, .signal,
      .resize, .network:
      .host
    case .hello, .ping, .pong, .data, .end, .credit, .reset: nil
    }
  }

  private var concernsConnection: Bool {
    switch self {
    case .hello, .ready, .fatal, .ping, .pong: true
    default: false
    }
  }

  /// The lengths that its payload can have.
  private var lengths: ClosedRange<UInt32> {
    switch self {
    case .hello: 10...256
    case .ready, .started, .credit, .signal, .resize: 4...4
    case .ping, .pong: 8...8
    case .setTime: 12...12
    case .exit: 5...5
    case .shutdown: 5...5
    case .end, .reset, .freeze, .thaw: 0...0
    case .fatal: 4...UInt32(GuestProtocolLimits.text + 4)
    case .failed: 10...UInt32(GuestProtocolLimits.text + 10)
    case .done: 0...256
    case .setIdentity, .mount: 8...UInt32(16 << 10)
    case .openPart, .data: 1...UInt32(GuestProtocolLimits.payload)
    case .open, .network: 0...UInt32(GuestProtocolLimits.payload)
    }
  }

  /// Everything about a header that can be judged without the payload.
  fileprivate func check(
    port: GuestPort, sender: GuestSide, stream: UInt32, channel: UInt8, length: UInt32
  ) throws(GuestProtocolError) {
    let travelsOnStreams = self == .data || self == .end
    guard self == .hello || travelsOnStreams == (port == .streams) else {
      throw .wrongPort(type: self)
    }
    if let onlySender, onlySender != sender { throw .wrongSender(type: self) }
    guard concernsConnection == (stream == 0) else {
      throw .wrongStream(type: self, stream: stream)
    }
    switch self {
    case .data, .credit:
      guard let known = GuestChannel(rawValue: channel) else {
        throw .wrongChannel(type: self, channel: channel)
      }
      // Bytes come from the channel's writer, credit from its reader.
      guard (known.writer == sender) == (self == .data) else {
        throw .wrongChannel(type: self, channel: channel)
      }
    case .end:
      guard GuestChannel(rawValue: channel) != nil else {
        throw .wrongChannel(type: self, channel: channel)
      }
    default:
      guard channel == 0 else { throw .wrongChannel(type: self, channel: channel) }
    }
    guard lengths.contains(length) else { throw .wrongLength(type: rawValue, length: length) }
  }
}
