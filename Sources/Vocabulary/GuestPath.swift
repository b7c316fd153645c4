/// The place of a file in an image: bytes relative to its root, parts joined by single `/`.
///
/// Never empty parts, `.` or `..`, no leading or trailing slash, no NUL. The root itself is the
/// empty path. Bytes, because Linux file names need not be UTF-8.
package struct GuestPath: Hashable, Sendable, Comparable, CustomStringConvertible {
  package let bytes: [UInt8]

  package static let root = GuestPath(unchecked: [])

  private init(unchecked bytes: [UInt8]) { self.bytes = bytes }

  /// Takes one leading `/` or `./` and one trailing `/` as a tar member or a person may write
  /// them; `nil` for `..`, `.` and empty parts, NUL, and paths over 4,095 bytes.
  package init?(_ raw: some Sequence<UInt8>) {
    var bytes = Array(raw)
    guard bytes.count <= 4096, !bytes.contains(0) else { return nil }
    if bytes.starts(with: [0x2E, 0x2F]) {
      bytes.removeFirst(2)
    } else if bytes.first == 0x2F {
      bytes.removeFirst()
    } else if bytes == [0x2E] {
      bytes = []
    }
    if bytes.count > 1 && bytes.last == 0x2F { bytes.removeLast() }
    guard bytes.count <= 4095 else { return nil }
    if !bytes.isEmpty {
      for part in bytes.split(separator: 0x2F, omittingEmptySubsequences: false)
      where !Self.isPart(part) {
        return nil
      }
    }
    self.bytes = bytes
  }

  package init?(_ text: some StringProtocol) { self.init(Array(text.utf8)) }

  private static func isPart(_ bytes: ArraySlice<UInt8>) -> Bool {
    !bytes.isEmpty && bytes.count <= 255 && !bytes.elementsEqual([0x2E])
      && !bytes.elementsEqual([0x2E, 0x2E])
  }

  package var isRoot: Bool { bytes.isEmpty }

  /// The parts from the root downwards; none for the root.
  package var parts: [ArraySlice<UInt8>] { bytes.split(separator: 0x2F) }

  /// The last part; empty for the root.
  package var name: ArraySlice<UInt8> {
    guard let slash = bytes.lastIndex(of: 0x2F) else { return bytes[...] }
    return bytes[(slash + 1)...]
  }

  /// `nil` for the root.
  package var parent: GuestPath? {
    if isRoot { return nil }
    guard let slash = bytes.lastIndex(of: 0x2F) else { return .root }
    return GuestPath(unchecked: Array(bytes[..<slash]))
  }

  /// `name` must be one part; `nil` if it is not.
  package func appending(_ name: some Sequence<UInt8>) -> GuestPath? {
    var bytes = bytes
    if !isRoot { bytes.append(0x2F) }
    let start = bytes.count
    bytes.append(contentsOf: name)
    let part = bytes[start...]
    guard bytes.count <= 4095, Self.isPart(part), !part.contains(0x2F), !part.contains(0) else {
      return nil
    }
    return GuestPath(unchecked: bytes)
  }

  package func appending(_ name: some StringProtocol) -> GuestPath? {
    appending(Array(name.utf8))
  }

  /// This path and then the other below it.
  package func appending(_ path: GuestPath) -> GuestPath {
    if path.isRoot { return self }
    return isRoot ? path : GuestPath(unchecked: bytes + [0x2F] + path.bytes)
  }

  /// Whether this is `other` or lies below it.
  package func isWithin(_ other: GuestPath) -> Bool {
    if other.isRoot || self == other { return true }
    return bytes.count > other.bytes.count && bytes[other.bytes.count] == 0x2F
      && bytes.starts(with: other.bytes)
  }

  /// With a leading `/`, for people; bytes that are not UTF-8 show as U+FFFD.
  package var description: String { "/" + String(decoding: bytes, as: UTF8.self) }

  /// Raw bytes decide: the order of entries in a layer.
  package static func < (left: GuestPath, right: GuestPath) -> Bool {
    left.bytes.lexicographicallyPrecedes(right.bytes)
  }
}
