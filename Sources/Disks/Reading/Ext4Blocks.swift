/// The blocks of a file system: those of the disk, with those that the journal has newer.
final class Ext4Blocks {
  /// A block as the journal has it.
  struct Newer: Hashable {
    /// The block of the disk that holds it.
    var place: Int64
    /// Its first four bytes are those that begin every block of a journal, and stand there as
    /// zeroes.
    var isEscaped: Bool
  }

  /// Blocks of metadata that are kept, at most 16 MiB.
  private static let kept = 4096

  let blockSize: Int
  private(set) var blockCount: Int64
  private let disk: any DiskContents
  private let path: String
  private var newer: [Int64: Newer] = [:]
  /// The same ascending.
  private var newerBlocks: [Int64] = []
  private var cache: [(number: Int64, bytes: [UInt8])?]

  init(_ disk: any DiskContents, _ volume: Ext4Volume, path: String) {
    self.disk = disk
    self.path = path
    blockSize = volume.blockSize
    blockCount = volume.blockCount
    cache = Array(repeating: nil, count: Self.kept)
  }

  func refusal(_ structure: Ext4Structure, _ flaw: Ext4Flaw) -> DisksError {
    .refusedFileSystem(path: path, reason: .damaged(structure, flaw))
  }

  /// From now on these are read in place of the disk's.
  func replace(_ blocks: [Int64: Newer]) {
    newer = blocks
    newerBlocks = blocks.keys.sorted()
    cache = Array(repeating: nil, count: Self.kept)
  }

  /// The journal may hold a superblock of a file system that had just grown.
  func grow(to count: Int64) { blockCount = count }

  /// One block, for metadata that is likely to be read again.
  ///
  /// - Parameter structure: what names the block, for the error if there is none with that number.
  func block(_ number: Int64, of structure: Ext4Structure) throws(DisksError) -> [UInt8] {
    let slot = Int(truncatingIfNeeded: number & Int64(Self.kept - 1))
    if let known = cache[slot], known.number == number { return known.bytes }
    let bytes = try read(from: number, count: 1, of: structure)
    cache[slot] = (number, bytes)
    return bytes
  }

  /// Blocks that follow each other.
  func read(
    from first: Int64, count: Int, of structure: Ext4Structure
  ) throws(DisksError) -> [UInt8] {
    guard first >= 0, count >= 0, first < blockCount, Int64(count) <= blockCount - first else {
      throw refusal(structure, .outside)
    }
    var bytes = try disk.read(at: first * Int64(blockSize), count: count * blockSize)
    var index = firstNewer(from: first)
    while index < newerBlocks.count, newerBlocks[index] < first + Int64(count) {
      let number = newerBlocks[index]
      index += 1
      guard let source = newer[number] else { continue }
      var block = try disk.read(at: source.place * Int64(blockSize), count: blockSize)
      if source.isEscaped { block.replaceSubrange(0..<4, with: JournalFormat.magicBytes) }
      let start = Int(number - first) * blockSize
      bytes.replaceSubrange(start..<start + blockSize, with: block)
    }
    return bytes
  }

  private func firstNewer(from number: Int64) -> Int {
    var low = 0
    var high = newerBlocks.count
    while low < high {
      let middle = (low + high) / 2
      if newerBlocks[middle] < number { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
