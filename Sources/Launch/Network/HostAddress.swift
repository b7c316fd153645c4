internal import Glibc

/// An address of the internet protocol, version 4 or 6.
package struct HostAddress: Sendable, Hashable, CustomStringConvertible {
  /// 4 or 16, in network order.
  package let bytes: [UInt8]

  /// As `inet_pton(3)` reads it, without a zone.
  package init?(_ text: String) {
    for (family, size) in [(AF_INET, 4), (AF_INET6, 16)] {
      var bytes = [UInt8](repeating: 0, count: size)
      if unsafe inet_pton(family, text, &bytes) == 1 {
        // ::ffff:a.b.c.d reaches what a.b.c.d reaches (RFC 4291, section 2.5.5.2).
        let isMapped = size == 16 && bytes.starts(with: Self.mapped)
        self.bytes = isMapped ? Array(bytes[12...]) : bytes
        return
      }
    }
    return nil
  }

  private init(_ bytes: ArraySlice<UInt8>) { self.bytes = Array(bytes) }

  package var description: String {
    if bytes.count == 4 { return bytes.map { "\($0)" }.joined(separator: ".") }
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    _ = unsafe inet_ntop(AF_INET6, bytes, &text, socklen_t(text.count))
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Who may be reached at an address.
  package enum Reach: Sendable {
    /// Everybody's.
    case everywhere
    /// Of this machine, or of a network that it is part of.
    case nearby
    /// Nothing that a service would have a name for, or what clouds tell their machines'
    /// secrets by.
    case nowhere
  }

  private static let mapped: [UInt8] = Array(repeating: 0, count: 10) + [0xFF, 0xFF]

  /// RFC 6890 and the registries that go on from it.
  package var reach: Reach {
    bytes.count == 4 ? Self.reach(of4: bytes) : reach6
  }

  private static let nearby4: [(prefix: [UInt8], bits: Int)] = [
    ([10, 0, 0, 0], 8), ([100, 64, 0, 0], 10), ([127, 0, 0, 0], 8), ([172, 16, 0, 0], 12),
    ([192, 168, 0, 0], 16),
  ]

  private static let nowhere4: [(prefix: [UInt8], bits: Int)] = [
    // The last of the hundreds is where a cloud keeps its metadata when it is not link-local.
    ([0, 0, 0, 0], 8), ([169, 254, 0, 0], 16), ([192, 0, 0, 0], 24), ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24), ([198, 18, 0, 0], 15), ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24), ([224, 0, 0, 0], 4), ([240, 0, 0, 0], 4),
    ([100, 100, 100, 200], 32), ([168, 63, 129, 16], 32),
  ]

  private static func reach(of4 bytes: [UInt8]) -> Reach {
    if nowhere4.contains(where: { isWithin(bytes, $0.prefix, $0.bits) }) { return .nowhere }
    if nearby4.contains(where: { isWithin(bytes, $0.prefix, $0.bits) }) { return .nearby }
    return .everywhere
  }

  private var reach6: Reach {
    // Translators (RFC 6052) carry an address of version 4 at the end.
    if Self.isWithin(bytes, [0, 0x64, 0xFF, 0x9B] + Array(repeating: 0, count: 12), 96) {
      return Self.reach(of4: Array(bytes[12...])) == .everywhere ? .everywhere : .nowhere
    }
    if bytes == Array(repeating: 0, count: 15) + [1] { return .nearby }
    // The metadata of one cloud is in here.
    if bytes == [0xFD, 0, 0x0E, 0xC2] + Array(repeating: 0, count: 10) + [2, 0x54] {
      return .nowhere
    }
    if bytes[0] & 0xFE == 0xFC { return .nearby }
    guard bytes[0] & 0xE0 == 0x20 else { return .nowhere }
    // Teredo, other special purposes, documentation, 6to4.
    let special: [(prefix: [UInt8], bits: Int)] = [
      ([0x20, 0x01, 0, 0], 23), ([0x20, 0x01, 0x0D, 0xB8], 32), ([0x20, 0x02, 0, 0], 16),
      ([0x3F, 0xFF, 0, 0], 20),
    ]
    return special.contains { Self.isWithin(bytes, $0.prefix, $0.bits) } ? .nowhere : .everywhere
  }

  private static func isWithin(_ bytes: [UInt8], _ prefix: [UInt8], _ bits: Int) -> Bool {
    for index in 0..<prefix.count {
      let left = bits - 8 * index
      if left <= 0 { return true }
      let mask: UInt8 = left >= 8 ? 0xFF : ~(0xFF >> UInt8(left))
      if bytes[index] & mask != prefix[index] & mask { return false }
    }
    return true
  }
}
