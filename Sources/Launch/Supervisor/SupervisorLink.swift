internal import Host
internal import Vocabulary

/// The client's end of a supervisor: commands run in its VM as if it were ours.
package final class SupervisorLink: GuestLink {
  package let connection: GuestConnection
  private let socket: String
  private let deadline: UInt64

  /// A supervisor that lives answers at once, whatever its VM does.
  private static let patience = 10_000

  /// Connects; `LaunchError.notSupervised` if nobody listens at `socket`.
  package init(socket: String) throws {
    self.socket = socket
    let token = Randomness.bytes(16)
    let control = try Self.connect(socket, .port(.control, token: token))
    let streams = try Self.connect(socket, .port(.streams, token: token))
    connection = try GuestConnection(control: control, streams: streams, nonce: token)
    deadline = Clock.monotonic() + UInt64(Self.patience) * 1_000_000
  }

  private static func connect(
    _ path: String, _ greeting: SupervisorGreeting
  ) throws -> OwnedDescriptor {
    try SupervisorDoor.checkLength(path)
    guard let socket = try LocalSocket.connect(path) else {
      throw LaunchError.notSupervised(path: path)
    }
    guard LocalSocket.isOurs(socket) else {
      throw LaunchError.supervisor(reason: "somebody else's process listens at \"\(path)\"")
    }
    // An empty socket takes a line at once.
    try socket.writeAll(greeting.line)
    return socket
  }

  package func watch(_ set: inout PollSet) {
    connection.watch(&set)
    if !connection.isGreeted { set.wake(at: deadline) }
  }

  package func check() throws {
    if let reason = connection.fatal {
      throw LaunchError.supervisor(reason: TailBuffer.printable(reason))
    }
    if connection.isClosed { throw LaunchError.supervisor(reason: "it hung up") }
    if !connection.isGreeted, Clock.monotonic() >= deadline { throw Self.silent }
  }

  private static var silent: LaunchError {
    .supervisor(reason: "it did not answer within \(patience / 1000) s")
  }

  // MARK: Requests

  /// Stops the VM and returns once it is off.
  ///
  /// - Parameter graceMilliseconds: how long the commands that run may take to end.
  package func stop(graceMilliseconds: Int) throws -> VirtualMachine.Shutdown {
    // The whole ladder takes eight seconds beyond the grace.
    let answer = try ask(
      .stop(graceMilliseconds: graceMilliseconds),
      milliseconds: max(0, graceMilliseconds) + 2 * Self.patience)
    guard answer["kind"]?.string == "stopped",
      let how = answer["how"]?.string.flatMap(VirtualMachine.Shutdown.init)
    else { throw Self.strange }
    return how
  }

  /// Its processors stand still until `resume`.
  package func pause() throws { _ = try ask(.pause, milliseconds: Self.patience) }
  package func resume() throws { _ = try ask(.resume, milliseconds: Self.patience) }

  package func status() throws -> SupervisorStatus {
    guard let status = SupervisorStatus(try ask(.status, milliseconds: Self.patience)) else {
      throw Self.strange
    }
    return status
  }

  private static var strange: LaunchError {
    .supervisor(reason: "it answers in a way that this version does not understand")
  }

  private func ask(_ greeting: SupervisorGreeting, milliseconds: Int) throws -> JSON {
    let asked = try Self.connect(socket, greeting)
    let raw = asked.raw
    let deadline = Clock.monotonic() + UInt64(milliseconds) * 1_000_000
    var line: [UInt8] = []
    var hasEnded = false
    while !hasEnded, line.count < 64 << 10 {
      var set = PollSet()
      set.wake(at: deadline)
      set.watch(raw, .reading) {
        switch try Bytes.read(raw, upTo: 4096) {
        case .bytes(let bytes): line += bytes
        case .end: hasEnded = true
        case .nothingNow: break
        }
      }
      set.watch(Interrupt.descriptor, .reading) { try Interrupt.check() }
      try set.turn()
      if !hasEnded, Clock.monotonic() >= deadline { throw Self.silent }
    }
    guard let answer = try? JSON(parsing: line) else {
      throw LaunchError.supervisor(reason: "it hung up")
    }
    if answer["kind"]?.string == "error" {
      throw LaunchError.supervisor(reason: answer["message"]?.string ?? "it could not")
    }
    return answer
  }
}
