import Testing

@testable import GuestProtocol

/// Entries with their contents, from a whole stream.
func entries(_ stream: some Sequence<[UInt8]>) throws(TarError) -> [(TarEntry, [UInt8])] {
  var decoder = TarDecoder()
  var result: [(TarEntry, [UInt8])] = []
  for part in stream {
    var rest = part[...]
    while let event = try decoder.next(from: &rest) {
      switch event {
      case .entry(let entry): result.append((entry, []))
      case .content(let bytes): result[result.count - 1].1 += bytes
      case .end: break
      }
    }
  }
  try decoder.finish()
  return result
}

func archive(_ members: [(TarEntry, [UInt8])]) throws(TarError) -> [UInt8] {
  var bytes: [UInt8] = []
  for (entry, content) in members {
    bytes += try TarEncoder.header(entry) + content
    bytes += [UInt8](repeating: 0, count: TarRules.padding(after: entry.size))
  }
  return bytes + TarEncoder.end
}

struct TarTests {
  private var members: [(TarEntry, [UInt8])] {
    let long = [UInt8](repeating: 97, count: 200) + [47] + [UInt8](repeating: 98, count: 255)
    return [
      (TarEntry(path: [], kind: .directory, mode: 0o755), []),
      (TarEntry(path: bytes("src"), kind: .directory, mode: 0o2750, modified: 5), []),
      (
        TarEntry(path: bytes("src/a"), kind: .regular, mode: 0o4711, size: 3, modified: 7),
        [1, 2, 3]
      ),
      (
        TarEntry(
          path: long, kind: .regular, mode: 0o644, size: 512, modified: -3,
          modifiedNanoseconds: 250_000_000), [UInt8](repeating: 9, count: 512)
      ),
      (TarEntry(path: bytes("l"), kind: .symbolicLink, mode: 0o777, target: long + long), []),
      (TarEntry(path: bytes("h"), kind: .hardLink, mode: 0o644, target: bytes("src/a")), []),
      (.whiteout(of: bytes("src/gone")), []),
      (TarEntry(path: [0xff, 0xfe], kind: .regular, mode: 0, modified: 1 << 40), []),
    ]
  }

  @Test func `a plain header has the bytes of ustar`() throws {
    let header = try TarEncoder.header(
      TarEntry(path: bytes("a"), kind: .regular, mode: 0o644, size: 5, modified: 8))
    #expect(header.count == 512)
    #expect(header[..<1].elementsEqual(bytes("a")))
    #expect(
      header[100..<136].elementsEqual(bytes("0000644\u{0}0000000\u{0}0000000\u{0}00000000005\u{0}"))
    )
    #expect(header[136..<157].elementsEqual(bytes("00000000010\u{0}006104\u{0} 0")))
    #expect(header[257..<265].elementsEqual(bytes("ustar\u{0}00")))
  }

  @Test func `a long name stands in a pax record whose length counts itself`() throws {
    let header = try TarEncoder.header(
      TarEntry(path: [UInt8](repeating: 120, count: 101), kind: .regular, mode: 0))
    #expect(header.count == 1536)
    #expect(header[156] == UInt8(ascii: "x"))
    #expect(header[512..<522].elementsEqual(bytes("111 path=x")))
  }

  @Test func `a tree comes back as it was, whatever pieces the stream is read in`() throws {
    let stream = try archive(members)
    for size in [1, 7, 511, 512, 513, 4096, stream.count] {
      let parts = stride(from: 0, to: stream.count, by: size).map {
        [UInt8](stream[$0..<min($0 + size, stream.count)])
      }
      let read = try entries(parts)
      try #require(read.count == members.count)
      for (one, other) in zip(read, members) {
        #expect(one.0 == other.0)
        #expect(one.1 == other.1)
      }
    }
  }

  @Test(arguments: [
    "/etc/passwd", "..", "a/../b", "a/./b", "a//b", "../a", "a/..", "", "a\u{0}b", "./", "a/",
  ])
  func `a path that is not plainly below the top is refused`(path: String) {
    #expect(throws: TarError.path(bytes(path))) {
      try TarRules.normalized(bytes(path), kind: .regular)
    }
  }

  @Test func `directories may be written with dots and slashes around them`() throws {
    #expect(try TarRules.normalized(bytes("./a/b/"), kind: .directory) == bytes("a/b"))
    #expect(try TarRules.normalized(bytes("./"), kind: .directory) == [])
    #expect(try TarRules.normalized(bytes("."), kind: .directory) == [])
    #expect(throws: TarError.self) { try TarRules.normalized(bytes("/"), kind: .directory) }
    #expect(throws: TarError.self) { try TarRules.normalized(bytes(".."), kind: .directory) }
  }

  @Test func `a whiteout names what was deleted`() {
    #expect(TarEntry.whiteout(of: bytes("a/b")).path == bytes("a/.wh.b"))
    #expect(TarEntry.whiteout(of: bytes("a/b")).deletedPath == bytes("a/b"))
    #expect(TarEntry.whiteout(of: bytes("b")).deletedPath == bytes("b"))
    #expect(TarEntry(path: bytes(".wh.d/x"), kind: .regular, mode: 0).deletedPath == nil)
  }

  @Test func `a stream that is cut anywhere is an error`() throws {
    let stream = try archive(members)
    for count in stride(from: 0, to: stream.count - 512, by: 37) {
      #expect(throws: TarError.self) { try entries([[UInt8](stream[..<count])]) }
    }
  }

  @Test func `bytes after the end are refused unless they are zero`() throws {
    let stream = try archive(members)
    _ = try entries([stream, [UInt8](repeating: 0, count: 9000)])
    #expect(throws: TarError.trailingBytes(offset: UInt64(stream.count))) {
      try entries([stream, [0, 1]])
    }
  }

  @Test func `device nodes and huge extended headers are refused`() throws {
    var header = try TarEncoder.header(TarEntry(path: bytes("a"), kind: .regular, mode: 0))
    func sealed(_ block: [UInt8]) -> [UInt8] {
      var block = block
      block.replaceSubrange(148..<156, with: [UInt8](repeating: 32, count: 8))
      let octal = String(block.reduce(0) { $0 + Int($1) }, radix: 8)
      let text = String(repeating: "0", count: 6 - octal.utf8.count) + octal
      block.replaceSubrange(148..<156, with: bytes(text) + [0, 32])
      return block
    }
    header[156] = UInt8(ascii: "3")
    #expect(throws: TarError.unsupportedKind(51, offset: 0)) { try entries([sealed(header)]) }
    header[156] = UInt8(ascii: "x")
    header.replaceSubrange(124..<135, with: bytes("77777777777"))
    #expect(throws: TarError.extendedHeader(offset: 0)) { try entries([sealed(header)]) }
    header[0] = 98
    #expect(throws: TarError.checksum(offset: 0)) { try entries([header]) }
  }

  @Test func `random and mutated streams never do more than throw`() throws {
    var random = Generator(state: 7)
    let stream = try archive(members)
    for _ in 0..<1500 {
      var mutated = stream
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        mutated[Int.random(in: 0..<mutated.count, using: &random)] = UInt8.random(
          in: 0...255, using: &random)
      }
      // Half of them with checksums that fit, so that the fields behind them are reached.
      if Bool.random(using: &random) { mutated = resealed(mutated) }
      guard let read = try? entries([mutated]) else { continue }
      for (entry, content) in read {
        #expect(UInt64(content.count) == entry.size)
        #expect(throws: Never.self) { try TarEncoder.header(entry) }
      }
    }
  }

  /// Gives every block that looks like a header the checksum that it should have.
  private func resealed(_ stream: [UInt8]) -> [UInt8] {
    var stream = stream
    for start in stride(from: 0, to: stream.count - 511, by: 512)
    where stream[(start + 257)..<(start + 262)].elementsEqual(bytes("ustar")) {
      let sum = (0..<512).reduce(0) {
        $0 + ((148..<156).contains($1) ? 32 : Int(stream[start + $1]))
      }
      let octal = String(sum, radix: 8)
      let text = String(repeating: "0", count: 6 - octal.utf8.count) + octal
      stream.replaceSubrange((start + 148)..<(start + 156), with: bytes(text) + [0, 32])
    }
    return stream
  }
}
