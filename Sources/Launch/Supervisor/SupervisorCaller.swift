internal import Host
internal import Vocabulary

/// A connection that has not said what it is for, or waits for its other half or for an answer.
final class SupervisorCaller {
  private var socket: OwnedDescriptor?
  private var line: [UInt8] = []
  private(set) var greeting: SupervisorGreeting?
  /// What came after the line already.
  private(set) var rest: [UInt8] = []
  private let deadline: UInt64
  private(set) var isGone = false

  /// For the first line, and for the other half to come.
  private static let patience: UInt64 = 5_000_000_000

  init(_ socket: consuming OwnedDescriptor) {
    self.socket = consume socket
    deadline = Clock.monotonic() + Self.patience
  }

  /// Ours to keep from now on.
  func take() -> OwnedDescriptor? { socket.take() }

  func watch(_ set: inout PollSet) {
    if isWaitedFor { set.wake(at: deadline) }
    guard let raw = socket?.raw, greeting == nil else { return }
    set.watch(raw, .reading) { [self] in read(raw) }
  }

  /// One that asked something waits for us instead.
  private var isWaitedFor: Bool {
    switch greeting {
    case nil, .port: !isGone
    default: false
    }
  }

  /// Whether it has been waited for long enough.
  var isLate: Bool { isWaitedFor && Clock.monotonic() >= deadline }

  private func read(_ raw: Int32) {
    // One byte less than a longest line, and then the byte that is too many.
    guard let part = try? Bytes.read(raw, upTo: SupervisorGreeting.longest - line.count) else {
      return hangUp()
    }
    switch part {
    case .nothingNow: return
    case .end: hangUp()
    case .bytes(let bytes):
      line += bytes
      if let end = line.firstIndex(of: UInt8(ascii: "\n")) {
        understand(end)
      } else if line.count >= SupervisorGreeting.longest {
        answer(.error("the first line is too long"))
      }
    }
  }

  private func understand(_ end: Int) {
    do {
      greeting = try SupervisorGreeting(line[..<end])
      rest = [UInt8](line[(end + 1)...])
    } catch {
      answer(.error(error.message))
    }
  }

  /// Says it and hangs up. A line is small enough for what an empty socket takes at once.
  func answer(_ answer: JSON) {
    if let raw = socket?.raw { _ = try? Bytes.write(raw, (answer.rendered + [0x0A])[...]) }
    hangUp()
  }

  func hangUp() {
    isGone = true
    if let open = socket.take() { _ = consume open }
  }
}

extension JSON {
  static func error(_ message: String) -> JSON {
    .object([
      "hutch": .integer(1), "kind": .string("error"), "message": .string(message),
    ])
  }
}
