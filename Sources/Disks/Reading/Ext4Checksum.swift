extension Ext4Reader {
  /// CRC-32C (Castagnoli, reflected, polynomial 0x1EDC6F41) as the kernel's `crc32c` has it: no
  /// inversion at either end, so that it goes on from any value.
  package enum Checksum {
    /// `table[k * 256 + b]`: what byte `b` is worth with `k` zero bytes behind it.
    private static let table: [UInt32] = {
      var table = [UInt32](repeating: 0, count: 8 * 256)
      for byte in 0..<256 {
        var value = UInt32(byte)
        for _ in 0..<8 { value = value >> 1 ^ (value & 1 == 0 ? 0 : 0x82F6_3B78) }
        table[byte] = value
      }
      for index in 256..<8 * 256 {
        let before = table[index - 256]
        table[index] = before >> 8 ^ table[Int(before & 0xFF)]
      }
      return table
    }()

    package static func of(_ bytes: some Collection<UInt8>, from seed: UInt32) -> UInt32 {
      let known = bytes.withContiguousStorageIfAvailable { buffer in
        unsafe of(UnsafeRawBufferPointer(buffer), from: seed)
      }
      return known ?? of(Array(bytes), from: seed)
    }

    private static func of(_ bytes: UnsafeRawBufferPointer, from seed: UInt32) -> UInt32 {
      let table = table
      var crc = seed
      var place = 0
      while place + 8 <= bytes.count {
        let word =
          unsafe UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
          ^ UInt64(crc)
        crc = 0
        for index in 0..<8 {
          crc ^= table[(7 - index) * 256 + Int(truncatingIfNeeded: word >> (8 * index) & 0xFF)]
        }
        place += 8
      }
      while place < bytes.count {
        crc = unsafe crc >> 8 ^ table[Int((crc ^ UInt32(bytes[place])) & 0xFF)]
        place += 1
      }
      return crc
    }

    static func of(_ number: UInt32, from seed: UInt32) -> UInt32 {
      of((0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }, from: seed)
    }

    static func of(_ number: UInt64, from seed: UInt32) -> UInt32 {
      of((0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }, from: seed)
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
}
