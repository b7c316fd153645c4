internal import Host
internal import Vocabulary

/// The little that we say to QEMU and want to hear from it (QEMU Machine Protocol).
final class MachineMonitor {
  private let socket: OwnedDescriptor
  private var queue = ByteQueue()
  private var line: [UInt8] = []
  private var isClosed = false
  private var expectsStop = false

  private(set) var isUp = false
  /// The host had no room for a write; the VM stands still.
  private(set) var isDiskFull = false
  /// It stopped by itself: an error in the disk or the processor.
  private(set) var stoppedByItself = false

  private static let longestLine = 256 << 10

  init(_ socket: consuming OwnedDescriptor) {
    self.socket = socket
    say("qmp_capabilities")
  }

  func quit() { say("quit") }
  func powerButton() { say("system_powerdown") }

  func pause() {
    expectsStop = true
    say("stop")
  }

  func resume() {
    expectsStop = false
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
    set.watch(socket.raw, .reading) { [self] in try receive() }
    if !queue.isEmpty {
      set.watch(socket.raw, .writing) { [self] in
        guard let count = try Bytes.write(socket.raw, queue.front) else { return isClosed = true }
        queue.drop(count)
      }
    }
  }

  private func receive() throws {
    switch try Bytes.read(socket.raw, upTo: 64 << 10) {
    case .nothingNow: return
    case .end: isClosed = true
    case .bytes(let bytes):
      for byte in bytes {
        if byte == UInt8(ascii: "\n") {
          understand(line)
          line = []
        } else if line.count < Self.longestLine {
          line.append(byte)
        }
      }
    }
  }

  private func understand(_ line: [UInt8]) {
    guard let json = try? JSON(parsing: line) else { return }
    if json["QMP"] != nil { isUp = true }
    switch json["event"]?.string {
    case "BLOCK_IO_ERROR":
      if json["data"]?["nospace"]?.bool == true { isDiskFull = true }
    case "STOP": if !expectsStop { stoppedByItself = true }
    case "RESUME": stoppedByItself = false
    default: break
    }
  }
}
