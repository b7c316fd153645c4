/// What tells a secret from a text that only speaks of one: looks at the place where a rule's
/// marker stands. All are cheap to refuse.
enum SealShape {
  typealias Test = @Sendable (_ text: [UInt8], _ marker: Range<Int>) -> Bool

  struct Alphabet: OptionSet, Sendable {
    let rawValue: Int
    static let letters = Alphabet(rawValue: 1)
    static let digits = Alphabet(rawValue: 2)
    static let dash = Alphabet(rawValue: 4)
    static let underscore = Alphabet(rawValue: 8)
    static let base64: Alphabet = [.letters, .digits, Alphabet(rawValue: 16)]
    static let plain: Alphabet = [.letters, .digits]
    static let url: Alphabet = [.letters, .digits, .dash, .underscore]

    func holds(_ byte: UInt8) -> Bool {
      switch byte {
      case 0x30...0x39: contains(.digits)
      case 0x41...0x5A, 0x61...0x7A: contains(.letters)
      case UInt8(ascii: "-"): contains(.dash)
      case UInt8(ascii: "_"): contains(.underscore)
      case UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="): contains(.base64)
      default: false
      }
    }
  }

  /// The marker begins a word, and so many bytes of the alphabet follow that look random.
  static func token(
    _ alphabet: Alphabet, _ lengths: ClosedRange<Int>
  ) -> Test {
    { text, marker in
      guard beginsWord(text, marker.lowerBound) else { return false }
      let body = run(of: alphabet, in: text, from: marker.upperBound)
      return lengths.contains(body.count) && isRandom(body)
    }
  }

  /// As `token`, with no upper limit.
  static func token(_ alphabet: Alphabet, atLeast length: Int) -> Test {
    token(alphabet, length...Int.max)
  }

  /// The marker stands in the middle of a key that begins with `prefix`.
  static func token(_ alphabet: Alphabet, around length: Int, after prefix: String) -> Test {
    { text, marker in
      var start = marker.lowerBound
      while start > 0, alphabet.holds(text[start - 1]) { start -= 1 }
      let word = run(of: alphabet, in: text, from: start)
      return word.starts(with: prefix.utf8) && word.count >= length && isRandom(word)
    }
  }

  // MARK: Private keys

  /// The marker is `PRIVATE KEY` in the first line of a PEM text (RFC 7468) or of its relatives of
  /// OpenSSH and OpenPGP, and a body follows. Line ends may be written `\n` and lines quoted, as in
  /// JSON and in sources.
  static let privateKey: Test = { text, marker in
    let before = text[max(0, marker.lowerBound - 48)..<marker.lowerBound]
    let rest = text[marker.upperBound...].prefix(32)
    guard let begin = before.lastRange(of: "-----BEGIN "),
      before[begin.upperBound...].allSatisfy({ $0 == 0x20 || Alphabet.plain.holds($0) }),
      let header = ["-----", " BLOCK-----"].first(where: { rest.starts(with: $0.utf8) })
    else { return false }
    return hasBody(text[(marker.upperBound + header.utf8.count)...].prefix(4096))
  }

  /// The smallest body is that of an Ed25519 key: 64 characters.
  private static func hasBody(_ text: ArraySlice<UInt8>) -> Bool {
    var found: [UInt8] = []
    for line in lines(text).prefix(40) {
      if line.isEmpty { continue }
      guard line.allSatisfy(Alphabet.base64.holds) else {
        // Headers of encrypted keys (RFC 1421) and of OpenPGP armour stand before all else.
        if found.isEmpty, line.contains(UInt8(ascii: ":")) { continue }
        break
      }
      found += line
      if found.count >= 60 { return Set(found).count >= 16 }
    }
    return false
  }

  private static func lines(_ text: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
    var lines: [ArraySlice<UInt8>] = []
    var start = text.startIndex
    var index = start
    while index < text.endIndex {
      let isEscape =
        text[index] == UInt8(ascii: "\\") && index + 1 < text.endIndex
        && (text[index + 1] == UInt8(ascii: "n") || text[index + 1] == UInt8(ascii: "r"))
      if isEscape || text[index] == 0x0A || text[index] == 0x0D {
        lines.append(text[start..<index])
        index += isEscape ? 1 : 0
        start = index + 1
      }
      index += 1
    }
    lines.append(text[start...])
    let around = Array(" \t\"'`,;#*>".utf8)
    return lines.map { line in
      var line = line
      while let first = line.first, around.contains(first) { line.removeFirst() }
      while let last = line.last, around.contains(last) { line.removeLast() }
      return line
    }
  }

  // MARK: Amazon

  /// The marker begins a key's ID, which is public; its secret stands near by. Amazon's own
  /// examples say that they are.
  static let awsPair: Test = { text, marker in
    let identity = run(of: .plain, in: text, from: marker.upperBound)
    guard beginsWord(text, marker.lowerBound), identity.count == 16,
      identity.allSatisfy({ !(0x61...0x7A).contains($0) }), !says(identity, "EXAMPLE")
    else { return false }
    let near = text[max(0, marker.lowerBound - 512)..<min(text.count, marker.upperBound + 512)]
    return near.split(whereSeparator: { !Alphabet.base64.holds($0) }).contains { word in
      // "key=secret" is one word of this alphabet.
      word.split(separator: UInt8(ascii: "=")).contains { secret in
        secret.count == 40 && classes(of: secret) == 3 && !says(secret, "EXAMPLE")
      }
    }
  }

  // MARK: Settings

  /// Somewhere one of these names has a value, and that is not a reference to something else:
  /// `name = value`, `name: value`, `"name": "value"`, `name value`.
  static func assigns(_ names: String...) -> Test {
    { text, _ in
      names.contains { name in
        var rest = text[...]
        while let found = rest.firstRange(of: name) {
          if hasValue(text, after: found.upperBound) { return true }
          rest = rest[found.upperBound...]
        }
        return false
      }
    }
  }

  private static func hasValue(_ text: [UInt8], after index: Int) -> Bool {
    let between = Array("\"' \t=:".utf8)
    var index = index
    guard index < text.count, between.contains(text[index]) else { return false }
    while index < text.count, between.contains(text[index]) { index += 1 }
    let value = text[index...].prefix { $0 > 0x20 && $0 < 0x7F && !"\"',;".utf8.contains($0) }
    guard let first = value.first else { return false }
    return value.count >= 4 && !"$%<{*[".utf8.contains(first)
  }

  /// The file has contents.
  static let anything: Test = { text, _ in !text.isEmpty }

  /// `machine-id(5)`: 32 hexadecimal digits; `uninitialized` is none.
  static let machineID: Test = { text, _ in
    text.filter { !(0x09...0x20).contains($0) }.count == 32
      && run(of: .plain, in: text, from: 0).count == 32
  }

  static func contains(_ word: String) -> Test {
    { text, _ in says(text[...], word) }
  }

  // MARK: Pieces

  /// What stands before is no part of the same word. An escaped line end is none.
  private static func beginsWord(_ text: [UInt8], _ start: Int) -> Bool {
    guard start > 0 else { return true }
    let before = text[start - 1]
    if !Alphabet.url.holds(before) { return true }
    return "nrt".utf8.contains(before) && start > 1 && text[start - 2] == UInt8(ascii: "\\")
  }

  private static func run(
    of alphabet: Alphabet, in text: [UInt8], from start: Int
  ) -> ArraySlice<UInt8> {
    text[start...].prefix(4096).prefix(while: alphabet.holds)
  }

  /// Not a word of a language, and not one letter over and over, as placeholders are.
  private static func isRandom(_ word: ArraySlice<UInt8>) -> Bool {
    Set(word.prefix(64)).count >= 10 && classes(of: word.prefix(128)) >= 2
  }

  /// How many of: small letters, capital letters, digits.
  private static func classes(of word: ArraySlice<UInt8>) -> Int {
    [UInt8(0x61)...0x7A, 0x41...0x5A, 0x30...0x39].count { range in
      word.contains { range.contains($0) }
    }
  }

  private static func says(_ text: ArraySlice<UInt8>, _ word: String) -> Bool {
    text.firstRange(of: word) != nil
  }
}

extension ArraySlice<UInt8> {
  fileprivate func firstRange(of word: String) -> Range<Int>? {
    let word = Array(word.utf8)
    guard let first = word.first else { return nil }
    var from = startIndex
    while let found = self[from...].firstIndex(of: first) {
      if self[found...].starts(with: word) { return found..<(found + word.count) }
      from = found + 1
    }
    return nil
  }

  fileprivate func lastRange(of word: String) -> Range<Int>? {
    var last: Range<Int>?
    var rest = self
    while let found = rest.firstRange(of: word) {
      last = found
      rest = rest[(found.lowerBound + 1)...]
    }
    return last
  }
}
