import Layers
import TestSupport
import Testing
import Vocabulary

@testable import Disks

/// Tables of contents that no builder makes: whatever they say, a layout takes it and is sound, or
/// refuses it.
@Suite struct HostileLayoutTests {
  /// Few names, so that entries meet.
  private static func path(_ noise: inout SplitMix) -> String {
    let names = ["a", "b", "c", "lost+found", String(repeating: "n", count: 255)]
    let depth = Int.random(in: 0..<4, using: &noise)
    return (0..<depth).map { _ in names[Int.random(in: 0..<names.count, using: &noise)] }
      .joined(separator: "/")
  }

  private static func entry(_ noise: inout SplitMix) -> LayerEntry? {
    guard let place = GuestPath(path(&noise)), let other = GuestPath(path(&noise)) else {
      return nil
    }
    let sizes: [Int64] = [0, 1, 4096, 4097, 300 << 20, 5 << 30, 70 << 30, 1 << 50, .max]
    let kinds: [LayerEntry.Kind] = [
      .directory, .directory, .directory, .directory, .file(size: 0),
      .file(size: sizes[Int.random(in: 0..<sizes.count, using: &noise)]), .fifo,
      .symlink(
        target: [UInt8](
          repeating: 0x74, count: [0, 1, 59, 60, 4095, 4096].randomElement(using: &noise) ?? 1)),
      .symlink(target: [0x74, 0]), .hardLink(to: other), .hardLink(to: place),
      .characterDevice(major: .max, minor: .max), .blockDevice(major: 8, minor: 1), .whiteout,
      .opaque,
    ]
    var attributes: [LayerEntry.Attribute] = []
    if Int.random(in: 0..<4, using: &noise) == 0 {
      let names = ["user.x", "security.capability", "system.posix_acl_access", "other", ""]
      attributes = [
        LayerEntry.Attribute(
          name: Array((names.randomElement(using: &noise) ?? "").utf8),
          value: noise.bytes([0, 4, 28, 500, 4096, 70_000].randomElement(using: &noise) ?? 0))
      ]
    }
    return LayerEntry(
      path: place, kind: kinds.randomElement(using: &noise) ?? .fifo,
      mode: UInt32(truncatingIfNeeded: noise.next()), uid: .max, gid: 0,
      modified: Int64(bitPattern: noise.next()), attributes: attributes)
  }

  /// Nobody has a block twice, and what is taken is somebody's.
  private static func check(_ layout: DiskLayout) {
    var runs: [BlockRun] = []
    var names: [UInt32: UInt32] = [:]
    for (number, inode) in layout.inodes.enumerated() where inode.content != .free {
      if number == Int(DiskLayout.journal) { continue }
      if case .directory = inode.content {
      } else {
        runs += Geometry.runs(from: inode.start, count: inode.count)
      }
      runs += Geometry.runs(of: layout.tree(of: UInt32(number)))
      if inode.attributeBlock != 0 { runs.append(BlockRun(start: inode.attributeBlock, count: 1)) }
    }
    for directory in layout.directories where directory.inode != 0 {
      runs += Geometry.runs(of: directory.blocks)
      for child in directory.entries.values { names[child, default: 0] += 1 }
    }
    runs.sort { $0.start < $1.start }
    for (one, next) in zip(runs, runs.dropFirst()) { #expect(one.end <= next.start) }
    #expect(runs.allSatisfy { $0.start >= Geometry.firstFree && $0.end < Geometry.blockCount })
    #expect(runs.reduce(0) { $0 + Int64($1.count) } * 4096 == layout.liveBytes)
    for (number, inode) in layout.inodes.enumerated() where number > 11 {
      let isUsed = layout.space.inodes[(number - 1) / 8] >> UInt8((number - 1) % 8) & 1 == 1
      #expect(isUsed == (inode.content != .free))
      #expect(names[UInt32(number), default: 0] == (isUsed ? inode.links : 0))
    }
  }

  @Test(arguments: 1...40 as ClosedRange<UInt64>)
  func `whatever a table says, the layout is sound or the layer refused`(seed: UInt64) throws {
    var noise = SplitMix(state: seed)
    var layout = DiskLayout(seed: Digest.of("hostile"))
    var first = TableOfContents()
    for path in ["a", "a/a", "a/b", "b", "b/c", "c"].compactMap({ GuestPath($0) }) {
      first.add(LayerEntry(path: path, kind: .directory), start: 0, digest: nil)
    }
    try layout.add(first)
    for _ in 0..<100 {
      var table = TableOfContents()
      var entries = (0..<Int.random(in: 1..<4, using: &noise)).compactMap { _ in
        Self.entry(&noise)
      }
      // Mostly in a table's order, for a decoder lets nothing else through.
      if seed % 4 != 0 { entries.sort(by: LayerEntry.isBefore) }
      for entry in entries { table.add(entry, start: 512, digest: Digest.of("")) }
      var next = layout
      do throws(DisksError) {
        try next.add(table)
        layout = next
        Self.check(layout)
      } catch {
        #expect(!error.message.isEmpty)
      }
    }
    #expect(layout.layerCount > 5)
  }
}
