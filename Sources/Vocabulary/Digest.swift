internal import Crypto

/// A SHA-256 digest, printed as OCI does: `sha256:` and 64 lower-case hex digits
/// (OCI Image Specification, "Descriptors: Digests").
package struct Digest: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// Exactly 32 bytes.
  package let bytes: [UInt8]

  /// `nil` unless there are exactly 32 bytes.
  package init?(bytes: [UInt8]) {
    guard bytes.count == 32 else { return nil }
    self.bytes = bytes
  }

  /// Accepts `sha256:<64 lower-case hex digits>`; upper case and other algorithms are refused,
  /// so that a digest has exactly one spelling.
  package init?(_ text: some StringProtocol) {
    guard text.hasPrefix("sha256:") else { return nil }
    self.init(hex: text.dropFirst("sha256:".count))
  }

  /// Accepts 64 lower-case hex digits without a prefix, as Debian and PyPI print them.
  package init?(hex text: some StringProtocol) {
    guard let bytes = Hex.decode(text), bytes.count == 32 else { return nil }
    self.bytes = bytes
  }

  /// 64 lower-case hex digits: the file name in `blobs/sha256/`.
  package var hex: String { Hex.encode(bytes) }

  /// The first 12 hex digits: what listings show to people.
  package var short: String { String(hex.prefix(12)) }

  package var description: String { "sha256:" + hex }

  package static func < (left: Digest, right: Digest) -> Bool {
    left.bytes.lexicographicallyPrecedes(right.bytes)
  }

  /// The digest of a whole value that is in memory.
  package static func of(_ bytes: some Sequence<UInt8>) -> Digest {
    var hasher = DigestStream()
    hasher.update(Array(bytes))
    return hasher.finish()
  }

  package static func of(_ text: String) -> Digest { of(Array(text.utf8)) }
}

/// SHA-256 over a stream, for values that should not be in memory whole.
package struct DigestStream: Sendable {
  private var state = SHA256()

  package init() {}

  package mutating func update(_ bytes: [UInt8]) {
    state.update(data: bytes)
  }

  package mutating func update(_ bytes: ArraySlice<UInt8>) {
    unsafe bytes.withUnsafeBytes { unsafe state.update(bufferPointer: $0) }
  }

  /// The buffer is only read during the call.
  package mutating func update(_ buffer: UnsafeRawBufferPointer) {
    unsafe state.update(bufferPointer: buffer)
  }

  package consuming func finish() -> Digest {
    guard let digest = Digest(bytes: Array(state.finalize())) else {
      preconditionFailure("SHA-256 is 32 bytes long")
    }
    return digest
  }
}

/// Lower-case hexadecimal, both ways.
package enum Hex {
  private static let digits = Array("0123456789abcdef".utf8)

  package static func encode(_ bytes: some Sequence<UInt8>) -> String {
    var text: [UInt8] = []
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// `nil` for an odd number of digits and for anything but `0-9a-f`.
  package static func decode(_ text: some StringProtocol) -> [UInt8]? {
    let source = Array(text.utf8)
    guard source.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(source.count / 2)
    for index in stride(from: 0, to: source.count, by: 2) {
      guard let high = value(source[index]), let low = value(source[index + 1]) else { return nil }
      bytes.append(high << 4 | low)
    }
    return bytes
  }

  private static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
