/// What the writer of a channel may still send.
package struct SendWindow: Sendable {
  /// Bytes that may be sent now, never more than the window.
  package private(set) var available = GuestProtocolLimits.window

  package init() {}

  /// Counts bytes that are being sent; at most `available`.
  package mutating func consume(_ count: Int) {
    precondition(count <= available)
    available -= count
  }

  /// Adds what the reader granted. Granting more than was sent is an error of the reader's.
  package mutating func grant(
    _ bytes: UInt32, stream: UInt32, channel: GuestChannel
  ) throws(GuestProtocolError) {
    guard Int(bytes) <= GuestProtocolLimits.window - available else {
      throw .creditExceeded(stream: stream, channel: channel.rawValue)
    }
    available += Int(bytes)
  }
}

/// What the reader of a channel must be ready to take.
package struct ReceiveWindow: Sendable {
  /// Bytes that the writer may still send.
  private var outstanding = GuestProtocolLimits.window
  /// Bytes used up and not granted again yet.
  private var consumed = 0

  package init() {}

  /// Counts bytes that arrived; more than was granted is an error of the writer's.
  package mutating func receive(
    _ count: Int, stream: UInt32, channel: GuestChannel
  ) throws(GuestProtocolError) {
    guard count <= outstanding else {
      throw .windowExceeded(stream: stream, channel: channel.rawValue)
    }
    outstanding -= count
  }

  /// Counts bytes that were passed on. Returns the credit to send, once it is worth a frame.
  package mutating func consume(_ count: Int) -> UInt32? {
    consumed += count
    precondition(consumed + outstanding <= GuestProtocolLimits.window)
    guard consumed >= GuestProtocolLimits.window / 4 else { return nil }
    defer { consumed = 0 }
    outstanding += consumed
    return UInt32(consumed)
  }
}

/// Bounds what all streams of one connection together can make the host hold.
package struct WindowBudget: Sendable {
  private var free = GuestProtocolLimits.allWindows

  package init() {}

  /// Takes the windows of a stream with so many channels towards us; false if there is no room.
  package mutating func reserve(channels: Int) -> Bool {
    let bytes = channels * GuestProtocolLimits.window
    guard bytes <= free else { return false }
    free -= bytes
    return true
  }

  package mutating func release(channels: Int) {
    free += channels * GuestProtocolLimits.window
    precondition(free <= GuestProtocolLimits.allWindows)
  }
}
