extension Message {
  /// The port that it travels on; `hello` goes to both, each with a frame of its own.
  package var port: GuestPort {
    switch self {
    case .data, .end: .streams
    default: .control
    }
  }

  /// The bytes of this message on `stream` (0 for hello, ready, fatal, ping and pong).
  ///
  /// One frame; a long `open` takes several. Texts are cut to 4096 bytes; data must fit a frame.
  package func encoded(stream: UInt32 = 0) -> [UInt8] {
    if case .open(let request) = self {
      return Message.split(request.encoded, stream: stream)
    }
    var channel: UInt8 = 0
    var payload: [UInt8]
    switch self {
    case .data(let of, let bytes):
      channel = of.rawValue
      payload = bytes
    case .end(let of):
      channel = of.rawValue
      payload = []
    case .credit(let of, let bytes):
      channel = of.rawValue
      payload = Message.fields { $0.write(bytes) }
    default:
      payload = controlPayload
    }
    return Frame(stream: stream, type: type, channel: channel, payload: payload).encoded
  }

  package var type: FrameType {
    switch self {
    case .hello: .hello
    case .ready: .ready
    case .fatal: .fatal
    case .ping: .ping
    case .pong: .pong
    case .open: .open
    case .setTime: .setTime
    case .setIdentity: .setIdentity
    case .mount: .mount
    case .freeze: .freeze
    case .thaw: .thaw
    case .shutdown: .shutdown
    case .started: .started
    case .done: .done
    case .failed: .failed
    case .exit: .exit
    case .data: .data
    case .end: .end
    case .credit: .credit
    case .signal: .signal
    case .resize: .resize
    case .reset: .reset
    case .network: .network
    }
  }

  private static func fields(_ body: (inout FieldWriter) -> Void) -> [UInt8] {
    var writer = FieldWriter()
    body(&writer)
    return writer.bytes
  }

  private static func split(_ bytes: [UInt8], stream: UInt32) -> [UInt8] {
    var frames: [UInt8] = []
    var rest = bytes[...]
    while rest.count > GuestProtocolLimits.payload {
      let part = rest.prefix(GuestProtocolLimits.payload)
      frames += Frame(stream: stream, type: .openPart, payload: [UInt8](part)).encoded
      rest = rest.dropFirst(part.count)
    }
    return frames + Frame(stream: stream, type: .open, payload: [UInt8](rest)).encoded
  }

  private var controlPayload: [UInt8] {
    Message.fields { writer in
      switch self {
      case .hello(let hello):
        precondition(hello.nonce.count == 16)
        writer.write(raw: Message.magic)
        writer.write(GuestProtocolLimits.version)
        writer.write(raw: hello.nonce)
        writer.write(hello.capabilities.rawValue)
        writer.write(hello.mode.rawValue)
      case .ready(let milliseconds): writer.write(milliseconds)
      case .fatal(let text): writer.write(counted: Message.cut(text))
      case .ping(let token), .pong(let token): writer.write(token)
      case .setTime(let seconds, let nanoseconds):
        writer.write(seconds)
        writer.write(nanoseconds)
      case .setIdentity(let identity):
        writer.write(counted: identity.hostname)
        writer.write(counted: identity.machineID)
        writer.write(counted: identity.entropy)
      case .mount(let mount):
        writer.write(counted: mount.source)
        writer.write(counted: mount.target)
        writer.write(counted: mount.type)
        writer.write(counted: mount.options)
        writer.write(UInt8(mount.readOnly ? 1 : 0))
      case .shutdown(let kind, let grace):
        writer.write(kind.rawValue)
        writer.write(grace)
      case .network(let allowed): for entry in allowed { writer.write(counted: entry) }
      case .started(let pid): writer.write(pid)
      case .done(let bytes): writer.write(raw: bytes)
      case .failed(let failure):
        writer.write(failure.code.rawValue)
        writer.write(failure.errno)
        writer.write(counted: Message.cut(failure.text))
      case .exit(.exited(let code)):
        writer.write(UInt8(0))
        writer.write(UInt32(code))
      case .exit(.signalled(let signal)):
        writer.write(UInt8(1))
        writer.write(UInt32(signal))
      case .signal(let number): writer.write(number)
      case .resize(let size):
        writer.write(size.rows)
        writer.write(size.columns)
      case .open, .data, .end, .credit, .freeze, .thaw, .reset: break
      }
    }
  }

  static let magic: [UInt8] = [UInt8]("HUTCHGST".utf8)

  private static func cut(_ text: [UInt8]) -> [UInt8] {
    [UInt8](text.prefix(GuestProtocolLimits.text))
  }
}
