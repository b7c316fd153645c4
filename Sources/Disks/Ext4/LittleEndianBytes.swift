/// Numbers in little-endian order, as in ext4, at places of a buffer of ours.
extension [UInt8] {
  /// The place must lie within the array.
  mutating func put<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
    for index in 0..<Value.bitWidth / 8 {
      self[offset + index] = UInt8(truncatingIfNeeded: value >> (index * 8))
    }
  }

  /// The place must lie within the array.
  mutating func put(_ bytes: some Collection<UInt8>, at offset: Int) {
    replaceSubrange(offset..<offset + bytes.count, with: bytes)
  }

  mutating func append<Value: FixedWidthInteger>(littleEndian value: Value) {
    for index in 0..<Value.bitWidth / 8 {
      append(UInt8(truncatingIfNeeded: value >> (index * 8)))
    }
  }
}

/// Little-endian numbers at places of a byte string that nobody vouches for.
struct LittleEndianReader {
  let bytes: [UInt8]

  /// `nil` past the end.
  func number<Value: FixedWidthInteger & UnsignedInteger>(
    _ type: Value.Type, at offset: Int
  ) -> Value? {
    let size = Value.bitWidth / 8
    guard offset >= 0, offset <= bytes.count - size else { return nil }
    var value: Value = 0
    for index in 0..<size { value |= Value(bytes[offset + index]) << (index * 8) }
    return value
  }

  /// `nil` if any of it lies past the end.
  func slice(at offset: Int, count: Int) -> ArraySlice<UInt8>? {
    guard offset >= 0, count >= 0, count <= bytes.count, offset <= bytes.count - count else {
      return nil
    }
    return bytes[offset..<offset + count]
  }
}
