import Testing

@testable import GuestProtocol

/// Frames of one side and port, decoded in one go.
func decode(
  _ bytes: [UInt8], _ port: GuestPort = .control, from side: GuestSide = .guest
) throws(GuestProtocolError) -> [Frame] {
  var decoder = FrameDecoder(port: port, sender: side)
  var rest = bytes[...]
  var frames: [Frame] = []
  while let frame = try decoder.next(from: &rest) { frames.append(frame) }
  return frames
}

func bytes(_ text: String) -> [UInt8] { [UInt8](text.utf8) }

let hello = Message.hello(Hello(nonce: [UInt8](0..<16), capabilities: .all, mode: .run)).encoded()

struct FrameTests {
  @Test func `the hello frame has the bytes that the format page fixes`() {
    #expect(
      hello == [0, 0, 0, 0, 1, 0, 0, 0, 35, 0, 0, 0] + bytes("HUTCHGST") + [1, 0]
        + [UInt8](0..<16) + [15, 0, 0, 0, 0, 0, 0, 0, 0])
  }

  @Test func `an exec request has the bytes that the format page fixes`() {
    var request = OpenRequest(.exec)
    request.arguments = [bytes("ls")]
    request.environment = [bytes("A=b")]
    request.directory = bytes("/w")
    request.user = bytes("me")
    request.terminal = TerminalSize(rows: 24, columns: 80)
    request.wantsInput = true
    let payload: [UInt8] =
      [1, 0, 1, 0, 0, 0, 1, 2, 0, 2, 0, 0, 0] + bytes("ls") + [3, 0, 3, 0, 0, 0] + bytes("A=b")
      + [4, 0, 2, 0, 0, 0] + bytes("/w") + [5, 0, 2, 0, 0, 0] + bytes("me")
      + [6, 0, 4, 0, 0, 0, 24, 0, 80, 0] + [7, 0, 4, 0, 0, 0, 1, 0, 0, 0]
    let header: [UInt8] = [9, 0, 0, 0, 0x11, 0, 0, 0, UInt8(payload.count), 0, 0, 0]
    #expect(Message.open(request).encoded(stream: 9) == header + payload)
  }

  @Test func `frames have the bytes that the format page fixes`() {
    let cases: [(Message, UInt32, [UInt8])] = [
      (.ready(milliseconds: 258), 0, [2, 0, 0, 0, 4, 0, 0, 0, 2, 1, 0, 0]),
      (.exit(.signalled(9)), 3, [0x23, 0, 0, 0, 5, 0, 0, 0, 1, 9, 0, 0, 0]),
      (.credit(.standardError, bytes: 65536), 3, [0x32, 2, 0, 0, 4, 0, 0, 0, 0, 0, 1, 0]),
      (.end(.standardOutput), 3, [0x31, 1, 0, 0, 0, 0, 0, 0]),
      (.data(.standardInput, [7]), 3, [0x30, 0, 0, 0, 1, 0, 0, 0, 7]),
      (.resize(TerminalSize(rows: 1, columns: 2)), 3, [0x34, 0, 0, 0, 4, 0, 0, 0, 1, 0, 2, 0]),
      (.shutdown(.reboot, graceMilliseconds: 5), 3, [0x17, 0, 0, 0, 5, 0, 0, 0, 1, 5, 0, 0, 0]),
    ]
    for (message, stream, rest) in cases {
      #expect(message.encoded(stream: stream) == [UInt8(stream), 0, 0, 0] + rest)
    }
  }

  @Test func `every message comes back as it was sent, whichever way its bytes are cut`() throws {
    for (message, side) in Sample.messages {
      let stream: UInt32 = Sample.concernsConnection(message) ? 0 : 77
      let wire = hello + message.encoded(stream: stream)
      for cut in 0...wire.count {
        var decoder = FrameDecoder(port: message.port, sender: side)
        var frames: [Frame] = []
        for part in [wire[..<cut], wire[cut...]] {
          var rest = part
          while let frame = try decoder.next(from: &rest) { frames.append(frame) }
        }
        try #require(frames.count == 2)
        #expect(frames[1].stream == stream)
        #expect(try Message(frames[1]) == message)
        #expect(decoder.isBetweenFrames)
      }
    }
  }

  @Test func `a request longer than a frame travels in parts`() throws {
    var request = OpenRequest(.exec)
    request.arguments = [bytes("printf"), [UInt8](repeating: 120, count: 150_000)]
    let frames = try decode(hello + Message.open(request).encoded(stream: 5), from: .host)
    #expect(frames.map(\.type) == [.hello, .openPart, .openPart, .open])
    var assembler = OpenAssembler()
    let requests = try frames.dropFirst().map { try assembler.take($0) }
    #expect(requests == [nil, nil, request])
  }

  @Test func `a request that never ends is refused at one mebibyte`() throws {
    var assembler = OpenAssembler()
    let part = Frame(
      stream: 1, type: .openPart, payload: [UInt8](repeating: 0, count: 64 << 10))
    for _ in 0..<16 { _ = try assembler.take(part) }
    #expect(throws: GuestProtocolError.requestTooLong(stream: 1)) { try assembler.take(part) }
  }

  @Test func `parts of two requests do not mix`() throws {
    var assembler = OpenAssembler()
    _ = try assembler.take(Frame(stream: 1, type: .openPart, payload: [1]))
    #expect(throws: GuestProtocolError.wrongStream(type: .open, stream: 2)) {
      try assembler.take(Frame(stream: 2, type: .open))
    }
  }
}

/// One message of each kind, with who sends it.
enum Sample {
  static var messages: [(Message, GuestSide)] {
    var unpack = OpenRequest(.unpack)
    unpack.directory = bytes("/work")
    unpack.remembers = true
    var files = OpenRequest(.files)
    files.arguments = [bytes(".agent/token.json")]
    return [
      (.ready(milliseconds: 1), .guest), (.fatal(text: bytes("no disk")), .guest),
      (.ping(1 << 63), .host), (.pong(5), .guest), (.open(unpack), .host),
      (.open(files), .host),
      (.setTime(seconds: 1 << 40, nanoseconds: 999_999_999), .host),
      (
        .setIdentity(
          GuestIdentity(
            hostname: bytes("brave-otter"), machineID: [UInt8](0..<16), entropy: [1, 2])), .host
      ),
      (
        .mount(
          GuestMount(
            source: bytes("/dev/vdb"), target: bytes("/opt/x"), type: bytes("ext4"),
            options: bytes("noload"), readOnly: true)), .host
      ),
      (.network(allowed: [bytes("*.example.org:8443"), bytes("a.example")]), .host),
      (.freeze, .host), (.thaw, .host), (.shutdown(.powerOff, graceMilliseconds: 3000), .host),
      (.started(pid: 12), .guest), (.done([0]), .guest),
      (.failed(GuestFailure(.notFound, errno: 2, text: bytes("no"))), .guest),
      (.exit(.exited(255)), .guest), (.exit(.signalled(64)), .guest),
      (.data(.standardInput, [1, 2, 3]), .host), (.data(.standardError, [4]), .guest),
      (.end(.standardInput), .host), (.end(.standardInput), .guest),
      (.credit(.standardInput, bytes: 1), .guest), (.credit(.standardOutput, bytes: 9), .host),
      (.signal(15), .host), (.resize(TerminalSize(rows: 50, columns: 200)), .host),
      (.reset, .host), (.reset, .guest),
    ]
  }

  static func concernsConnection(_ message: Message) -> Bool {
    switch message {
    case .hello, .ready, .fatal, .ping, .pong: true
    default: false
    }
  }
}
