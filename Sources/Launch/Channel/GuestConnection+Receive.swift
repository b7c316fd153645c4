internal import GuestProtocol

extension GuestConnection {
  func handle(_ frame: Frame, _ port: GuestPort) throws {
    if frame.stream == 0 {
      try handleConnection(try Message(frame), port)
      return
    }
    guard frame.stream <= lastStream else {
      throw GuestProtocolError.wrongStream(type: frame.type, stream: frame.stream)
    }
    // Frames of a stream that is over were under way when it ended.
    guard states[frame.stream] != nil else { return }
    try handleStream(try Message(frame), frame.stream)
  }

  private func handleConnection(_ message: Message, _ port: GuestPort) throws {
    switch message {
    case .hello(let hello):
      guard hello.nonce == nonce else {
        throw LaunchError.misbehaved(reason: "it greets with the nonce of another boot")
      }
      guard greeted.insert(port).inserted else {
        throw LaunchError.misbehaved(reason: "it greets twice")
      }
      capabilities = hello.capabilities
      mode = hello.mode
    case .ready(let milliseconds):
      guard readyMilliseconds == nil else {
        throw LaunchError.misbehaved(reason: "it is ready twice")
      }
      readyMilliseconds = milliseconds
    case .fatal(let text): fatal = text
    case .ping(let token): controlQueue.append(Message.pong(token).encoded())
    default: break
    }
  }

  private func handleStream(_ message: Message, _ stream: UInt32) throws {
    guard var state = states[stream] else { return }
    let event = try state.receive(message, stream)
    states[stream] = state
    let isFinal: Bool
    switch event {
    case .done, .failed, .reset: isFinal = true
    default: isFinal = state.isOver
    }
    if isFinal { finish(stream) }
    // What comes after our reset counts no more.
    if state.resetSent && event != .reset && !isFinal { return }
    try state.endpoint.streamReceived(event, on: stream)
  }
}

extension StreamState {
  /// Applies the rules of one stream.
  mutating func receive(
    _ message: Message, _ stream: UInt32
  ) throws -> StreamEvent {
    func misbehaved(_ reason: String) -> LaunchError {
      .misbehaved(reason: "\(reason) on stream \(stream)")
    }
    switch message {
    case .done(let bytes):
      guard !isOpen else { throw misbehaved("a command is \"done\"") }
      return .done(bytes)
    case .failed(let failure):
      guard !isStarted else { throw misbehaved("a started command fails to start") }
      return .failed(failure)
    case .reset:
      return .reset
    default: break
    }
    guard isOpen else { throw misbehaved("frames of a command") }
    switch message {
    case .started(let pid):
      guard !isStarted else { throw misbehaved("a second start") }
      isStarted = true
      return .started(pid: pid)
    case .exit(let exit):
      guard isStarted, !exited else { throw misbehaved("an end without a start") }
      exited = true
      return .exited(exit)
    case .data(.standardOutput, let bytes):
      guard !outputEnded else { throw misbehaved("data after the end") }
      try output.receive(bytes.count, stream: stream, channel: .standardOutput)
      return .data(.standardOutput, bytes)
    case .data(.standardError, let bytes):
      guard form == .command else { throw misbehaved("an error of a connection") }
      guard !errorEnded else { throw misbehaved("data after the end") }
      try error.receive(bytes.count, stream: stream, channel: .standardError)
      return .data(.standardError, bytes)
    case .end(.standardInput):
      inputEnded = true
      return .ended(.standardInput)
    case .end(let channel):
      guard channel == .standardOutput ? !outputEnded : !errorEnded else {
        throw misbehaved("a second end")
      }
      if channel == .standardOutput { outputEnded = true } else { errorEnded = true }
      return .ended(channel)
    case .credit(let channel, let bytes):
      try input.grant(bytes, stream: stream, channel: channel)
      return .credit(bytes)
    default:
      throw misbehaved("an unexpected frame")
    }
  }
}
