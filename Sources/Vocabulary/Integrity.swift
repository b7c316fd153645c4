internal import Crypto

/// A SHA-512 digest as package registries print it: `sha512-` and Base64 (Subresource Integrity,
/// W3C, 3.1).
package struct Integrity: Hashable, Sendable, CustomStringConvertible {
  /// Exactly 64 bytes.
  package let bytes: [UInt8]

  /// The one spelling of one digest; other algorithms and lists of several are refused.
  package init?(_ text: String) {
    let prefix = "sha512-"
    guard text.hasPrefix(prefix), let bytes = Base64.decode(text.dropFirst(prefix.count)),
      bytes.count == 64
    else { return nil }
    self.bytes = bytes
  }

  fileprivate init(_ bytes: [UInt8]) { self.bytes = bytes }

  package var description: String { "sha512-" + Base64.encode(bytes) }
}

/// SHA-512 over a stream.
package struct IntegrityStream: Sendable {
  private var state = SHA512()

  package init() {}

  package mutating func update(_ bytes: [UInt8]) { state.update(data: bytes) }

  package consuming func finish() -> Integrity { Integrity(Array(state.finalize())) }
}

/// With padding, in the common alphabet (RFC 4648, 4).
enum Base64 {
  private static let digits = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  private static let pad = UInt8(ascii: "=")

  static func encode(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      var value = group.reduce(0) { $0 << 8 | Int($1) }
      value <<= 8 * (3 - group.count)
      for place in 0..<4 {
        text.append(place > group.count ? pad : digits[value >> (18 - 6 * place) & 63])
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// `nil` for what `encode` does not give.
  static func decode(_ text: some StringProtocol) -> [UInt8]? {
    let source = Array(text.utf8)
    guard source.count.isMultiple(of: 4) else { return nil }
    var bytes: [UInt8] = []
    for start in stride(from: 0, to: source.count, by: 4) {
      let group = source[start..<start + 4].prefix { $0 != pad }
      var value = 0
      for digit in group {
        guard let number = digits.firstIndex(of: digit) else { return nil }
        value = value << 6 | number
      }
      value <<= 6 * (4 - group.count)
      for place in 0..<max(0, group.count - 1) {
        bytes.append(UInt8(truncatingIfNeeded: value >> (16 - 8 * place)))
      }
    }
    return encode(bytes) == String(text) ? bytes : nil
  }
}
