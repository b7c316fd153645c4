/// Numbers of the protocol, as `docs/formats/guest.md` fixes them.
package enum GuestProtocolLimits {
  /// The one version that this code speaks. Both sides state theirs in the first frame.
  package static let version: UInt16 = 1
  /// Bytes of a frame's header.
  package static let header = 12
  /// The longest payload of any frame.
  package static let payload = 64 << 10
  /// Credit that the reader of a channel gives without saying so, and the most that may be
  /// outstanding at any time.
  package static let window = 256 << 10
  /// The most that all windows of one connection may add up to on the host.
  package static let allWindows = 64 << 20
  /// The longest request that `open-part` frames may add up to.
  package static let request = 1 << 20
  /// The longest text that one side writes for the people of the other.
  package static let text = 4096
}

/// The two virtio-serial ports. Everything but the bytes of streams travels on `control`, so that
/// a full stream port never delays a signal or a shutdown.
package enum GuestPort: Sendable, CaseIterable {
  case control
  case streams

  /// As `/sys/class/virtio-ports/*/name` shows it in the guest.
  package var name: String {
    switch self {
    case .control: "hutch.control"
    case .streams: "hutch.streams"
    }
  }
}

/// The two ends of a port.
package enum GuestSide: Sendable, CaseIterable {
  case host
  case guest

  package var other: GuestSide { self == .host ? .guest : .host }
}

/// The three byte channels of a stream; the raw value is the `channel` byte of a frame.
package enum GuestChannel: UInt8, Sendable, CaseIterable {
  /// Bytes from the host to the guest.
  case standardInput = 0
  case standardOutput = 1
  case standardError = 2

  /// Who writes the bytes of this channel.
  package var writer: GuestSide { self == .standardInput ? .host : .guest }
}

/// The type byte of a frame. Types from 0x80 on may be skipped by whoever does not know them; any
/// other unknown type is an error.
package enum FrameType: UInt8, Sendable, CaseIterable {
  case hello = 0x01
  case ready = 0x02
  case fatal = 0x03
  case ping = 0x04
  case pong = 0x05

  case openPart = 0x10
  case open = 0x11
  case setTime = 0x12
  case setIdentity = 0x13
  case mount = 0x14
  case freeze = 0x15
  case thaw = 0x16
  case shutdown = 0x17

  case started = 0x20
  case done = 0x21
  case failed = 0x22
  case exit = 0x23

  case data = 0x30
  case end = 0x31
  case credit = 0x32
  case signal = 0x33
  case resize = 0x34
  case reset = 0x35

  /// Skipped by guests that know of no network: they have none then.
  case network = 0x80

  /// First of the types that an older reader skips.
  package static let firstIgnorable: UInt8 = 0x80
}

/// One frame as it travels: a fixed header of 12 bytes, little-endian
/// (`stream` u32, `type` u8, `channel` u8, zero u16, `length` u32), and `length` bytes.
package struct Frame: Sendable, Equatable {
  /// 0 for what concerns the connection; else a number that the host chose, never used twice.
  package var stream: UInt32
  package var type: FrameType
  /// A `GuestChannel` in `data`, `end` and `credit`; 0 in all others.
  package var channel: UInt8
  package var payload: [UInt8]

  package init(stream: UInt32, type: FrameType, channel: UInt8 = 0, payload: [UInt8] = []) {
    self.stream = stream
    self.type = type
    self.channel = channel
    self.payload = payload
  }

  /// The header of a frame whose payload is written from elsewhere. `length` ≤ 64 KiB.
  package static func header(
    stream: UInt32, type: FrameType, channel: UInt8 = 0, length: Int
  ) -> [UInt8] {
    precondition(length >= 0 && length <= GuestProtocolLimits.payload)
    var writer = FieldWriter()
    writer.write(stream)
    writer.write(type.rawValue)
    writer.write(channel)
    writer.write(UInt16(0))
    writer.write(UInt32(length))
    return writer.bytes
  }

  /// The bytes on the wire.
  package var encoded: [UInt8] {
    Frame.header(stream: stream, type: type, channel: channel, length: payload.count) + payload
  }
}
