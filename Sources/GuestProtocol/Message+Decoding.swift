extension Message {
  /// Reads the payload of a frame that `FrameDecoder` passed. `open` and `open-part` go through
  /// an `OpenAssembler` instead; here an `open` must be a whole request.
  package init(_ frame: Frame) throws(GuestProtocolError) {
    switch frame.type {
    case .data, .end, .credit:
      self = try Message.channelled(frame)
    case .open, .openPart:
      guard frame.type == .open else { throw .malformed(type: .openPart, field: "part") }
      self = .open(try OpenRequest(decoding: frame.payload[...]))
    default:
      var reader = FieldReader(frame.payload[...], type: frame.type)
      self = try Message.control(frame.type, &reader)
      try reader.finish()
    }
  }

  private static func channelled(_ frame: Frame) throws(GuestProtocolError) -> Message {
    guard let channel = GuestChannel(rawValue: frame.channel) else {
      throw .wrongChannel(type: frame.type, channel: frame.channel)
    }
    if frame.type == .data { return .data(channel, frame.payload) }
    var reader = FieldReader(frame.payload[...], type: frame.type)
    if frame.type == .end {
      try reader.finish()
      return .end(channel)
    }
    let bytes: UInt32 = try reader.integer("bytes")
    try reader.finish()
    guard bytes > 0, bytes <= GuestProtocolLimits.window else { throw reader.malformed("bytes") }
    return .credit(channel, bytes: bytes)
  }

  private static func control(
    _ type: FrameType, _ reader: inout FieldReader
  ) throws(GuestProtocolError) -> Message {
    switch type {
    case .hello: return .hello(try hello(&reader))
    case .ready: return .ready(milliseconds: try reader.integer("milliseconds"))
    case .fatal: return .fatal(text: try reader.counted("text", limit: GuestProtocolLimits.text))
    case .ping: return .ping(try reader.integer("token"))
    case .pong: return .pong(try reader.integer("token"))
    case .setTime:
      let seconds: Int64 = try reader.integer("seconds")
      let nanoseconds: UInt32 = try reader.integer("nanoseconds")
      guard seconds >= 0, nanoseconds < 1_000_000_000 else { throw reader.malformed("time") }
      return .setTime(seconds: seconds, nanoseconds: nanoseconds)
    case .setIdentity: return .setIdentity(try identity(&reader))
    case .mount: return .mount(try mount(&reader))
    case .network:
      var allowed: [[UInt8]] = []
      while !reader.isAtEnd { allowed.append(try reader.name("entry", limit: 512)) }
      return .network(allowed: allowed)
    case .freeze: return .freeze
    case .thaw: return .thaw
    case .shutdown:
      guard let kind = ShutdownKind(rawValue: try reader.integer("kind")) else {
        throw reader.malformed("kind")
      }
      return .shutdown(kind, graceMilliseconds: try reader.integer("grace"))
    case .started: return .started(pid: try reader.integer("pid"))
    case .done:
      var bytes: [UInt8] = []
      while !reader.isAtEnd { bytes.append(try reader.integer("bytes")) }
      return .done(bytes)
    case .failed:
      guard let code = FailureCode(rawValue: try reader.integer("code")) else {
        throw reader.malformed("code")
      }
      let errno: Int32 = try reader.integer("errno")
      let text = try reader.counted("text", limit: GuestProtocolLimits.text)
      return .failed(GuestFailure(code, errno: errno, text: text))
    case .exit: return .exit(try exit(&reader))
    case .signal:
      let number: UInt32 = try reader.integer("number")
      guard (1...64).contains(number) else { throw reader.malformed("number") }
      return .signal(number)
    case .resize:
      return .resize(
        TerminalSize(rows: try reader.integer("rows"), columns: try reader.integer("columns")))
    case .reset: return .reset
    case .open, .openPart, .data, .end, .credit: throw reader.malformed("type")
    }
  }

  private static func hello(_ reader: inout FieldReader) throws(GuestProtocolError) -> Hello {
    guard [UInt8](try reader.raw(8, "magic")) == magic else { throw .notHutch }
    let version: UInt16 = try reader.integer("version")
    guard version == GuestProtocolLimits.version else { throw .version(found: version) }
    let nonce = [UInt8](try reader.raw(16, "nonce"))
    let capabilities = GuestCapabilities(rawValue: try reader.integer("capabilities"))
    guard let mode = GuestMode(rawValue: try reader.integer("mode")) else {
      throw reader.malformed("mode")
    }
    return Hello(nonce: nonce, capabilities: capabilities, mode: mode)
  }

  private static func identity(
    _ reader: inout FieldReader
  ) throws(GuestProtocolError) -> GuestIdentity {
    let hostname = try reader.counted("hostname", limit: 64)
    let letters = hostname.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."):
        true
      default: false
      }
    }
    guard !hostname.isEmpty, letters else { throw reader.malformed("hostname") }
    let machineID = try reader.counted("machine-id", limit: 16)
    guard machineID.count == 16 else { throw reader.malformed("machine-id") }
    let entropy = try reader.counted("entropy", limit: 4096)
    return GuestIdentity(hostname: hostname, machineID: machineID, entropy: entropy)
  }

  private static func mount(_ reader: inout FieldReader) throws(GuestProtocolError) -> GuestMount {
    let source = try reader.name("source", limit: 4095)
    let target = try reader.name("target", limit: 4095)
    guard target.first == UInt8(ascii: "/") else { throw reader.malformed("target") }
    let type = try reader.name("type", limit: 64)
    guard !type.isEmpty else { throw reader.malformed("type") }
    let options = try reader.name("options", limit: 4000)
    let readOnly: UInt8 = try reader.integer("read-only")
    guard readOnly <= 1 else { throw reader.malformed("read-only") }
    return GuestMount(
      source: source, target: target, type: type, options: options, readOnly: readOnly == 1)
  }

  private static func exit(_ reader: inout FieldReader) throws(GuestProtocolError) -> GuestExit {
    let kind: UInt8 = try reader.integer("kind")
    let value: UInt32 = try reader.integer("value")
    switch (kind, value) {
    case (0, 0...255): return .exited(UInt8(value))
    case (1, 1...64): return .signalled(UInt8(value))
    default: throw reader.malformed("value")
    }
  }
}
