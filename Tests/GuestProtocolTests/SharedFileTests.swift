import Testing

@testable import GuestProtocol

struct SharedFileTests {
  @Test(arguments: [".claude/.credentials.json", "a", "a/b/c", ".a", "..a/b..", "a%2Fb"])
  func `a path below the home is one`(path: String) {
    #expect(SharedFile.isPath(bytes(path)))
  }

  @Test(arguments: [
    "", "/", "/etc/shadow", "a/", "a//b", ".", "..", "./a", "a/.", "a/..", "a/../b", "../a", "a b",
    "a\n", "a\u{0}", "ä", String(repeating: "a", count: 81),
  ])
  func `should fail: a path that leads elsewhere, or is none`(path: String) {
    #expect(!SharedFile.isPath(bytes(path)))
  }

  private func request(_ paths: [String]) -> OpenRequest {
    var request = OpenRequest(.files)
    request.arguments = paths.map { bytes($0) }
    return request
  }

  @Test func `a request names one to sixteen files, each once`() throws {
    let some = request([".a/b", ".c"])
    #expect(try OpenRequest(decoding: some.encoded[...]) == some)
    for bad in [
      [], ["a", "a"], ["../a"], ["/a"], ["a", ""], (0..<17).map { "f\($0)" },
    ] {
      #expect(throws: GuestProtocolError.malformed(type: .open, field: "argument"), "\(bad)") {
        try OpenRequest(decoding: request(bad).encoded[...])
      }
    }
  }

  @Test func `events have the bytes that the format page fixes`() {
    #expect(
      SharedFileEvent.contents(file: 258, heard: 3, [7, 8]).encoded
        == [1, 0, 2, 1, 3, 0, 0, 0, 2, 0, 0, 0, 7, 8])
    #expect(SharedFileEvent.removed(file: 1).encoded == [2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    #expect(SharedFileEvent.sync.encoded == [3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  }

  private func decoded(
    _ wire: [UInt8], from sender: GuestSide, files: Int = 2, piece: Int = .max
  ) throws(GuestProtocolError) -> [SharedFileEvent] {
    var decoder = SharedFileDecoder(sender: sender, files: files)
    var events: [SharedFileEvent] = []
    var start = 0
    while start < wire.count {
      let end = piece < wire.count - start ? start + piece : wire.count
      var rest = wire[start..<end]
      while let event = try decoder.next(from: &rest) { events.append(event) }
      start = end
    }
    return events
  }

  @Test func `events come back as they were said, whichever way their bytes are cut`() throws {
    let large = [UInt8](repeating: 5, count: SharedFile.largest)
    let said: [SharedFileEvent] = [
      .contents(file: 0, heard: 9, [1]), .sync, .removed(file: 1),
      .contents(file: 1, heard: 0, large),
      .sync,
    ]
    let wire = said.flatMap(\.encoded)
    for piece in [1 << 16, 4097, 11, Int.max] {
      #expect(try decoded(wire, from: .host, piece: piece) == said)
    }
  }

  @Test func `should fail: what a guest must not say, by its header alone`() {
    func header(
      _ kind: UInt8, zero: UInt8 = 0, file: UInt8 = 0, heard: UInt8 = 0,
      length: [UInt8] = [0, 0, 0, 0]
    ) -> [UInt8] {
      let start: [UInt8] = [kind, zero, file, 0, heard, 0, 0, 0]
      return start + length
    }
    let cases: [([UInt8], String)] = [
      (header(0), "kind"), (header(4), "kind"), (header(2), "kind"), (header(3, file: 1), "kind"),
      (header(1, zero: 1, length: [1, 0, 0, 0]), "zero"),
      (header(1, file: 2, length: [1, 0, 0, 0]), "file"),
      (header(1, file: 255, length: [1, 0, 0, 0]), "file"),
      (header(1, heard: 1, length: [1, 0, 0, 0]), "heard"),
      (header(1), "length"), (header(1, length: [1, 0, 16, 0]), "length"),
      (header(1, length: [255, 255, 255, 255]), "length"),
      (header(3, length: [1, 0, 0, 0]), "length"),
    ]
    for (wire, field) in cases {
      #expect(throws: GuestProtocolError.malformed(type: .data, field: field), "\(wire)") {
        try decoded(wire, from: .guest)
      }
    }
  }

  @Test func `fuzz: random and mutated bytes never do more than throw, nor name other files`() {
    var random = Generator(state: 7)
    let valid: [[UInt8]] = [
      SharedFileEvent.contents(file: 0, heard: 0, [1, 2, 3]).encoded,
      SharedFileEvent.contents(file: 1, heard: 4, [9]).encoded, SharedFileEvent.sync.encoded,
      SharedFileEvent.removed(file: 1).encoded,
    ]
    for round in 0..<20_000 {
      var wire: [UInt8] = []
      for _ in 0..<3 { wire += valid.randomElement(using: &random) ?? [] }
      for _ in 0..<Int.random(in: 0...3, using: &random) {
        wire[Int.random(in: 0..<wire.count, using: &random)] = .random(in: 0...255, using: &random)
      }
      let sender: GuestSide = round % 2 == 0 ? .guest : .host
      guard let events = try? decoded(wire, from: sender, piece: 1 + round % 20) else { continue }
      for event in events {
        switch event {
        case .contents(let file, let heard, let contents):
          #expect(file < 2 && 1...SharedFile.largest ~= contents.count)
          #expect(heard == 0 || sender == .host)
        case .removed(let file): #expect(file < 2 && sender == .host)
        case .sync: break
        }
      }
    }
  }
}
