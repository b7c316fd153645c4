import Disks
import Host
import TestSupport
import Testing
import Vocabulary

struct BlockDigestTests {
  @Test func `the digest sees contents and their places, and no holes`() throws {
    let place = try Workplace()
    func make(_ name: String, _ parts: [(Int64, UInt8)], dense: Bool = false) throws -> Digest {
      let file = try OwnedDescriptor.open(place(name), .createExclusive(mode: 0o600))
      try file.truncate(to: 8 << 20)
      if dense { try file.pwriteAll([UInt8](repeating: 0, count: 8 << 20), at: 0) }
      for (offset, byte) in parts { try file.pwriteAll([byte], at: offset) }
      return try BlockDigest.of(file)
    }
    let sparse = try make("a", [(5000, 1), (3 << 20, 2), (8 << 20 - 1, 3)])
    #expect(sparse == (try make("b", [(5000, 1), (3 << 20, 2), (8 << 20 - 1, 3)], dense: true)))
    #expect(sparse != (try make("c", [(5000, 1), (3 << 20 + 4096, 2), (8 << 20 - 1, 3)])))
    #expect(try make("d", []) == Digest.of([UInt8]()))
    // Parts of 32 MiB are worked out by themselves.
    func far(_ name: String, _ offset: Int64) throws -> Digest {
      let file = try OwnedDescriptor.open(place(name), .createExclusive(mode: 0o600))
      try file.pwriteAll([1], at: offset)
      try file.truncate(to: 200 << 20)
      return try BlockDigest.of(file)
    }
    #expect(try far("e", 100 << 20) != far("f", 132 << 20))
  }
}
