internal import Glibc
internal import Host
internal import Vocabulary

/// One question for the addresses of a name, asked as everything on this machine asks it
/// (nsswitch.conf(5)), by `getent`: the library's own call would make the VM wait.
final class NameLookup {
  private let process: RunningProcess
  private let answer: OwnedDescriptor
  private var bytes: [UInt8] = []
  private let deadline: UInt64
  /// Set once it has ended; empty if the name has none, or it took too long.
  private(set) var addresses: [HostAddress]?

  private static let patience: UInt64 = 15_000_000_000
  private static let limit = 64 << 10
  /// More are not tried.
  private static let most = 16

  /// - Parameter name: as `HostName.canonical` gives it, so it is never an option.
  init(_ name: [UInt8]) throws {
    let (reading, writing) = try OwnedDescriptor.pipe().release()
    answer = OwnedDescriptor(owning: reading)
    defer { Glibc.close(writing) }
    try answer.setNonblocking(true)
    process = try RunningProcess.start(
      Command("getent", ["ahosts", String(decoding: name, as: UTF8.self)]),
      descriptors: [-1, writing, -1])
    deadline = Clock.monotonic() + Self.patience
  }

  deinit { end() }

  func watch(_ set: inout PollSet) {
    guard addresses == nil else { return }
    set.wake(at: deadline)
    set.watch(answer.raw, .reading) { [self] in try read() }
  }

  func check() {
    if addresses == nil, Clock.monotonic() >= deadline { finish([]) }
  }

  private func read() throws {
    guard addresses == nil else { return }
    switch try Bytes.read(answer.raw, upTo: 16 << 10) {
    case .nothingNow: return
    case .bytes(let more):
      bytes += more
      if bytes.count > Self.limit { finish([]) }
    case .end: finish(Self.parse(bytes))
    }
  }

  private func finish(_ found: [HostAddress]) {
    addresses = found
    end()
  }

  private func end() {
    if process.poll() == nil { process.terminate(graceMilliseconds: 0) }
  }

  /// Lines of an address, a kind of socket and, on the first, a name. Each address stands there
  /// once for each kind.
  static func parse(_ output: [UInt8]) -> [HostAddress] {
    var found: [HostAddress] = []
    for line in output.split(separator: 0x0A) {
      let word = String(decoding: line.prefix { $0 != 0x20 }, as: UTF8.self)
      guard let address = HostAddress(word), !found.contains(address), found.count < most else {
        continue
      }
      found.append(address)
    }
    return found
  }
}
