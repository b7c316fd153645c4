/// What is wrong with bytes that the other side sent. The connection is of no use afterwards.
package enum GuestProtocolError: Error, Equatable, Sendable, CustomStringConvertible {
  case unknownType(UInt8)
  case reservedNotZero
  case wrongLength(type: UInt8, length: UInt32)
  case wrongPort(type: FrameType)
  case wrongSender(type: FrameType)
  case wrongStream(type: FrameType, stream: UInt32)
  case wrongChannel(type: FrameType, channel: UInt8)
  case helloMissing(type: UInt8)
  case notHutch
  case version(found: UInt16)
  case malformed(type: FrameType, field: String)
  case windowExceeded(stream: UInt32, channel: UInt8)
  case creditExceeded(stream: UInt32, channel: UInt8)
  case requestTooLong(stream: UInt32)

  package var description: String {
    switch self {
    case .unknownType(let type): "unknown frame type \(type)"
    case .reservedNotZero: "reserved bytes of a frame header are not zero"
    case .wrongLength(let type, let length): "frame of type \(type) is \(length) bytes long"
    case .wrongPort(let type): "frame \"\(type)\" on the wrong port"
    case .wrongSender(let type): "frame \"\(type)\" from the wrong side"
    case .wrongStream(let type, let stream): "frame \"\(type)\" on stream \(stream)"
    case .wrongChannel(let type, let channel): "frame \"\(type)\" on channel \(channel)"
    case .helloMissing(let type): "first frame has type \(type) instead of \"hello\""
    case .notHutch: "the other side does not speak this protocol"
    case .version(let found):
      "the other side speaks version \(found), this one \(GuestProtocolLimits.version)"
    case .malformed(let type, let field): "field \"\(field)\" of frame \"\(type)\" is malformed"
    case .windowExceeded(let stream, let channel):
      "more data than allowed on channel \(channel) of stream \(stream)"
    case .creditExceeded(let stream, let channel):
      "more credit than allowed on channel \(channel) of stream \(stream)"
    case .requestTooLong(let stream): "request of stream \(stream) is too long"
    }
  }
}
