import Host
import Layers
import Testing
import Vocabulary

/// Damage at random: an error or the same meaning, never a crash and never a file outside.
@Suite struct MutationTests {
  private static let rounds = 4000

  private func mutated(_ bytes: [UInt8], _ noise: inout SplitMix) -> [UInt8] {
    var bytes = bytes
    for _ in 0...noise.next() % 3 {
      guard !bytes.isEmpty else { break }
      let place = Int(noise.next() % UInt64(bytes.count))
      switch noise.next() % 6 {
      case 0: bytes[place] ^= 1 << UInt8(noise.next() % 8)
      case 1: bytes[place] = UInt8(truncatingIfNeeded: noise.next())
      case 2: bytes.removeSubrange(place..<min(bytes.count, place + 1 + Int(noise.next() % 600)))
      case 3: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 512)], at: place)
      case 4: bytes.replaceSubrange(place..<min(bytes.count, place + 8), with: "77777777".utf8)
      default: bytes = Array(bytes[..<place])
      }
    }
    return bytes
  }

  /// Reads all of it as a consumer would.
  private func read(_ bytes: [UInt8]) throws -> [LayerEntry] {
    var isDone = false
    var reader = TarReader {
      defer { isDone = true }
      return isDone ? [] : bytes
    }
    var entries: [LayerEntry] = []
    while let entry = try reader.entry() {
      if case .file(var left) = entry.kind {
        while left > 0 { left -= Int64(try reader.data(upTo: Int(min(left, 1 << 20))).count) }
        if case .file(let size) = entry.kind { try reader.skipPadding(after: size) }
      }
      entries.append(entry)
    }
    return entries
  }

  @Test func `a damaged tar is an error or a canonical tar`() throws {
    let small = Trees.all.filter { $0.name != "a file with holes" }
    var noise = SplitMix(state: 42)
    var accepted = 0
    for round in 0..<Self.rounds {
      let tar = mutated(Trees.tar(small[round % small.count].samples), &noise)
      do {
        let entries = try read(tar)
        accepted += 1
        // What is let through says again what it said: nothing is hidden between the headers.
        let headers = entries.map { CanonicalTar.header(for: $0).count }.reduce(1024, +)
        let data = entries.reduce(0) { sum, entry in
          guard case .file(let size) = entry.kind else { return sum }
          return sum + Int(size) + CanonicalTar.padding(after: size)
        }
        #expect(headers + data == tar.count, "round \(round)")
      } catch is LayersError {}
    }
    // Most damage is noticed: what is left are changes within data.
    #expect(accepted < Self.rounds / 4)
  }

  @Test func `a damaged table of contents is an error or a table`() throws {
    var table = TableOfContents()
    for sample in Trees.all[1].samples.sorted(by: { LayerEntry.isBefore($0.entry, $1.entry) }) {
      var digest: Digest?
      if case .file = sample.entry.kind { digest = Digest.of(sample.data) }
      table.add(sample.entry, start: 512, digest: digest)
    }
    let frame = try table.encoded()
    let plain = try Zstd.decompress(frame, limit: 1 << 20)
    var noise = SplitMix(state: 43)
    for round in 0..<Self.rounds {
      let damaged =
        round.isMultiple(of: 2)
        ? mutated(frame, &noise) : try Zstd.compress(mutated(plain, &noise))
      do {
        let decoded = try TableOfContents(decoding: damaged)
        #expect(try TableOfContents(decoding: decoded.encoded()) == decoded)
      } catch {}  // of the one type that it may be
    }
  }

  @Test func `a damaged layer writes nothing beside its tree`() throws {
    let small = Trees.all.filter { $0.name != "a file with holes" }
    var noise = SplitMix(state: 44)
    let place = try Workplace()
    _ = try place.directory("walls")
    for round in 0..<600 {
      let original = Trees.tar(small[round % small.count].samples)
      let tar = mutated(original, &noise)
      if tar == original { continue }
      let tree = try place.directory("walls/tree")
      _ = try place.blob(tar)
      _ = try? LayerUnpacker().unpack(
        place.file("layer"), layer: DiffID(Digest.of(tar)),
        into: try OwnedDescriptor.open(tree, .directory))
      try Files.removeTree(tree)
      try Files.remove(place.file("layer"))
      #expect(try Files.list(place.file("walls")).isEmpty)
    }
  }
}
