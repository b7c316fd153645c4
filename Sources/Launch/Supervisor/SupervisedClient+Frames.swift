internal import GuestProtocol

extension SupervisedClient {
  /// So that one client can't take every stream that the VM can have.
  private static let mostOpen = 64
  private static let mostRequests = 256

  func handle(_ frame: Frame) throws {
    if frame.type == .openPart || frame.type == .open {
      guard let request = try assembler.take(frame) else { return }
      switch request.kind {
      case .exec, .unpack, .pack: return try ask(.open(request), frame.stream)
      case .connection, .files:
        try claim(frame.stream)
        return refuse(
          frame.stream, .unsupported, "connections and shared files are the supervisor's")
      }
    }
    let message = try Message(frame)
    let stream = open.first { $0.number == frame.stream }
    switch message {
    case .hello(let hello): try check(hello)
    case .ping(let token): send(.pong(token))
    case .data(_, let bytes): try stream?.receiveInput(bytes)
    case .end(.standardInput): try stream?.endInput()
    case .end(let channel): stream?.refuse(channel)
    case .credit(let channel, let bytes): try stream?.grant(channel, Int(bytes))
    case .signal(let number): stream?.signal(number)
    case .resize(let size): stream?.resize(size)
    case .reset: stream?.reset()
    case .setTime, .mount, .thaw:
      if case .thaw = message { owesThaw = false }
      try ask(message, frame.stream)
    case .freeze:
      owesThaw = true
      try ask(message, frame.stream)
    case .setIdentity, .network, .shutdown:
      try claim(frame.stream)
      refuse(frame.stream, .unsupported, "that is the supervisor's to say")
    default: break
    }
  }

  /// A request takes a number above all before.
  private func claim(_ number: UInt32) throws {
    guard number > highest else {
      throw LaunchError.supervisor(reason: "a client uses a number twice")
    }
    highest = number
  }

  private func ask(_ request: Message, _ number: UInt32) throws {
    try claim(number)
    var isOpen = false
    if case .open = request { isOpen = true }
    guard open.count < Self.mostRequests,
      !isOpen || open.count(where: \.isOpen) < Self.mostOpen && budget.reserve()
    else { return refuse(number, .noResources, "too many commands run in this VM at once") }
    let stream = SupervisedStream(connection, number: number, isOpen: isOpen, client: self)
    do {
      try stream.ask(request)
      open.append(stream)
    } catch {
      _ = budget.release(stream)
      let reason = (error as? LaunchError)?.message ?? "\(error)"
      refuse(number, .noResources, reason)
    }
  }

  private func refuse(_ number: UInt32, _ code: FailureCode, _ reason: String) {
    send(.failed(GuestFailure(code, text: [UInt8](reason.utf8))), on: number)
  }
}
