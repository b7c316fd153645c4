/// One entry of an allowlist: `[*.]name[:port][@private]`, as `docs/formats/recipe.md` has it.
///
/// Host and guest read it the same way; what the host says counts.
package struct AllowedHost: Sendable, Hashable {
  /// In lower case, without a dot at its end.
  package let name: [UInt8]
  /// Whether the entry means the names below `name`, and not itself.
  package let isWildcard: Bool
  /// `nil` for 80 and 443.
  package let port: UInt16?
  /// Whether the name may be one of a private network, or of the host itself.
  package let allowsPrivate: Bool

  /// `nil` if the text is no entry.
  package init?(_ text: some Collection<UInt8>) {
    var rest = ArraySlice(Array(text))
    let mark = Array("@private".utf8)
    allowsPrivate = rest.suffix(mark.count).elementsEqual(mark)
    if allowsPrivate { rest = rest.dropLast(mark.count) }
    if let colon = rest.lastIndex(of: UInt8(ascii: ":")) {
      let digits = rest[(colon + 1)...]
      guard digits.count <= 5, digits.allSatisfy({ 0x30...0x39 ~= $0 }),
        let number = UInt16(String(decoding: digits, as: UTF8.self)), number > 0
      else { return nil }
      port = number
      rest = rest[..<colon]
    } else {
      port = nil
    }
    isWildcard = rest.starts(with: Array("*.".utf8))
    if isWildcard { rest = rest.dropFirst(2) }
    guard let name = HostName.canonical(rest) else { return nil }
    self.name = name
  }

  /// - Parameter name: as `HostName.canonical` gives it.
  package func matches(_ name: [UInt8]) -> Bool {
    if !isWildcard { return name == self.name }
    return name.count > self.name.count + 1 && name.suffix(self.name.count) == self.name[...]
      && name[name.count - self.name.count - 1] == UInt8(ascii: ".")
  }

  package func matches(_ name: [UInt8], port: UInt16) -> Bool {
    matches(name) && (self.port.map { $0 == port } ?? (port == 80 || port == 443))
  }
}

/// Names of hosts (RFC 1123, section 2.1; RFC 1035, section 2.3.4).
package enum HostName {
  /// In lower case and without a dot at its end; `nil` if no host has such a name. What could be
  /// taken for an address is none.
  package static func canonical(_ text: some Collection<UInt8>) -> [UInt8]? {
    var bytes = text.map { 0x41...0x5A ~= $0 ? $0 | 0x20 : $0 }
    if bytes.last == UInt8(ascii: ".") { bytes.removeLast() }
    guard 1...253 ~= bytes.count else { return nil }
    let labels = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    for label in labels {
      guard 1...63 ~= label.count, label.first != UInt8(ascii: "-"),
        label.last != UInt8(ascii: "-"),
        label.allSatisfy({
          0x61...0x7A ~= $0 || 0x30...0x39 ~= $0 || $0 == UInt8(ascii: "-")
            || $0 == UInt8(ascii: "_")
        })
      else { return nil }
    }
    // inet_aton(3) takes 127.1, 0x7f.1 and 2130706433 for addresses.
    guard let last = labels.last, !last.allSatisfy({ 0x30...0x39 ~= $0 }),
      !last.starts(with: Array("0x".utf8))
    else { return nil }
    return bytes
  }
}

/// The first line on a `connection` stream: which name and port a program in the VM asked for, as
/// `PORT NAME` and a newline. Port 0: it only asked for the name's address, and the name is not on
/// the list.
package struct ConnectionLine: Sendable, Hashable {
  package var port: UInt16
  package var name: [UInt8]

  /// The longest line, newline included.
  package static let limit = 5 + 1 + 253 + 1

  package init(port: UInt16, name: [UInt8]) {
    self.port = port
    self.name = name
  }

  package var encoded: [UInt8] { Array("\(port) ".utf8) + name + [0x0A] }

  /// - Parameter line: without its newline. `nil` if it is none, or names no host.
  package init?(_ line: ArraySlice<UInt8>) {
    guard let space = line.firstIndex(of: 0x20), line.count < Self.limit else { return nil }
    let digits = line[..<space]
    guard !digits.isEmpty, digits.allSatisfy({ 0x30...0x39 ~= $0 }),
      let port = UInt16(String(decoding: digits, as: UTF8.self)),
      let name = HostName.canonical(line[(space + 1)...])
    else { return nil }
    self.init(port: port, name: name)
  }
}
