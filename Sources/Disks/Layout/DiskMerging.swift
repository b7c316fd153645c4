/// Which disks of a chain are deltas, and which are whole again: a function of the chain, so that
/// the same layers give the same files wherever they are made (`docs/formats/disk.md`).
package struct DiskMerging: Sendable {
  /// Files of one disk; a VM's overlay comes on top.
  package static let mostFiles = 16
  private static let mostDeadBytes: Int64 = 512 << 20

  /// How many files lie below that of the chain so far.
  package private(set) var depth = 0
  /// Bytes in those files that no file of the chain holds any more.
  package private(set) var deadBytes: Int64 = 0
  private var leftBehind: Int64 = 0
  private var count = 0

  package init() {}

  /// Goes on with one more layer, which `layout` has already.
  ///
  /// - Returns: whether its disk is whole: for what lies dead below, or for the way down.
  package mutating func add(_ layout: DiskLayout) -> Bool {
    let dead = layout.deadBytes - leftBehind
    let isWhole =
      count == 0 || depth + 1 == Self.mostFiles
      || dead > Self.mostDeadBytes && dead > layout.liveBytes / 3
    count += 1
    if isWhole { leftBehind = layout.deadBytes }
    depth = isWhole ? 0 : depth + 1
    deadBytes = layout.deadBytes - leftBehind
    return isWhole
  }
}
