import CGuest
import GuestProtocol

/// One virtio-serial port: frames in, queued bytes out, never blocking.
final class Port {
  let port: GuestPort
  let descriptor: Int32
  private var decoder: FrameDecoder
  private var input: ArraySlice<UInt8> = []
  private var queue: [[UInt8]] = []
  private var queueStart = 0
  private var sentOfFirst = 0
  /// Bytes that wait to be written.
  private(set) var queued = 0
  /// Whether the host was ever there.
  private(set) var wasConnected = false

  private init(_ port: GuestPort, descriptor: Int32) {
    self.port = port
    self.descriptor = descriptor
    decoder = FrameDecoder(port: port, sender: .host)
  }

  /// Waits for the device of that name.
  static func open(_ port: GuestPort) throws(SystemError) -> Port {
    let deadline = guest_monotonic_ms() + 10_000
    let name = [UInt8](port.name.utf8)
    while true {
      for device in names(in: "/sys/class/virtio-ports") {
        guard let found = readFile("/sys/class/virtio-ports/\(device)/name", limit: 256),
          found.split(separator: UInt8(ascii: "\n")).first?.elementsEqual(name) == true
        else { continue }
        let descriptor = unsafe guest_open("/dev/\(device)", Int32(GUEST_OPEN_PORT))
        if descriptor >= 0 { return Port(port, descriptor: descriptor) }
      }
      guard guest_monotonic_ms() < deadline else {
        throw SystemError(operation: "open port \"\(port.name)\"", errno: Errno.noEntry)
      }
      _ = guest_poll(nil, 0, 1)
    }
  }

  func send(_ bytes: [UInt8]) {
    queue.append(bytes)
    queued += bytes.count
  }

  /// Writes what the port takes now.
  func flush() {
    while queueStart < queue.count {
      let first = queue[queueStart]
      let result = unsafe first.withUnsafeBufferPointer { buffer in
        unsafe guest_write(
          descriptor, buffer.baseAddress! + sentOfFirst, buffer.count - sentOfFirst)
      }
      guard result > 0 else { break }
      wasConnected = true
      sentOfFirst += Int(result)
      queued -= Int(result)
      if sentOfFirst == first.count {
        sentOfFirst = 0
        queue[queueStart] = []
        queueStart += 1
      }
    }
    if queueStart == queue.count || queueStart > 64 {
      queue.removeFirst(queueStart)
      queueStart = 0
    }
  }

  /// Writes all that is queued, for at most so long.
  func drain(milliseconds: UInt64) {
    let deadline = guest_monotonic_ms() + milliseconds
    while queued > 0, guest_monotonic_ms() < deadline {
      flush()
      if queued > 0 { _ = guest_poll(nil, 0, 2) }
    }
  }

  /// Reads once and hands out the frames that are complete. False if the host is not there.
  func receive(
    _ body: (Frame) throws(GuestProtocolError) -> Void
  ) throws(GuestProtocolError) -> Bool {
    let part = read(descriptor, 65536)
    guard part.error == 0 else { return true }
    guard !part.bytes.isEmpty else { return false }
    wasConnected = true
    input = part.bytes[...]
    while let frame = try decoder.next(from: &input) { try body(frame) }
    return true
  }
}
