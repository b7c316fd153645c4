import Testing

@testable import GuestProtocol

/// xorshift64*, so that every run tests the same bytes.
struct Generator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return state &* 0x2545_F491_4F6C_DD1D
  }
}

struct HostileFrameTests {
  private func header(
    _ type: UInt8, stream: UInt8 = 1, channel: UInt8 = 0, reserved: UInt8 = 0, length: [UInt8]
  ) -> [UInt8] {
    [stream, 0, 0, 0, type, channel, reserved, 0] + length
  }

  @Test func `what a guest may not send is refused by its header alone`() {
    let cases: [([UInt8], GuestPort, GuestProtocolError)] = [
      (header(0x7f, length: [0, 0, 0, 0]), .control, .unknownType(0x7f)),
      (header(0x35, reserved: 1, length: [0, 0, 0, 0]), .control, .reservedNotZero),
      (
        header(0x30, channel: 1, length: [1, 0, 1, 0]), .streams,
        .wrongLength(type: 0x30, length: 65537)
      ),
      (
        header(0x30, channel: 1, length: [0, 0, 0, 0]), .streams,
        .wrongLength(type: 0x30, length: 0)
      ),
      (header(0x30, channel: 1, length: [1, 0, 0, 0]), .control, .wrongPort(type: .data)),
      (header(0x23, length: [5, 0, 0, 0]), .streams, .wrongPort(type: .exit)),
      (header(0x11, length: [0, 0, 0, 0]), .control, .wrongSender(type: .open)),
      (header(0x33, length: [4, 0, 0, 0]), .control, .wrongSender(type: .signal)),
      (
        header(0x30, channel: 0, length: [1, 0, 0, 0]), .streams,
        .wrongChannel(type: .data, channel: 0)
      ),
      (
        header(0x30, channel: 3, length: [1, 0, 0, 0]), .streams,
        .wrongChannel(type: .data, channel: 3)
      ),
      (
        header(0x32, channel: 1, length: [4, 0, 0, 0]), .control,
        .wrongChannel(type: .credit, channel: 1)
      ),
      (
        header(0x23, channel: 1, length: [5, 0, 0, 0]), .control,
        .wrongChannel(type: .exit, channel: 1)
      ),
      (
        header(0x23, stream: 0, length: [5, 0, 0, 0]), .control,
        .wrongStream(type: .exit, stream: 0)
      ),
      (
        header(0x02, stream: 1, length: [4, 0, 0, 0]), .control,
        .wrongStream(type: .ready, stream: 1)
      ),
      (header(0x23, length: [6, 0, 0, 0]), .control, .wrongLength(type: 0x23, length: 6)),
    ]
    for (bytes, port, error) in cases {
      #expect(throws: error) { try decode(hello + bytes, port) }
    }
  }

  @Test func `the first frame must be hello`() {
    #expect(throws: GuestProtocolError.helloMissing(type: 2)) {
      try decode(Message.ready(milliseconds: 1).encoded())
    }
    #expect(throws: GuestProtocolError.helloMissing(type: 0x90)) {
      try decode(header(0x90, length: [0, 0, 0, 0]))
    }
  }

  @Test func `a hello of another version or of another program is refused`() throws {
    var other = try decode(hello)[0]
    other.payload[8] = 2
    #expect(throws: GuestProtocolError.version(found: 2)) { try Message(other) }
    other.payload[0] = 0
    #expect(throws: GuestProtocolError.notHutch) { try Message(other) }
  }

  @Test func `unknown types that may be ignored are skipped`() throws {
    let skipped = header(0xF0, length: [3, 0, 0, 0]) + [1, 2, 3]
    let frames = try decode(hello + skipped + Message.ready(milliseconds: 1).encoded())
    #expect(frames.map(\.type) == [.hello, .ready])
  }

  @Test func `after an error the decoder never works again`() {
    var decoder = FrameDecoder(port: .control, sender: .guest)
    var bad = header(0x7f, length: [0, 0, 0, 0])[...]
    #expect(throws: GuestProtocolError.helloMissing(type: 0x7f)) { try decoder.next(from: &bad) }
    var good = hello[...]
    #expect(throws: GuestProtocolError.helloMissing(type: 0x7f)) { try decoder.next(from: &good) }
  }

  @Test func `fields out of bounds are malformed`() {
    func frame(_ type: FrameType, _ payload: [UInt8]) -> Frame {
      Frame(stream: 1, type: type, payload: payload)
    }
    let cases: [Frame] = [
      frame(.exit, [0, 0, 1, 0, 0]), frame(.exit, [1, 0, 0, 0, 0]), frame(.exit, [2, 0, 0, 0, 0]),
      frame(.signal, [65, 0, 0, 0]), frame(.signal, [0, 0, 0, 0]),
      frame(.failed, [99, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
      frame(.failed, [1, 0, 0, 0, 0, 0, 5, 0, 0, 0]),
      frame(.setTime, [UInt8](repeating: 255, count: 12)),
      frame(.shutdown, [2, 0, 0, 0, 0]), frame(.fatal, [255, 255, 255, 255]),
      frame(.open, [1, 0, 1, 0, 0, 0, 5]), frame(.open, []), frame(.open, [1, 0, 1, 0, 0, 0, 1]),
      frame(.open, [9, 0, 0, 0, 0, 0]), frame(.open, [1, 0, 255, 255, 255, 255]),
      Frame(stream: 1, type: .credit, channel: 1, payload: [0, 0, 0, 0]),
      Frame(stream: 1, type: .credit, channel: 1, payload: [1, 0, 4, 0]),
    ]
    for frame in cases {
      #expect(throws: GuestProtocolError.self, "\(frame)") { try Message(frame) }
    }
  }

  @Test func `a request with an unknown field that may be ignored is understood`() throws {
    var request = OpenRequest(.pack)
    request.directory = bytes("/w")
    let more: [UInt8] = [1, 0x80, 2, 0, 0, 0, 5, 5]
    #expect(try OpenRequest(decoding: (request.encoded + more)[...]) == request)
    #expect(throws: GuestProtocolError.malformed(type: .open, field: "repeated")) {
      try OpenRequest(decoding: (request.encoded + request.encoded)[...])
    }
  }

  @Test func `random and mutated bytes never do more than throw`() throws {
    var random = Generator(state: 42)
    let valid = Sample.messages.map { message, _ in
      message.encoded(stream: Sample.concernsConnection(message) ? 0 : 3)
    }
    for round in 0..<4000 {
      var wire = hello
      if round % 4 == 0 {
        wire += (0..<Int.random(in: 0..<200, using: &random)).map { _ in
          UInt8.random(in: 0...255, using: &random)
        }
      } else {
        for _ in 0..<4 { wire += valid.randomElement(using: &random)! }
        for _ in 0..<Int.random(in: 1...4, using: &random) {
          let place = Int.random(in: 12..<wire.count, using: &random)
          wire[place] = UInt8.random(in: 0...255, using: &random)
        }
      }
      for port in GuestPort.allCases {
        for side in GuestSide.allCases {
          var decoder = FrameDecoder(port: port, sender: side)
          var rest = wire[...]
          while true {
            do {
              guard let frame = try decoder.next(from: &rest) else { break }
              #expect(frame.payload.count <= GuestProtocolLimits.payload)
              _ = try Message(frame)
            } catch {
              break
            }
          }
        }
      }
    }
  }
}

struct FlowTests {
  @Test func `a writer stops at the window and goes on with credit`() throws {
    var window = SendWindow()
    #expect(window.available == 262_144)
    window.consume(262_144)
    #expect(window.available == 0)
    try window.grant(65536, stream: 1, channel: .standardOutput)
    #expect(window.available == 65536)
  }

  @Test func `credit beyond the window is refused`() {
    var window = SendWindow()
    window.consume(10)
    #expect(throws: GuestProtocolError.creditExceeded(stream: 1, channel: 0)) {
      try window.grant(11, stream: 1, channel: .standardInput)
    }
  }

  @Test func `data beyond the window is refused`() throws {
    var window = ReceiveWindow()
    try window.receive(262_144, stream: 1, channel: .standardOutput)
    #expect(throws: GuestProtocolError.windowExceeded(stream: 1, channel: 1)) {
      try window.receive(1, stream: 1, channel: .standardOutput)
    }
  }

  @Test func `credit is granted in quarters of the window`() throws {
    var window = ReceiveWindow()
    try window.receive(262_144, stream: 1, channel: .standardOutput)
    let credits = [window.consume(65535), window.consume(1)]
    #expect(credits == [nil, 65536])
    try window.receive(65536, stream: 1, channel: .standardOutput)
  }

  @Test func `all windows together stay within 64 MiB`() {
    var budget = WindowBudget()
    let granted = (0..<129).filter { _ in budget.reserve(channels: 2) }.count
    #expect(granted == 128)
    budget.release(channels: 2)
    let again = budget.reserve(channels: 1)
    #expect(again)
  }
}
