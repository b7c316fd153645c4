import Host
import Layers
import Testing
import Vocabulary

@Suite struct FrameTests {
  /// Nine mebibytes and a bit: two full frames and one of the rest.
  private func sample(_ place: Workplace) throws -> [UInt8] {
    var noise = SplitMix(state: 3)
    let bytes = (0..<(9 << 20) + 5).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 7) }
    let patched = bytes.prefix(100) + noise.bytes(3000) + bytes.dropFirst(3100)
    _ = try place.blob(Array(patched))
    return Array(patched)
  }

  @Test func `every part can be read without the rest`() throws {
    let place = try Workplace()
    let bytes = try sample(place)
    let reader = try FrameReader(place.file("layer"))
    #expect(reader.table.frames.map(\.plain) == [4 << 20, 4 << 20, (1 << 20) + 5])
    for (offset, count) in [
      (0, 1), (0, bytes.count), (4 << 20, 1), ((4 << 20) - 3, 6), ((8 << 20) - 1, 1 << 20),
      (bytes.count - 1, 10), (bytes.count, 10), (99, 3002),
    ] {
      let expected = bytes[min(offset, bytes.count)..<min(offset + count, bytes.count)]
      #expect(try reader.read(at: Int64(offset), count: count)[...] == expected)
    }
  }

  /// Zstandard Seekable Format 0.1.0, read by another hand than the one that wrote it.
  @Test func `the seek table is a skippable frame at the end`() throws {
    let place = try Workplace()
    _ = try sample(place)
    let file = try readFile(place.file("layer"))
    func number(_ offset: Int) -> Int {
      (0..<4).reduce(0) { $0 | Int(file[offset + $1]) << ($1 * 8) }
    }
    let footer = file.count - 9
    #expect(number(footer) == 3)
    #expect(file[footer + 4] == 0)
    #expect(number(footer + 5) == 0x8F92_EAB1)
    let start = footer - 3 * 8 - 8
    #expect(number(start) == 0x184D_2A5E)
    #expect(number(start + 4) == 3 * 8 + 9)
    let sizes = (0..<3).map { number(start + 8 + $0 * 8) }
    #expect(sizes.reduce(0, +) == start)
    // Each of them a zstd frame with its content size and a checksum (RFC 8878, 3.1.1).
    var offset = 0
    for size in sizes {
      #expect(number(offset) == 0xFD2F_B528)
      #expect(file[offset + 4] & 0b100 != 0)
      offset += size
    }
  }

  @Test func `an empty stream is one empty frame`() throws {
    let place = try Workplace()
    _ = try place.blob([])
    #expect(try place.plain() == [])
    #expect(try FrameReader(place.file("layer")).table.frames.count == 1)
  }

  @Test func `a codec names version, level and frame size`() {
    let parts = FrameCompressor.codec.split(separator: ":")
    #expect(parts.count == 4 && parts[0] == "zstd" && parts[2] == "l3" && parts[3] == "f4M")
    #expect(parts[1].split(separator: ".").count == 3)
  }

  @Test func `should fail: a blob cut off anywhere`() throws {
    let place = try Workplace()
    _ = try place.blob(Array("a small layer".utf8))
    let file = try readFile(place.file("layer"))
    for length in 0..<file.count {
      try Files.write(place.file("cut"), Array(file[..<length]), durable: false)
      #expect(throws: LayersError.self) { _ = try place.plain("cut") }
    }
  }

  @Test func `should fail: a blob with one bit flipped`() throws {
    let place = try Workplace()
    let bytes = Array(String(repeating: "a small layer, ", count: 20).utf8)
    _ = try place.blob(bytes)
    let file = try readFile(place.file("layer"))
    for bit in 0..<file.count * 8 {
      var damaged = file
      damaged[bit / 8] ^= 1 << (bit % 8)
      try Files.write(place.file("flipped"), damaged, durable: false)
      // A flipped bit may be one that says nothing; then the bytes are right all the same.
      if let plain = try? place.plain("flipped") { #expect(plain == bytes, "bit \(bit)") }
    }
  }

  /// Entries are compressed and plain sizes.
  private func seekTable(_ entries: [(UInt32, UInt32)], count: UInt32? = nil) -> [UInt8] {
    func bytes(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(value >> ($0 * 8) & 255) } }
    let body =
      entries.flatMap { bytes($0.0) + bytes($0.1) } + bytes(count ?? UInt32(entries.count)) + [0]
      + bytes(0x8F92_EAB1)
    return bytes(0x184D_2A5E) + bytes(UInt32(body.count)) + body
  }

  @Test func `should fail: tables that promise what no layer holds`() throws {
    let place = try Workplace()
    let tables: [(name: String, bytes: [UInt8])] = [
      ("more frames than a disk has room for", seekTable([], count: 0xFFFF_FFFF)),
      ("more entries than the file", seekTable([(0, 4 << 20)], count: 1000)),
      ("a frame of four gigabytes", seekTable([(0, 0xFFFF_FFFF)])),
      ("a short frame in the middle", seekTable([(0, 1), (0, 1)])),
      ("empty frames", seekTable([(0, 4 << 20), (0, 0)])),
      ("sizes beyond the file", seekTable([(100, 5)])),
      ("no table", Array("no table at all, but long enough for one".utf8)),
      ("a frame that is none", [UInt8](repeating: 7, count: 10) + seekTable([(10, 10)])),
    ]
    for (name, bytes) in tables {
      try Files.write(place.file("bomb"), bytes, durable: false)
      #expect(throws: LayersError.self, "\(name)") { _ = try place.plain("bomb") }
    }
  }

  @Test func `should fail: a frame that holds more or less than the table says`() throws {
    let place = try Workplace()
    _ = try place.blob([UInt8](repeating: 0, count: 1 << 20))
    let file = try readFile(place.file("layer"))
    let frame = file.dropLast(8 + 8 + 9)
    for plain: UInt32 in [1, (1 << 20) - 1, (1 << 20) + 1, 4 << 20] {
      try Files.write(
        place.file("lie"), Array(frame) + seekTable([(UInt32(frame.count), plain)]),
        durable: false)
      #expect(throws: LayersError.self) { _ = try place.plain("lie") }
    }
  }
}
