internal import Vocabulary

/// Which clusters of a disk a delta holds, and which of their subclusters (2 KiB each): all known
/// before anything is written, so that the file does not depend on the order of writing.
struct DeltaClusters: Sendable {
  /// Ascending numbers of clusters of the disk.
  let numbers: [UInt32]
  /// For each the subclusters that it has, as bits.
  let masks: [UInt32]
  /// Where the first of them lies in the file; the others follow.
  let start: Int64

  private static let blocksPerCluster = UInt32(QCOW2.clusterSize / Int64(DiskFormat.blockSize))

  init(_ runs: [BlockRun]) {
    var numbers: [UInt32] = []
    var masks: [UInt32] = []
    for run in runs.sorted(by: { $0.start < $1.start }) {
      var block = run.start
      while block < run.end {
        let number = block / Self.blocksPerCluster
        let end = min(run.end, (number + 1) * Self.blocksPerCluster)
        if numbers.last != number {
          numbers.append(number)
          masks.append(0)
        }
        // Two subclusters a block.
        for place in block % Self.blocksPerCluster..<(end - 1) % Self.blocksPerCluster + 1 {
          masks[masks.count - 1] |= 3 << (place * 2)
        }
        block = end
      }
    }
    self.numbers = numbers
    self.masks = masks
    start = Int64(QCOW2Delta.tables(for: numbers).clusters) * QCOW2.clusterSize
  }

  /// Where `offset` of the disk lies in the file, and how many bytes from there on follow.
  func place(of offset: Int64, upTo most: Int) -> (offset: Int64, count: Int) {
    let number = UInt32(offset / QCOW2.clusterSize)
    let inside = offset % QCOW2.clusterSize
    var low = 0
    var high = numbers.count
    while low < high {
      let middle = (low + high) / 2
      if numbers[middle] < number { low = middle + 1 } else { high = middle }
    }
    precondition(low < numbers.count && numbers[low] == number, "all clusters are known before")
    var last = low
    var count = QCOW2.clusterSize - inside
    while count < Int64(most), last + 1 < numbers.count, numbers[last + 1] == numbers[last] + 1 {
      last += 1
      count += QCOW2.clusterSize
    }
    return (start + Int64(low) * QCOW2.clusterSize + inside, Int(min(count, Int64(most))))
  }
}

/// A qcow2 (version 3, 64 KiB, extended L2 entries) that holds what one disk has over another.
/// Header, refcounts, L1 and L2 tables stand in front, the data behind them in the disk's order.
/// Format: qcow2.rst of QEMU, "Host cluster management", "Cluster mapping".
struct QCOW2Delta {
  let clusters: DeltaClusters
  let backingName: String
  let backingFormat: BackingFormat

  private static let entriesPerTable: UInt32 = 4096
  private static let refcountsPerBlock = 32768

  /// How many clusters stand before the data, and how many of them hold refcounts.
  static func tables(for numbers: [UInt32]) -> (clusters: Int, refcounts: Int, l2: [UInt32]) {
    var l2: [UInt32] = []
    for number in numbers where l2.last != number / entriesPerTable {
      l2.append(number / entriesPerTable)
    }
    var refcounts = 1
    while true {
      // The header, the refcount table, the L1 table.
      let front = 3 + refcounts + l2.count
      let needed = (front + numbers.count + refcountsPerBlock - 1) / refcountsPerBlock
      if needed <= refcounts { return (front, refcounts, l2) }
      refcounts = needed
    }
  }

  var fileSize: Int64 { clusters.start + Int64(clusters.numbers.count) * QCOW2.clusterSize }

  /// Everything but the data: places in the file and bytes.
  var segments: [(offset: Int64, bytes: [UInt8])] {
    let (_, refcounts, l2) = Self.tables(for: clusters.numbers)
    let size = QCOW2.clusterSize
    let l1Offset = Int64(2 + refcounts) * size
    let header = QCOW2.header(
      virtualSize: DiskFormat.size.bytes, l1Offset: l1Offset, backingName: backingName,
      backingFormat: backingFormat)
    var segments: [(Int64, [UInt8])] = [(0, header)]
    var table = BigEndianBytes()
    for index in 0..<refcounts { table.append(UInt64(Int64(2 + index) * size)) }
    segments.append((size, table.bytes))
    let used = Int(fileSize / size)
    for index in 0..<refcounts {
      var block = BigEndianBytes()
      let count = min(Self.refcountsPerBlock, used - index * Self.refcountsPerBlock)
      for _ in 0..<count { block.append(UInt16(1)) }
      segments.append((Int64(2 + index) * size, block.bytes))
    }
    var l1 = [UInt8](repeating: 0, count: Int(QCOW2.l1Entries(for: DiskFormat.size.bytes)) * 8)
    var position = 0
    for (index, number) in l2.enumerated() {
      let offset = l1Offset + Int64(1 + index) * size
      l1.put((UInt64(offset) | QCOW2.isOwn).bigEndian, at: Int(number) * 8)
      var entries = [UInt8](repeating: 0, count: Int(size))
      while position < clusters.numbers.count,
        clusters.numbers[position] / Self.entriesPerTable == number
      {
        let place = Int(clusters.numbers[position] % Self.entriesPerTable) * 16
        let data = UInt64(clusters.start + Int64(position) * size)
        entries.put((data | QCOW2.isOwn).bigEndian, at: place)
        entries.put(UInt64(clusters.masks[position]).bigEndian, at: place + 8)
        position += 1
      }
      segments.append((offset, entries))
    }
    segments.append((l1Offset, l1))
    return segments
  }
}
