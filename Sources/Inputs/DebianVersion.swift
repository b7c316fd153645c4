/// Which of two versions of a package is the newer one (`deb-version(7)`, "Sorting algorithm").
package struct DebianVersion: Sendable, Comparable {
  private let epoch: [UInt8]
  private let upstream: [UInt8]
  private let revision: [UInt8]

  /// Every text is one; what has no epoch has 0, what has no revision has none.
  package init(_ text: String) {
    var rest = Array(text.utf8)[...]
    if let colon = rest.firstIndex(of: UInt8(ascii: ":")) {
      epoch = Array(rest[..<colon])
      rest = rest[(colon + 1)...]
    } else {
      epoch = []
    }
    if let dash = rest.lastIndex(of: UInt8(ascii: "-")) {
      revision = Array(rest[(dash + 1)...])
      rest = rest[..<dash]
    } else {
      revision = []
    }
    upstream = Array(rest)
  }

  package static func < (left: DebianVersion, right: DebianVersion) -> Bool {
    compare(left, right) < 0
  }

  /// `1.0` and `1.00` are the same.
  package static func == (left: DebianVersion, right: DebianVersion) -> Bool {
    compare(left, right) == 0
  }

  private static func compare(_ left: DebianVersion, _ right: DebianVersion) -> Int {
    for (left, right) in [
      (left.epoch, right.epoch), (left.upstream, right.upstream), (left.revision, right.revision),
    ] {
      let order = compare(left, right)
      if order != 0 { return order }
    }
    return 0
  }

  /// Runs of other characters by their order and runs of digits by their number, in turn.
  private static func compare(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var (left, right) = (left[...], right[...])
    while !left.isEmpty || !right.isEmpty {
      while left.first.map({ !isDigit($0) }) ?? false || right.first.map({ !isDigit($0) }) ?? false
      {
        let difference = order(left.first) - order(right.first)
        if difference != 0 { return difference }
        left = left.dropFirst()
        right = right.dropFirst()
      }
      let (number, other) = (takeNumber(&left), takeNumber(&right))
      if number.count != other.count { return number.count - other.count }
      if number != other { return number.lexicographicallyPrecedes(other) ? -1 : 1 }
    }
    return 0
  }

  /// Without leading zeroes; they may have more digits than fit into an integer.
  private static func takeNumber(_ text: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let digits = text.prefix(while: isDigit)
    text = text[digits.endIndex...]
    return digits.drop { $0 == UInt8(ascii: "0") }
  }

  /// The tilde before everything, even the end; letters before all others.
  private static func order(_ byte: UInt8?) -> Int {
    switch byte {
    case nil: 0
    case UInt8(ascii: "~")?: -1
    case let byte? where isDigit(byte): 0
    case let byte? where isLetter(byte): Int(byte)
    case let byte?: Int(byte) + 256
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
  }
}
