import CGuest
import GuestProtocol

/// The VM's way out, although it has no network device: allowed names have addresses of the
/// machine's own, and connections to them are handed to the host by name.
final class Network {
  /// 198.18.0.0/15 (RFC 2544): for tests of networks, so nobody has a service there.
  private static let prefix: UInt32 = 0xC612_0000
  private static let mask: UInt32 = 0xFFFE_0000
  private static let domainPort: UInt16 = 53
  private static let loopback: UInt32 = 0x7F00_0001
  private static let settings = "/run/hutch/resolv.conf"

  private let listener: Int32
  private let resolver: Int32
  private let steering: Int32
  private var names: NameServer
  /// Streams on which the host waits for a connection, the oldest first.
  private var waiting: [UInt32] = []
  /// Names that the host was told of because they are not on the list; bounded, or else a program
  /// could fill the host's log.
  private var told: Set<[UInt8]> = []
  private static let mostTold = 1024
  /// Those of them for which no stream was there yet.
  private var untold: [[UInt8]] = []

  init(_ allowed: [AllowedHost]) throws(SystemError) {
    names = NameServer(allowed: allowed)
    try check(guest_add_address(NameServer.address, Network.mask), "add an address")
    listener = try check(guest_bind(1, Network.loopback, 0), "listen")
    resolver = try check(
      guest_bind(0, NameServer.address, Network.domainPort), "listen for questions of names")
    steering = try check(
      guest_steer(listener, Network.prefix, Network.mask), "direct connections")
    try Network.announce()
  }

  func allow(_ allowed: [AllowedHost]) { names = NameServer(allowed: allowed) }

  /// Says where names are resolved. The image's own file stays as it is, below.
  private static func announce() throws(SystemError) {
    let text = "nameserver 198.18.0.1\noptions timeout:2 attempts:2\n"
    try writeFile(settings, [UInt8](text.utf8))
    let target = "/etc/resolv.conf"
    if !exists(target) {
      // Nothing there, or a link to nothing.
      _ = unsafe guest_unlink(target)
      try writeFile(target, [])
    }
    try check(
      unsafe guest_mount(settings, target, nil, UInt32(GUEST_BIND), nil), "mount \"\(target)\"")
  }

  // MARK: Connections

  /// -1 while the host waits for none: then they wait in the kernel.
  var connectionsToPoll: Int32 { waiting.isEmpty ? -1 : listener }

  func await(_ stream: UInt32, _ server: Server) {
    waiting.append(stream)
    if !untold.isEmpty { tell(untold.removeFirst(), on: waiting.removeLast(), server) }
  }

  /// Whether the stream was one that waits.
  func forget(_ stream: UInt32) -> Bool {
    guard let index = waiting.firstIndex(of: stream) else { return false }
    waiting.remove(at: index)
    return true
  }

  func forgetAll() { waiting = [] }

  /// Takes one connection and tells the host.
  func accept(_ server: Server) -> Session? {
    guard let stream = waiting.first else { return nil }
    var address: UInt32 = 0
    var port: UInt16 = 0
    let socket = unsafe guest_accept(listener, &address, &port)
    guard socket >= 0 else { return nil }
    guard port > 0, let name = names.name(of: address) else {
      // Nobody was given this address, or it is not one for connections.
      _ = guest_reset_on_close(socket)
      _ = guest_close(socket)
      return nil
    }
    waiting.removeFirst()
    let session = Session(stream: stream, socket: socket)
    begin(stream, server)
    session.say(ConnectionLine(port: port, name: name).encoded, server)
    return session
  }

  private func begin(_ stream: UInt32, _ server: Server) {
    server.control.send(Message.started(pid: 0).encoded(stream: stream))
    server.streams.send(Message.end(.standardError).encoded(stream: stream))
  }

  // MARK: Names

  var questionsToPoll: Int32 { resolver }

  func answerQuestions(_ server: Server) {
    // A few at a time: the commands' bytes wait meanwhile.
    for _ in 0..<32 {
      var sender = [UInt8](repeating: 0, count: 16)
      var size: Int64 = 0
      let query = unsafe [UInt8](unsafeUninitializedCapacity: 4096) { buffer, filled in
        size = unsafe guest_receive(resolver, buffer.baseAddress!, buffer.count, &sender)
        filled = Int(max(0, min(size, Int64(buffer.count))))
      }
      guard size >= 0 else { return }
      guard size <= 4096, let answer = names.answer(query) else { continue }
      if let name = answer.refused { tell(name, server) }
      _ = unsafe guest_send_to(resolver, answer.message, answer.message.count, sender)
    }
  }

  /// Lets the host's log say which names were missed.
  private func tell(_ name: [UInt8], _ server: Server) {
    guard told.count < Network.mostTold, told.insert(name).inserted else { return }
    if waiting.isEmpty {
      untold.append(name)
    } else {
      tell(name, on: waiting.removeFirst(), server)
    }
  }

  private func tell(_ name: [UInt8], on stream: UInt32, _ server: Server) {
    begin(stream, server)
    let line = ConnectionLine(port: 0, name: name).encoded
    server.streams.send(
      Frame.header(
        stream: stream, type: .data, channel: GuestChannel.standardOutput.rawValue,
        length: line.count) + line)
    server.streams.send(Message.end(.standardOutput).encoded(stream: stream))
    server.control.send(Message.exit(.exited(0)).encoded(stream: stream))
  }
}
