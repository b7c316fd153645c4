/// Bytes being put together, numbers in big-endian order as in qcow2.
struct BigEndianBytes {
  private(set) var bytes: [UInt8] = []

  mutating func append(_ value: some FixedWidthInteger) {
    var shift = value.bitWidth - 8
    while shift >= 0 {
      bytes.append(UInt8(truncatingIfNeeded: value >> shift))
      shift -= 8
    }
  }

  mutating func append(contentsOf more: [UInt8]) { bytes += more }
}

/// Big-endian numbers at places of a byte string that nobody vouches for.
struct BigEndianReader {
  let bytes: [UInt8]

  /// `nil` past the end.
  func number<Value: FixedWidthInteger & UnsignedInteger>(
    _ type: Value.Type, at offset: Int
  ) -> Value? {
    let size = Value.bitWidth / 8
    guard offset >= 0, offset <= bytes.count - size else { return nil }
    return bytes[offset..<offset + size].reduce(0) { $0 << 8 | Value($1) }
  }

  /// `nil` if any of it lies past the end.
  func slice(at offset: Int, count: Int) -> [UInt8]? {
    guard offset >= 0, count >= 0, count <= bytes.count, offset <= bytes.count - count else {
      return nil
    }
    return Array(bytes[offset..<offset + count])
  }
}
