internal import Host
internal import Vocabulary

/// The little that we say to QEMU and want to hear from it (QEMU Machine Protocol).
final class MachineMonitor {
  private let socket: OwnedDescriptor
  private var queue = ByteQueue()
  private var line: [UInt8] = []
  private var isClosed = false
  /// Stops that we asked for and have not heard of yet.
  private var expectedStops = 0

  /// Its processors stand still because we said so.
  private(set) var isPaused = false
  /// The host had no room for a write; the VM stands still.
  private(set) var isDiskFull = false
  /// It stopped by itself: an error in the disk or the processor.
  private(set) var stoppedByItself = false
  /// The guest switched its power off, rather than restart or crash.
  private(set) var hasPoweredOff = false

  private static let longestLine = 256 << 10

  init(_ socket: consuming OwnedDescriptor) {
    self.socket = socket
    say("qmp_capabilities")
  }

  func quit() { say("quit") }

  func pause() {
    guard !isPaused else { return }
    isPaused = true
    // A machine that stands still already does not stop again.
    if !stoppedByItself, !isDiskFull { expectedStops += 1 }
    say("stop")
  }

  func resume() {
    isPaused = false
    isDiskFull = false
    stoppedByItself = false
    say("cont")
  }

  private func say(_ command: String) {
    guard !isClosed else { return }
    queue.append([UInt8]("{\"execute\":\"\(command)\"}\n".utf8))
  }

  func watch(_ set: inout PollSet) {
    guard !isClosed else { return }
    set.watch(socket.raw, .reading) { [self] in _ = try receive() }
    if !queue.isEmpty {
      set.watch(socket.raw, .writing) { [self] in
        guard let count = try Bytes.write(socket.raw, queue.front) else { return isClosed = true }
        queue.drop(count)
      }
    }
  }

  /// Everything that it said so far: after its end, its last words.
  func hearOut() {
    while !isClosed, (try? receive()) == true {}
  }

  /// Whether there was something.
  private func receive() throws -> Bool {
    switch try Bytes.read(socket.raw, upTo: 64 << 10) {
    case .nothingNow: return false
    case .end:
      isClosed = true
      return false
    case .bytes(let bytes):
      for byte in bytes {
        if byte == UInt8(ascii: "\n") {
          understand(line)
          line = []
        } else if line.count < Self.longestLine {
          line.append(byte)
        }
      }
      return true
    }
  }

  private func understand(_ line: [UInt8]) {
    guard let json = try? JSON(parsing: line) else { return }
    let data = json["data"]
    switch json["event"]?.string {
    case "BLOCK_IO_ERROR":
      if data?["nospace"]?.bool == true { isDiskFull = true }
    case "STOP":
      if expectedStops > 0 { expectedStops -= 1 } else { stoppedByItself = true }
    case "RESUME":
      stoppedByItself = false
    case "SHUTDOWN":
      // A panic restarts (`panic=-1`), and so does a guest that was told to.
      hasPoweredOff = data?["reason"]?.string == "guest-shutdown"
    default: break
    }
  }
}
