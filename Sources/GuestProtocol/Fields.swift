/// Appends little-endian fields.
struct FieldWriter {
  private(set) var bytes: [UInt8] = []

  mutating func write<Integer: FixedWidthInteger>(_ value: Integer) {
    var rest = value
    for _ in 0..<(Integer.bitWidth / 8) {
      bytes.append(UInt8(truncatingIfNeeded: rest))
      if Integer.bitWidth > 8 { rest >>= 8 }
    }
  }

  mutating func write(raw: some Sequence<UInt8>) { bytes.append(contentsOf: raw) }

  /// A u32 length and the bytes.
  mutating func write(counted: [UInt8]) {
    write(UInt32(counted.count))
    bytes.append(contentsOf: counted)
  }
}

/// Takes little-endian fields off the front of a payload; every read is checked.
struct FieldReader {
  private var rest: ArraySlice<UInt8>
  private let type: FrameType

  init(_ payload: ArraySlice<UInt8>, type: FrameType) {
    rest = payload
    self.type = type
  }

  var isAtEnd: Bool { rest.isEmpty }

  func malformed(_ field: String) -> GuestProtocolError { .malformed(type: type, field: field) }

  mutating func raw(_ count: Int, _ field: String) throws(GuestProtocolError) -> ArraySlice<UInt8> {
    guard count >= 0, count <= rest.count else { throw malformed(field) }
    defer { rest = rest.dropFirst(count) }
    return rest.prefix(count)
  }

  mutating func integer<Integer: FixedWidthInteger>(
    _ field: String
  ) throws(GuestProtocolError) -> Integer {
    var value: Integer = 0
    for (index, byte) in try raw(Integer.bitWidth / 8, field).enumerated() {
      value |= Integer(truncatingIfNeeded: byte) << (8 * index)
    }
    return value
  }

  /// A u32 length, at most `limit`, and that many bytes.
  mutating func counted(_ field: String, limit: Int) throws(GuestProtocolError) -> [UInt8] {
    let count: UInt32 = try integer(field)
    guard count <= limit else { throw malformed(field) }
    return [UInt8](try raw(Int(count), field))
  }

  /// The same, without a NUL byte, fit for a C string.
  mutating func name(_ field: String, limit: Int) throws(GuestProtocolError) -> [UInt8] {
    let bytes = try counted(field, limit: limit)
    guard !bytes.contains(0) else { throw malformed(field) }
    return bytes
  }

  func finish() throws(GuestProtocolError) {
    guard rest.isEmpty else { throw malformed("end") }
  }
}
