/// CRC-32C (Castagnoli, reflected, polynomial 0x1EDC6F41) as ext4 uses it: no inversion at either
/// end, so that it goes on from any value (Linux, `lib/crc32.c`, `__crc32c_le`; ext4
/// documentation, "Checksums").
package enum CRC32C {
  /// `tables[k * 256 + b]`: what byte `b` is worth with `k` zero bytes behind it, so that eight
  /// bytes go at a time ("slicing-by-8").
  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var value = UInt32(byte)
      for _ in 0..<8 { value = value >> 1 ^ (value & 1 == 0 ? 0 : 0x82F6_3B78) }
      tables[byte] = value
    }
    for index in 256..<8 * 256 {
      let before = tables[index - 256]
      tables[index] = before >> 8 ^ tables[Int(before & 0xFF)]
    }
    return tables
  }()

  package static func of(_ bytes: some Collection<UInt8>, from seed: UInt32) -> UInt32 {
    let known = bytes.withContiguousStorageIfAvailable { buffer in
      unsafe of(UnsafeRawBufferPointer(buffer), from: seed)
    }
    return known ?? of(Array(bytes), from: seed)
  }

  private static func of(_ buffer: UnsafeRawBufferPointer, from seed: UInt32) -> UInt32 {
    unsafe tables.withUnsafeBufferPointer { table in
      var crc = seed
      var offset = 0
      while offset + 8 <= buffer.count {
        let low =
          unsafe buffer.loadUnaligned(fromByteOffset: offset, as: UInt32.self).littleEndian ^ crc
        let high =
          unsafe buffer.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self).littleEndian
        let first = unsafe table[1792 + Int(low & 0xFF)] ^ table[1536 + Int(low >> 8 & 0xFF)]
        let second = unsafe table[1280 + Int(low >> 16 & 0xFF)] ^ table[1024 + Int(low >> 24)]
        let third = unsafe table[768 + Int(high & 0xFF)] ^ table[512 + Int(high >> 8 & 0xFF)]
        let fourth = unsafe table[256 + Int(high >> 16 & 0xFF)] ^ table[Int(high >> 24)]
        crc = first ^ second ^ third ^ fourth
        offset += 8
      }
      while offset < buffer.count {
        crc = unsafe crc >> 8 ^ table[Int((crc ^ UInt32(buffer[offset])) & 0xFF)]
        offset += 1
      }
      return crc
    }
  }

  /// The number's bytes, the lowest first.
  static func of(_ number: some FixedWidthInteger, from seed: UInt32) -> UInt32 {
    of(
      (0..<number.bitWidth / 8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }, from: seed)
  }

  /// With zeroes in the place of the checksum itself, which is `count` bytes long.
  static func of(
    _ bytes: [UInt8], zeroing places: Int..., count: Int, from seed: UInt32
  ) -> UInt32 {
    var copy = bytes
    for place in places where place + count <= copy.count {
      for index in place..<place + count { copy[index] = 0 }
    }
    return of(copy, from: seed)
  }
}
