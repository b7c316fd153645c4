import Host
import Layers
import Testing
import Vocabulary

@Suite struct TableOfContentsTests {
  private func sample() -> TableOfContents {
    var table = TableOfContents()
    let everything =
      Trees.all.flatMap { tree in
        // Each tree below a directory of its own.
        [Sample(Array(tree.name.utf8), .directory, mode: 0o755)]
          + tree.samples.map { sample in
            var moved = sample
            moved.entry.path = path(tree.name).appending(sample.entry.path)
            return moved
          }
      } + [
        Sample(Array("console".utf8), .characterDevice(major: 5, minor: 1)),
        Sample(Array("disk".utf8), .blockDevice(major: 253, minor: 1_048_575)),
        Sample(Array("gone".utf8), .whiteout, mode: 0, modified: 0),
        Sample(Array("hard links".utf8), .opaque, mode: 0, modified: 0),
      ]
    var start: Int64 = 512
    for sample in everything.sorted(by: { LayerEntry.isBefore($0.entry, $1.entry) }) {
      var digest: Digest?
      if case .file = sample.entry.kind { digest = Digest.of(sample.data) }
      table.add(sample.entry, start: start, digest: digest)
      start += 512 + Int64(sample.data.count)
    }
    return table
  }

  @Test func `what was encoded is what is decoded`() throws {
    let table = sample()
    let bytes = try table.encoded()
    #expect(try TableOfContents(decoding: bytes) == table)
    #expect(try table.encoded() == bytes)
    #expect(try TableOfContents(decoding: TableOfContents().encoded()) == TableOfContents())
  }

  @Test func `its plain bytes are version 1`() throws {
    let plain = try Zstd.decompress(try sample().encoded(), limit: 1 << 20)
    #expect(plain.starts(with: "HUTCHTOC".utf8))
    #expect(Digest.of(plain).hex == Self.golden)
  }

  private static let golden =
    "40351f84f370f06bda12634f9830396b81a2f0bcff41712b6f39e42734c6e1ca"

  @Test func `should fail: cut off anywhere, or with more at the end`() throws {
    let plain = try Zstd.decompress(try sample().encoded(), limit: 1 << 20)
    for length in 0..<plain.count {
      let cut = try Zstd.compress(Array(plain[..<length]))
      #expect(throws: LayersError.self) { try TableOfContents(decoding: cut) }
    }
    #expect(throws: LayersError.self) {
      try TableOfContents(decoding: try Zstd.compress(plain + [0]))
    }
  }

  @Test func `should fail: what no table says`() throws {
    let magic = Array("HUTCHTOC".utf8)
    let entry: [UInt8] = [1, 0x61, 4, 0, 0, 0, 0, 0]
    #expect(
      try TableOfContents(decoding: Zstd.compress(magic + [1, 1] + entry)).items.count == 1)
    let bodies: [(name: String, bytes: [UInt8])] = [
      ("no magic", Array("HUTCHTIC".utf8) + [1, 0]),
      ("another version", magic + [2, 0]),
      ("twice the same path", magic + [1, 2] + entry + entry),
      ("an unknown kind", magic + [1, 1, 1, 0x61, 9, 0, 0, 0, 0, 0]),
      ("a path that leads out", magic + [1, 1, 2, 0x2E, 0x2E, 4, 0, 0, 0, 0, 0]),
      ("an absolute path", magic + [1, 1, 2, 0x2F, 0x61, 4, 0, 0, 0, 0, 0]),
      ("a number with an empty digit", magic + [1, 0x81, 0x00] + entry),
      ("a number beyond 64 bits", magic + [1] + [UInt8](repeating: 0xFF, count: 10) + entry),
      ("more entries than bytes", magic + [1, 0xFF, 0xFF, 0xFF, 0x7F] + entry),
      ("a string longer than the rest", magic + [1, 1, 0xFF, 0xFF, 0x7F, 0x61]),
      ("a mode that is none", magic + [1, 1, 1, 0x61, 4, 0xFF, 0xFF, 0x7F, 0, 0, 0, 0]),
    ]
    for (name, bytes) in bodies {
      #expect(throws: LayersError.self, "\(name)") {
        try TableOfContents(decoding: try Zstd.compress(bytes))
      }
    }
  }

  @Test func `should fail: a frame that claims to be huge`() throws {
    var frame = try Zstd.compress([UInt8](repeating: 0, count: 1 << 20))
    #expect(throws: LayersError.self) { try Zstd.decompress(frame, limit: (1 << 20) - 1) }
    frame[4] = 0xC0  // eight bytes of content size follow
    frame.replaceSubrange(5..<14, with: [0x58] + [UInt8](repeating: 0xFF, count: 8))
    #expect(throws: LayersError.self) { try TableOfContents(decoding: frame) }
  }

  @Test func `one file comes out without the others, checked`() throws {
    let place = try Workplace()
    let tree = try place.directory("tree")
    try Files.write(tree + "/one", Array("first".utf8))
    try Files.write(tree + "/two", Array("second".utf8))
    try Files.link(tree + "/two", to: tree + "/zwei")
    _ = try place.pack(tree)
    let table = try TableOfContents(decoding: try readFile(place.file("layer.toc")))
    let reader = try LayerReader(blob: place.file("layer"), table: table)
    #expect(try reader.file(path("two"), limit: 100) == Array("second".utf8))
    #expect(try reader.file(path("zwei"), limit: 100) == Array("second".utf8))
    #expect(try reader.file(path("three"), limit: 100) == nil)
    #expect(throws: LayersError.self) { try reader.file(path("two"), limit: 5) }
    var lying = TableOfContents()
    for item in table.items { lying.add(item.entry, start: item.start - 1, digest: item.digest) }
    let other = try LayerReader(blob: place.file("layer"), table: lying)
    #expect(throws: LayersError.self) { try other.file(path("two"), limit: 100) }
  }
}
