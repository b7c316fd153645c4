/// Little-endian numbers at places of a piece of metadata that nobody vouches for: a place that
/// is not there is an error, never a trap.
struct MetadataBytes {
  let bytes: [UInt8]
  private let start: Int
  let count: Int

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    start = 0
    count = bytes.count
  }

  /// A part of a block; what sticks out of it is not there.
  init(_ bytes: [UInt8], at start: Int, count: Int) {
    self.bytes = bytes
    self.start = min(max(0, start), bytes.count)
    self.count = max(0, min(count, bytes.count - self.start))
  }

  func byte(_ offset: Int) throws(Ext4Reader.Fault) -> UInt8 {
    guard offset >= 0, offset < count else { throw .tooShort }
    return bytes[start + offset]
  }

  func half(_ offset: Int) throws(Ext4Reader.Fault) -> UInt16 {
    guard offset >= 0, offset <= count - 2 else { throw .tooShort }
    return UInt16(bytes[start + offset]) | UInt16(bytes[start + offset + 1]) << 8
  }

  func word(_ offset: Int) throws(Ext4Reader.Fault) -> UInt32 {
    guard offset >= 0, offset <= count - 4 else { throw .tooShort }
    let place = start + offset
    return UInt32(bytes[place]) | UInt32(bytes[place + 1]) << 8
      | UInt32(bytes[place + 2]) << 16 | UInt32(bytes[place + 3]) << 24
  }

  /// A number whose lower 32 bits stand at one place and whose upper ones at another.
  func wide(low: Int, high: Int) throws(Ext4Reader.Fault) -> UInt64 {
    UInt64(try word(low)) | UInt64(try word(high)) << 32
  }

  func slice(_ offset: Int, count wanted: Int) throws(Ext4Reader.Fault) -> [UInt8] {
    guard offset >= 0, wanted >= 0, wanted <= count, offset <= count - wanted else {
      throw .tooShort
    }
    return Array(bytes[start + offset..<start + offset + wanted])
  }
}
