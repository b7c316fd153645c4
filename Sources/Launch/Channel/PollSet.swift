internal import Glibc
internal import Host

/// What a loop waits for in one turn, and what is to be done about it. Built anew each turn from
/// the state of things, so nothing is ever left registered.
package struct PollSet: ~Copyable {
  private var descriptors: [pollfd] = []
  private var actions: [() throws -> Void] = []
  private var deadline: UInt64?
  private var isImmediate = false

  package init() {}

  package enum Interest {
    case reading
    case writing
  }

  /// Errors and hang-ups count as both. A descriptor of -1 is not watched.
  package mutating func watch(
    _ descriptor: Int32, _ interest: Interest, _ action: @escaping () throws -> Void
  ) {
    let events = interest == .reading ? POLLIN : POLLOUT
    descriptors.append(pollfd(fd: descriptor, events: Int16(events), revents: 0))
    actions.append(action)
  }

  /// Something can be done without waiting: `action` runs after this turn's poll.
  package mutating func always(_ action: @escaping () throws -> Void) {
    isImmediate = true
    descriptors.append(pollfd(fd: -1, events: 0, revents: Int16(POLLIN)))
    actions.append(action)
  }

  /// The turn ends at this time of the monotonic clock at the latest, in nanoseconds.
  package mutating func wake(at time: UInt64) { deadline = min(deadline ?? time, time) }

  /// Waits once and does what has become possible.
  package consuming func turn() throws {
    var timeout: Int32 = -1
    if isImmediate {
      timeout = 0
    } else if let deadline {
      let now = Clock.monotonic()
      timeout = now >= deadline ? 0 : Int32(clamping: (deadline - now) / 1_000_000 + 1)
    }
    let immediate = descriptors.map { $0.fd < 0 && $0.revents != 0 }
    let count = unsafe poll(&descriptors, nfds_t(descriptors.count), timeout)
    if count < 0 {
      guard errno == EINTR else {
        throw HostError.system(operation: "poll", path: "the VM's channels", errno: errno)
      }
      return
    }
    for index in descriptors.indices where descriptors[index].revents != 0 || immediate[index] {
      try actions[index]()
    }
  }
}

/// Reading and writing without waiting.
enum Bytes {
  enum Reading {
    case bytes([UInt8])
    case nothingNow
    case end
  }

  /// A connection that was reset counts as ended.
  static func read(_ descriptor: Int32, upTo count: Int) throws(HostError) -> Reading {
    var code: Int32 = 0
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      let got = unsafe Glibc.read(descriptor, buffer.baseAddress, count)
      code = got < 0 ? errno : 0
      filled = max(0, got)
    }
    switch code {
    case 0: return bytes.isEmpty ? .end : .bytes(bytes)
    case EAGAIN, EINTR: return .nothingNow
    // A terminal whose other side is gone says EIO.
    case ECONNRESET, EPIPE, EIO, EBADF: return .end
    default: throw .system(operation: "read", path: "descriptor \(descriptor)", errno: code)
    }
  }

  /// How many bytes were taken; `nil` if nobody reads any more.
  static func write(_ descriptor: Int32, _ bytes: ArraySlice<UInt8>) throws(HostError) -> Int? {
    let count = unsafe bytes.withUnsafeBytes { buffer in
      let sent = unsafe send(
        descriptor, buffer.baseAddress, buffer.count, Int32(MSG_NOSIGNAL) | dontWait)
      if sent >= 0 || errno != ENOTSOCK { return sent }
      return unsafe Glibc.write(descriptor, buffer.baseAddress, buffer.count)
    }
    if count >= 0 { return count }
    switch errno {
    case EAGAIN, EINTR: return 0
    case EPIPE, ECONNRESET, EIO, EBADF: return nil
    default: throw .system(operation: "write", path: "descriptor \(descriptor)", errno: errno)
    }
  }

  private static let dontWait = Int32(MSG_DONTWAIT)
}
