/// Bytes on their way to somebody who takes them as he can.
struct ByteQueue {
  private var bytes: [UInt8] = []
  private var head = 0

  var count: Int { bytes.count - head }
  var isEmpty: Bool { count == 0 }

  mutating func append(_ more: [UInt8]) {
    if isEmpty {
      bytes = more
      head = 0
      return
    }
    // Moving what is left costs at most as much as was written since the last time.
    if head > 1 << 18, head > count {
      bytes.removeSubrange(..<head)
      head = 0
    }
    bytes += more
  }

  /// The first bytes, as many as one call should carry.
  var front: ArraySlice<UInt8> { bytes[head..<min(bytes.count, head + (1 << 18))] }

  mutating func drop(_ taken: Int) {
    head += taken
    if head == bytes.count {
      bytes = []
      head = 0
    }
  }
}

/// The last bytes of something endless.
package struct TailBuffer: Sendable {
  package let capacity: Int
  private var bytes: [UInt8] = []

  package init(capacity: Int) { self.capacity = capacity }

  package mutating func append(_ more: [UInt8]) {
    bytes += more.suffix(capacity)
    if bytes.count > 2 * capacity { bytes.removeFirst(bytes.count - capacity) }
  }

  package var contents: ArraySlice<UInt8> { bytes.suffix(capacity) }

  /// For people: the last lines, without the control characters that firmware and guests write to
  /// move cursors about.
  package func lines(_ count: Int) -> String {
    Self.printable(contents).split(separator: "\n")
      .filter { !$0.allSatisfy { $0 == " " } }.suffix(count).joined(separator: "\n")
  }

  /// A guest's bytes as text that does nothing to a terminal.
  package static func printable(_ bytes: some Sequence<UInt8>) -> String {
    var text: [UInt8] = []
    var escape = false
    for byte in bytes {
      if escape {
        // An escape sequence ends with a letter.
        escape = !(0x40...0x7E).contains(byte) || byte == UInt8(ascii: "[")
      } else if byte == 0x1B {
        escape = true
      } else if byte == 0x0A || byte == 0x09 || byte >= 0x20 && byte != 0x7F {
        text.append(byte)
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}
