import Disks
import Host
import Layers
import TestSupport
import Testing
import Vocabulary

/// What holds for every chain, tried on chains that a seed draws.
@Suite(.with("e2fsck", "qemu-img")) struct DiskLayoutTests {
  static func chain(_ place: Workplace, seed: UInt64, layers: Int = 5) throws -> LayerChain {
    var random = RandomLayers(seed: seed)
    let chain = LayerChain(place)
    for _ in 0..<layers { try chain.add(random.next(120)) }
    return chain
  }

  /// Every name with what is known of it, contents by their digest.
  static func contents(_ source: DiskReader) throws -> [String: String] {
    let reader = try Ext4Reader.open(source)
    var found: [String: String] = [:]
    var inodes: [UInt32: [String]] = [:]
    try reader.walk { entry throws(DisksError) in
      let path = "\(entry.path)"
      if path == "/lost+found" || entry.path.isRoot { return }
      var text = "\(entry.inode.mode) \(entry.inode.uid) \(entry.inode.gid) \(entry.inode.modified)"
      text += " \(entry.attributes.map { "\($0.name)=\($0.value)" })"
      switch entry.kind {
      case .file:
        var stream = DigestStream()
        try reader.contents(of: entry.inode) { stream.update($0) }
        text += " \(stream.finish())"
        inodes[entry.inode.number, default: []].append(path)
      case .directory: text += " directory"
      default: text += " \(entry.kind)"
      }
      found[path] = text
    }
    for names in inodes.values where names.count > 1 {
      for name in names { found[name, default: ""] += " = \(names.sorted())" }
    }
    return found
  }

  static let unknown = "whatever"

  /// The same from the layers alone.
  static func expected(_ tables: [TableOfContents]) -> [String: String] {
    let merged = MergedTree(tables)
    var found: [String: String] = [:]
    var files: [GuestPath: [String]] = [:]
    for (index, item) in merged.items.enumerated() where !item.entry.path.isRoot {
      var entry = item.entry
      var digest = item.digest
      if case .hardLink(let target) = entry.kind, let file = merged.index(of: target) {
        // What it led to was replaced later: the tables don't say by themselves what it holds.
        if merged.origins[file] != merged.origins[index] {
          found["\(entry.path)"] = Self.unknown
          continue
        }
        files[target, default: ["\(target)"]].append("\(entry.path)")
        digest = merged.items[file].digest
        let path = entry.path
        entry = merged.items[file].entry
        entry.path = path
      }
      if case .hardLink = entry.kind {
        found["\(entry.path)"] = Self.unknown
        continue
      }
      var text = "\(entry.mode) \(entry.uid) \(entry.gid) \(entry.modified)"
      text += " \(entry.attributes.map { "\($0.name)=\($0.value)" })"
      switch entry.kind {
      case .file: text += " \(digest.map { "\($0)" } ?? "")"
      case .directory: text += " directory"
      case .symlink(let target): text += " \(Ext4Reader.Entry.Kind.symlink(target: target))"
      case .characterDevice(let major, let minor):
        text += " \(Ext4Reader.Entry.Kind.characterDevice(major: major, minor: minor))"
      default: text += " \(entry.kind)"
      }
      found["\(entry.path)"] = text
    }
    for names in files.values {
      for name in names { found[name, default: ""] += " = \(names.sorted())" }
    }
    return found
  }

  @Test(arguments: 1...6 as ClosedRange<UInt64>)
  func `a disk holds what its layers say, and is clean`(seed: UInt64) throws {
    let place = try Workplace()
    let chain = try Self.chain(place, seed: seed)
    try chain.writeDeltas("disk")
    for count in 1...chain.layouts.count {
      let found = try Self.contents(chain.openDeltas("disk", layers: count))
      let expected = Self.expected(Array(chain.tables.prefix(count)))
      for path in Set(found.keys).union(expected.keys)
      where found[path] != expected[path]
        && !(expected[path] == Self.unknown && found[path] != nil)
      {
        Issue.record(
          "\(path): \(found[path] ?? "nothing") instead of \(expected[path] ?? "nothing")")
      }
    }
    let last = chain.layouts.count - 1
    try place.run("qemu-img", ["check", "-q", "-f", "qcow2", "disk-\(last)"])
    try place.run(
      "qemu-img", ["convert", "-f", "qcow2", "-O", "raw", "disk-\(last)", "flat"])
    try DiskWriterTests.judge(place, "flat")
  }

  @Test(arguments: 10...13 as ClosedRange<UInt64>)
  func `a longer chain moves nothing: merged, every block in use is as it was`(
    seed: UInt64
  ) throws {
    let place = try Workplace()
    let chain = try Self.chain(place, seed: seed)
    try chain.writeDeltas("disk")
    for count in 2...chain.layouts.count {
      try chain.writeWhole(count, to: "whole-\(count)")
      try DiskWriterTests.judge(place, "whole-\(count)")
      let deltas = try chain.openDeltas("disk", layers: count)
      let whole = try chain.openWhole("whole-\(count)")
      var compared = 0
      for block in try Self.blocksInUse(place, "whole-\(count)") {
        let offset = Int64(block) * 4096
        let one = try whole.read(at: offset, count: 4096)
        let other = try deltas.read(at: offset, count: 4096)
        if one != other { Issue.record("block \(block) differs with \(count) layers") }
        compared += 1
      }
      #expect(compared > 9000)
    }
  }

  /// As `dumpe2fs` has it: all but the free ones.
  private static func blocksInUse(_ place: Workplace, _ disk: String) throws -> [Int] {
    var free: [ClosedRange<Int>] = []
    for line in try place.run("dumpe2fs", [disk]).split(separator: "\n")
    where line.hasPrefix("  Free blocks: ") {
      for part in line.dropFirst(15).split(separator: ",") {
        let ends = part.split(separator: "-").compactMap {
          Int($0.trimmingPrefix(while: \.isWhitespace))
        }
        if let first = ends.first, let last = ends.last { free.append(first...last) }
      }
    }
    var used: [Int] = []
    var next = 0
    for range in free {
      // The inode tables of a disk are mostly zeroes.
      used += (next..<range.lowerBound).filter { $0 < 2000 || $0 > 262_000 }
      next = range.upperBound + 1
    }
    return used
  }

  @Test func `a file keeps its inode and its blocks in every longer chain`() throws {
    let place = try Workplace()
    let chain = try Self.chain(place, seed: 20)
    try chain.writeDeltas("disk")
    var before: [String: UInt32] = [:]
    for count in 1...chain.layouts.count {
      let reader = try Ext4Reader.open(chain.openDeltas("disk", layers: count))
      var now: [String: UInt32] = [:]
      try reader.walk { entry throws(DisksError) in
        now["\(entry.path)"] = entry.inode.number
      }
      let touched = Set(chain.tables[count - 1].items.map { "\($0.entry.path)" })
      for (path, inode) in before where now[path] != nil && !touched.contains(path) {
        #expect(now[path] == inode, "\(path)")
      }
      before = now
    }
  }
}
