/// The name server inside a VM (RFC 1035): an address of 198.18.0.0/15 for each allowed name, which
/// means nothing outside and leads back to the name when somebody connects to it.
package struct NameServer: Sendable {
  private let allowed: [AllowedHost]
  /// By position behind the first address; the oldest are given away once all are taken.
  private var names: [[UInt8]] = []
  private var positions: [[UInt8]: Int] = [:]
  private var next = 0

  /// 198.18.0.1: its own address.
  package static let address: UInt32 = 0xC612_0001
  /// 198.18.1.0: that of the first name.
  package static let first: UInt32 = 0xC612_0100
  /// How many names have addresses at a time.
  package static let capacity = 16384
  /// The longest message without extensions (section 2.3.4).
  package static let messageLimit = 512

  package init(allowed: [AllowedHost]) { self.allowed = allowed }

  package func allows(_ name: [UInt8]) -> Bool { allowed.contains { $0.matches(name) } }

  /// What an address means; nil if it was given to no name.
  package func name(of address: UInt32) -> [UInt8]? {
    guard address >= Self.first, Int(address - Self.first) < names.count else { return nil }
    return names[Int(address - Self.first)]
  }

  /// The address of an allowed name. The one asked for again keeps it.
  package mutating func address(of name: [UInt8]) -> UInt32 {
    if let known = positions[name] { return Self.first + UInt32(known) }
    let position = next
    next = (next + 1) % Self.capacity
    if position < names.count {
      positions[names[position]] = nil
      names[position] = name
    } else {
      names.append(name)
    }
    positions[name] = position
    return Self.first + UInt32(position)
  }

  /// What came of a question.
  package struct Answer: Sendable, Equatable {
    package var message: [UInt8]
    /// A name that is not on the list.
    package var refused: [UInt8]?
  }

  private enum Code {
    static let formatError: UInt8 = 1
    static let noSuchName: UInt8 = 3
    static let notImplemented: UInt8 = 4
  }

  private enum Kind {
    static let address: UInt16 = 1
    static let any: UInt16 = 255
  }

  /// - Returns: nil for what deserves no answer: answers, and what is no message.
  package mutating func answer(_ query: [UInt8]) -> Answer? {
    // Section 4.1.1: 12 bytes, of which bit 0 of byte 2 says that it is an answer.
    guard query.count >= 12, query.count <= 4096, query[2] & 0x80 == 0 else { return nil }
    guard query[2] & 0x78 == 0 else { return Answer(message: head(query, Code.notImplemented)) }
    guard Self.number(query, 4) == 1, let question = Self.question(query) else {
      return Answer(message: head(query, Code.formatError))
    }
    let asked = Array(query[12..<question.end])
    guard let name = HostName.canonical(question.name), question.class == 1, allows(name) else {
      let refused = HostName.canonical(question.name)
      return Answer(
        message: head(query, Code.noSuchName, questions: 1) + asked,
        // Nobody asks for these to go anywhere.
        refused: question.kind == Kind.address ? refused : nil)
    }
    guard question.kind == Kind.address || question.kind == Kind.any else {
      // The name is there, and has nothing of this kind.
      return Answer(message: head(query, 0, questions: 1) + asked)
    }
    let address = address(of: name)
    var record: [UInt8] = [0xC0, 12, 0, 1, 0, 1]
    record += [0, 0, 0, 60, 0, 4]
    record += (0..<4).map { UInt8(truncatingIfNeeded: address >> (24 - 8 * $0)) }
    return Answer(message: head(query, 0, questions: 1, answers: 1) + asked + record)
  }

  /// Authoritative, with recursion available, and the asker's wish for it repeated.
  private func head(
    _ query: [UInt8], _ code: UInt8, questions: UInt8 = 0, answers: UInt8 = 0
  ) -> [UInt8] {
    [query[0], query[1], 0x84 | query[2] & 1, 0x80 | code, 0, questions, 0, answers, 0, 0, 0, 0]
  }

  private static func number(_ bytes: [UInt8], _ at: Int) -> UInt16 {
    UInt16(bytes[at]) << 8 | UInt16(bytes[at + 1])
  }

  /// Section 4.1.2. A name in a question has nothing before it to be compressed against.
  private static func question(
    _ query: [UInt8]
  ) -> (name: [UInt8], kind: UInt16, class: UInt16, end: Int)? {
    var name: [UInt8] = []
    var at = 12
    while at < query.count, query[at] != 0 {
      let length = Int(query[at])
      guard length <= 63, at + 1 + length < query.count, name.count + length < 255 else {
        return nil
      }
      let label = query[(at + 1)..<(at + 1 + length)]
      // Or else one label could look like two.
      guard !label.contains(UInt8(ascii: ".")) else { return nil }
      if !name.isEmpty { name.append(UInt8(ascii: ".")) }
      name += label
      at += 1 + length
    }
    guard at + 5 <= query.count else { return nil }
    return (name, number(query, at + 1), number(query, at + 3), at + 5)
  }
}
