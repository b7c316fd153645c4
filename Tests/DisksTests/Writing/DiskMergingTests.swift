import Layers
import Testing
import Vocabulary

@testable import Disks

/// When a disk is written whole again.
@Suite struct DiskMergingTests {
  private static func table(_ samples: [Sample]) -> TableOfContents {
    var table = TableOfContents()
    for sample in samples.sorted(by: { LayerEntry.isBefore($0.entry, $1.entry) }) {
      table.add(sample.entry, start: 512, digest: nil)
    }
    return table
  }

  /// A file that is only said to be so large.
  private static func file(_ path: String, mebibytes: Int64) -> Sample {
    Sample(path, .file(size: mebibytes << 20))
  }

  /// Which disks of a chain are whole, and how many files lie on top of each other at most.
  private static func merged(_ layers: [[Sample]]) throws -> (whole: [Int], depth: Int) {
    var layout = DiskLayout(seed: Digest.of("first"))
    var merging = DiskMerging()
    var whole: [Int] = []
    var depth = 0
    for (index, layer) in layers.enumerated() {
      try layout.add(table(layer))
      if merging.add(layout) { whole.append(index) }
      depth = max(depth, merging.depth)
    }
    return (whole, depth)
  }

  @Test func `no disk lies in more than 16 files`() throws {
    let layers = (0..<40).map { [Self.file("file-\($0)", mebibytes: 1)] }
    let (whole, depth) = try Self.merged(layers)
    #expect(whole == [0, 16, 32])
    #expect(depth + 1 <= DiskMerging.mostFiles)
  }

  @Test func `what lies dead below is left behind once it is a third of what lives`() throws {
    // Each layer replaces 300 MiB of a gigabyte: the second 300 are more than 512, and a third.
    let kept = Self.file("kept", mebibytes: 700)
    let again = [Self.file("changing", mebibytes: 300)]
    #expect(try Self.merged([[kept] + again, again, again, again, again]).whole == [0, 2, 4])
    // Beside ten gigabytes it is too little, for a while.
    let large = Self.file("kept", mebibytes: 10 << 10)
    let long = try Self.merged([[large] + again] + Array(repeating: again, count: 14))
    #expect(long.whole == [0, 12])
    // And little is left where it is, however little lives.
    let small = [Self.file("changing", mebibytes: 100)]
    #expect(try Self.merged(Array(repeating: small, count: 6)).whole == [0])
  }

  @Test func `what a chain's disks are does not depend on what comes after`() throws {
    let layers = (0..<30).map { index in
      [Self.file("file-\(index % 7)", mebibytes: Int64(index % 5) * 120)]
    }
    let all = try Self.merged(layers).whole
    for count in 1...30 {
      #expect(try Self.merged(Array(layers.prefix(count))).whole == all.filter { $0 < count })
    }
  }
}
