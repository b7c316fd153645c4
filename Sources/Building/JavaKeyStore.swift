package import Vocabulary

/// Java's own key store format, "JKS" (its layout stands in the comments of OpenJDK's
/// `sun.security.provider.JavaKeyStore`): each entry has the time at which it was added.
package enum JavaKeyStore {
  /// That of stores which nobody keeps a secret in: `keytool`'s documentation, "cacerts".
  private static let password = "changeit"
  private static let salt = "Mighty Aphrodite"

  /// The same store with one date for all entries; `nil` for what is no such store, has another
  /// password, or is damaged.
  package static func withDates(_ bytes: [UInt8], _ date: SourceDate) -> [UInt8]? {
    guard bytes.count > 32, bytes.prefix(8) == [0xFE, 0xED, 0xFE, 0xED, 0, 0, 0, 2],
      let dates = placesOfDates(in: bytes),
      digest(of: bytes.dropLast(20)) == Array(bytes.suffix(20))
    else { return nil }
    var body = Array(bytes.dropLast(20))
    let milliseconds = UInt64(bitPattern: date.seconds * 1000)
    for place in dates {
      for index in 0..<8 {
        body[place + index] = UInt8(truncatingIfNeeded: milliseconds >> (8 * UInt64(7 - index)))
      }
    }
    return body + digest(of: body[...])
  }

  /// Offsets of 8 bytes each.
  private static func placesOfDates(in bytes: [UInt8]) -> [Int]? {
    let end = bytes.count - 20
    var position = 8
    /// Steps over a length of so many bytes and what has that length.
    func number(_ width: Int) -> Int? {
      guard position + width <= end else { return nil }
      defer { position += width }
      return bytes[position..<position + width].reduce(0) { $0 << 8 | Int($1) }
    }
    func skip(_ width: Int) -> Bool {
      guard let length = number(width), length <= end - position else { return false }
      position += length
      return true
    }
    guard let count = number(4) else { return nil }
    var dates: [Int] = []
    for _ in 0..<count {
      guard let tag = number(4), skip(2) else { return nil }
      dates.append(position)
      guard number(8) != nil else { return nil }
      switch tag {
      // A certificate: its type and itself.
      case 2: guard skip(2), skip(4) else { return nil }
      // A key, and the chain of its certificates.
      case 1:
        guard skip(4), let links = number(4), links <= end - position else { return nil }
        for _ in 0..<links { guard skip(2), skip(4) else { return nil } }
      default: return nil
      }
    }
    return position == end ? dates : nil
  }

  private static func digest(of body: ArraySlice<UInt8>) -> [UInt8] {
    // As UTF-16, the first byte first.
    let secret = password.utf16.flatMap { [UInt8($0 >> 8), UInt8(truncatingIfNeeded: $0)] }
    return SHA1.digest(of: secret + Array(salt.utf8) + body)
  }
}
