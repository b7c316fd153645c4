import Host
import Layers
import TestSupport
import Testing
import Vocabulary

/// The bytes of version 1. A digest here changes never: a change of the form is a new version.
@Suite struct CanonicalTarTests {
  private static let golden: [String: String] = [
    "nothing":
      "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
    "every kind that ustar can say":
      "c591c81da8a1c2fd7ae94ff3e7b0c7dffcb8017f3a3638a9382fa463e069ca68",
    "long paths and targets":
      "b9709d67cbdf4cfe5e441e08031c281fc5c3d73d31d9b1097a90cd0fc0e2b804",
    "owners and times beyond ustar":
      "762d70846f2569b9394b879444916691056e7e68adc420bec17167bc18811a97",
    "extended attributes":
      "ed66642bad9ba011e3b5a9218ebaa330a5498be4bfd2a4651db47472b856b08d",
    "odd names":
      "2a56cbcf14f26be038b5ba87485e18555cc077319fce429dc1fe7db6555f860d",
    "hard links":
      "3526ae4dfb5273f5d495e0b7923572b20136aa4edf222e50b17397c65c1327ea",
    "a file with holes":
      "50ca11f00b9f0cb01692480dda4a9f67da624f96ca7534fe8009c82c17078f41",
    "order of bytes":
      "1cf2c39b459f24d993f91aa88ebbc7328d0b6b489600b34313761015871f1b52",
    "entries without a tree":
      "0ea298ccab16ebbbfc7dbdf6404d3a1f8fe638c84f8e78306318036421c4d2b2",
    "removals":
      "f2c2801cdb1ecf686e571bd88b8ddcbe99a2115ed1c1c05d704fc8ac2bc03ab1",
  ]

  @Test(arguments: Trees.all.map(\.name))
  func `a tree has the bytes that version 1 gave it`(name: String) throws {
    let samples = try #require(Trees.all.first { $0.name == name }).samples
    let expected = Self.golden[name]
    #expect(Digest.of(Trees.tar(samples)).hex == expected, "\(name)")
    guard isRoot else { return skip("packing \(name)", missing: "the rights of root") }
    let place = try Workplace()
    let tree = try place.directory("tree")
    try Trees.make(samples, in: tree)
    let packed = try place.pack(tree)
    #expect(packed.layer.digest.hex == expected)
    #expect(packed.entries == samples.count)
    #expect(try place.plain() == Trees.tar(samples))
  }

  @Test func `version is 1`() { #expect(CanonicalTar.version == 1) }

  /// What no tree of a test can hold cheaply, or none that a step leaves.
  @Test func `entries without a tree have the bytes that version 1 gave them`() {
    let samples: [Sample] = [
      Sample(Array("huge".utf8), .file(size: 0o77_777_777_777), modified: 1),
      Sample(Array("larger".utf8), .file(size: 0o100_000_000_000), modified: 1),
      Sample(Array("console".utf8), .characterDevice(major: 5, minor: 1), mode: 0o600),
      Sample(Array("disk".utf8), .blockDevice(major: 253, minor: 1_048_575), mode: 0o660),
      Sample(Array("link".utf8), .hardLink(to: path("in/a/lower/layer"))),
      Sample(
        Array("far".utf8), .hardLink(to: path(String(repeating: "lower/", count: 30) + "file"))),
    ]
    let bytes = samples.flatMap { CanonicalTar.header(for: $0.entry) }
    #expect(Digest.of(bytes).hex == Self.golden["entries without a tree"])
  }

  @Test func `removals are files without properties, opaque marks first`() {
    let samples: [Sample] = [
      Sample(Array("gone".utf8), .whiteout, mode: 0, modified: 0),
      Sample(Array("d".utf8), .directory, mode: 0o755),
      Sample(Array("d".utf8), .opaque, mode: 0, modified: 0),
      Sample(Array("d/!".utf8), .file(size: 0)),
      Sample(Array("d/x".utf8), .whiteout, mode: 0, modified: 0),
    ]
    #expect(Digest.of(Trees.tar(samples)).hex == Self.golden["removals"])
    let names = samples.sorted { LayerEntry.isBefore($0.entry, $1.entry) }
      .map { String(decoding: $0.entry.memberName, as: UTF8.self) }
    #expect(names == [".wh.gone", "d/", "d/.wh..wh..opq", "d/!", "d/.wh.x"])
  }

  @Test func `an opaque root comes before everything`() {
    let opaque = LayerEntry(path: .root, kind: .opaque)
    let dash = LayerEntry(path: path("-"), kind: .fifo)
    #expect(LayerEntry.isBefore(opaque, dash))
    #expect(opaque.memberName == Array(".wh..wh..opq".utf8))
  }

  @Test func `a record counts its own digits`() {
    // 98 bytes and two digits would be 100, which has three.
    for length in 80...110 {
      let name = String(repeating: "n", count: length)
      let entry = LayerEntry(
        path: path("f"), kind: .fifo,
        attributes: [.init(name: Array("user.\(name)".utf8), value: [])])
      let body = CanonicalTar.header(for: entry)[512...]
      let digits = body.prefix { (0x30...0x39).contains($0) }
      let count = Int(String(decoding: digits, as: UTF8.self))
      let end = body.firstIndex(of: 0x0A)
      #expect(count == end.map { $0 - 512 + 1 })
    }
  }

  @Test func `reading gives what was written`() throws {
    for (name, samples) in Trees.all {
      let bytes = Trees.tar(samples)
      var pieces = stride(from: 0, to: bytes.count, by: 1000).map {
        Array(bytes[$0..<min(bytes.count, $0 + 1000)])
      }
      var reader = TarReader { pieces.isEmpty ? [] : pieces.removeFirst() }
      for sample in samples.sorted(by: { LayerEntry.isBefore($0.entry, $1.entry) }) {
        #expect(try reader.entry() == sample.entry, "\(name)")
        var data: [UInt8] = []
        while data.count < sample.data.count {
          data += try reader.data(upTo: sample.data.count - data.count)
        }
        #expect(data == sample.data)
        try reader.skipPadding(after: Int64(data.count))
      }
      #expect(try reader.entry() == nil)
    }
  }
}
