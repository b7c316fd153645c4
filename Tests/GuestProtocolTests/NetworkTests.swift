import GuestProtocol
import Testing

@Suite struct AllowedHostTests {
  private func entry(_ text: String) throws -> AllowedHost {
    try #require(AllowedHost(Array(text.utf8)))
  }

  @Test(arguments: [
    ("api.example.com", "api.example.com", 443, true),
    ("api.example.com", "api.example.com", 80, true),
    ("api.example.com", "api.example.com", 22, false),
    ("api.example.com", "example.com", 443, false),
    ("api.example.com", "x.api.example.com", 443, false),
    ("*.example.com", "api.example.com", 443, true), ("*.example.com", "a.b.example.com", 80, true),
    ("*.example.com", "example.com", 443, false), ("*.example.com", "badexample.com", 443, false),
    ("example.com:8443", "example.com", 8443, true),
    ("example.com:8443", "example.com", 443, false),
    ("Example.COM.", "example.com", 443, true), ("db.local:5432@private", "db.local", 5432, true),
  ])
  func `an entry means its name and port, or what is below it`(
    text: String, name: String, port: UInt16, isMeant: Bool
  ) throws {
    #expect(try entry(text).matches(Array(name.utf8), port: port) == isMeant)
  }

  @Test func `only an entry that says so allows private addresses`() throws {
    #expect(try entry("a.example@private").allowsPrivate)
    #expect(try !entry("a.example").allowsPrivate)
  }

  @Test(arguments: [
    "", ".", "*", "*.", "a..b", "-a.b", "a-.b", "a b", "a/b", "a:0", "a:65536", "a:", "a:+1",
    "ä.example",
    "10.0.0.1", "127.1", "2130706433", "0x7f.1", "a.0x1f", "::1", "[::1]", "a@public", "@private",
    "a\u{0}.b",
    String(repeating: "a", count: 64) + ".b", String(repeating: "a.", count: 130) + "b",
  ])
  func `should fail: what is no name, or looks like an address`(text: String) {
    #expect(AllowedHost(Array(text.utf8)) == nil)
  }

  @Test func `the first line of a connection is read as it was written, and no other`() throws {
    let line = ConnectionLine(port: 443, name: Array("a.example".utf8))
    #expect(ConnectionLine(line.encoded.dropLast()[...]) == line)
    for bad in [
      "", "443", "443 ", " a", "x a", "65536 a", "443  a", "443 a b", "443 1.2.3.4", "-1 a",
    ] {
      #expect(ConnectionLine(Array(bad.utf8)[...]) == nil, "\(bad)")
    }
  }
}

@Suite struct NameServerTests {
  private static func server() throws -> NameServer {
    NameServer(allowed: [try #require(AllowedHost(Array("*.example.com".utf8)))])
  }

  /// RFC 1035, section 4.1: a question for one name, with recursion desired.
  private static func query(
    _ name: String, kind: UInt8 = 1, class: UInt8 = 1, flags: UInt8 = 1, questions: UInt8 = 1
  ) -> [UInt8] {
    var bytes: [UInt8] = [0xAB, 0xCD, flags, 0, 0, questions, 0, 0, 0, 0, 0, 0]
    for label in name.split(separator: ".") {
      bytes += [UInt8(label.utf8.count)] + Array(label.utf8)
    }
    return bytes + [0, 0, kind, 0, `class`]
  }

  private static func code(_ message: [UInt8]) -> UInt8 { message[3] & 15 }

  @Test func `an allowed name has an address that leads back to it, and keeps it`() throws {
    var server = try Self.server()
    func ask(_ query: [UInt8]) -> NameServer.Answer? { server.answer(query) }
    let answer = try #require(ask(Self.query("API.example.com")))
    // The same question, one answer; the last four bytes are the address.
    #expect(Array(answer.message[..<8]) == [0xAB, 0xCD, 0x85, 0x80, 0, 1, 0, 1])
    #expect(Array(answer.message.suffix(4)) == [198, 18, 1, 0])
    #expect(answer.refused == nil)
    #expect(server.name(of: NameServer.first) == Array("api.example.com".utf8))
    #expect(ask(Self.query("b.example.com"))?.message.last == 1)
    #expect(ask(Self.query("api.example.com"))?.message.last == 0)
    #expect(server.name(of: NameServer.address) == nil)
    #expect(server.name(of: NameServer.first + 2) == nil)
  }

  @Test func `a name that is not allowed is told to be none, and reported`() throws {
    var server = try Self.server()
    func ask(_ query: [UInt8]) -> NameServer.Answer? { server.answer(query) }
    let answer = try #require(ask(Self.query("example.com")))
    #expect(Self.code(answer.message) == 3)
    #expect(answer.refused == Array("example.com".utf8))
    #expect(try #require(ask(Self.query("x.test", kind: 28))).refused == nil)
  }

  @Test func `an allowed name has nothing but an address`() throws {
    var server = try Self.server()
    func ask(_ query: [UInt8]) -> NameServer.Answer? { server.answer(query) }
    for kind: UInt8 in [2, 5, 6, 12, 15, 16, 28, 33, 65] {
      let answer = try #require(ask(Self.query("a.example.com", kind: kind)))
      #expect(Self.code(answer.message) == 0 && answer.message[7] == 0)
      #expect(answer.refused == nil)
    }
  }

  @Test func `the oldest name gives its address away once there are no more`() throws {
    var server = try Self.server()
    func ask(_ query: [UInt8]) -> NameServer.Answer? { server.answer(query) }
    for number in 0..<NameServer.capacity {
      _ = ask(Self.query("n\(number).example.com"))
    }
    #expect(ask(Self.query("new.example.com"))?.message.suffix(4) == [198, 18, 1, 0])
    #expect(server.name(of: NameServer.first) == Array("new.example.com".utf8))
    #expect(ask(Self.query("n0.example.com"))?.message.suffix(4) == [198, 18, 1, 1])
  }

  @Test func `what is no question gets no answer, or the one that says so`() throws {
    var server = try Self.server()
    func ask(_ query: [UInt8]) -> NameServer.Answer? { server.answer(query) }
    #expect(ask([]) == nil)
    #expect(ask(Array(Self.query("a.example.com").prefix(11))) == nil)
    // An answer: two servers must not talk to each other for ever.
    #expect(ask(Self.query("a.example.com", flags: 0x81)) == nil)
    for (bad, code): ([UInt8], UInt8) in [
      (Self.query("a.example.com", flags: 0x29), 4), (Self.query("a.example.com", questions: 2), 1),
      (Self.query("a.example.com", questions: 0), 1),
      (Array(Self.query("a.example.com").dropLast()), 1),
      // A pointer to itself.
      ([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xC0, 12, 0, 1, 0, 1], 1),
      // A dot within a label.
      ([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 0x61, 0x2E, 0x62, 0, 0, 1, 0, 1], 1),
    ] {
      let answer = try #require(ask(bad))
      #expect(Self.code(answer.message) == code && answer.refused == nil)
    }
  }

  @Test func `fuzz: no question does harm, and no answer is longer than it may be`() throws {
    var server = try Self.server()
    func ask(_ query: [UInt8]) -> NameServer.Answer? { server.answer(query) }
    var generator = SystemRandomNumberGenerator()
    let seeds = [
      Self.query("a.example.com"), Self.query("x.y.test"), Self.query("example.com", kind: 28),
    ]
    for _ in 0..<20_000 {
      var query = seeds.randomElement(using: &generator) ?? []
      for _ in 0..<Int.random(in: 1...6, using: &generator) {
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: query = Array(query.prefix(Int.random(in: 0...query.count, using: &generator)))
        case 1: query.append(UInt8.random(in: 0...255, using: &generator))
        default:
          guard !query.isEmpty else { continue }
          query[Int.random(in: 0..<query.count, using: &generator)] = .random(
            in: 0...255, using: &generator)
        }
      }
      guard let answer = ask(query) else { continue }
      #expect(answer.message.count <= NameServer.messageLimit && answer.message.count >= 12)
      if let refused = answer.refused { #expect(HostName.canonical(refused) == refused) }
    }
  }
}
