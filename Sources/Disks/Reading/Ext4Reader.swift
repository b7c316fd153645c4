internal import Vocabulary

/// An ext4 file system, read without mounting it. What is on it was written by a guest and may be
/// meant to hurt: every number is checked before it is used, every walk has an end, and whatever
/// is wrong is an error that says what and where.
///
/// Reads the features of Hutch's own disks and what a guest's kernel turns on when it grows one;
/// files that say where they are by extents only.
package final class Ext4Reader {
  package let source: any BlockSource
  package let superblock: Superblock
  let limits: Limits
  /// 4 MiB of blocks of 4 KiB.
  private var blocks = BoundedCache<Int64, [UInt8]>(capacity: 1024)
  var knownAttributes = BoundedCache<Int64, [Attribute]>(capacity: 256)

  /// Opens a file system as a kernel would show it: what waits in its journal counts
  /// (`JournalReplay`), and nothing is written.
  package static func open(
    _ source: any BlockSource, limits: Limits = Limits()
  ) throws(DisksError) -> Ext4Reader {
    let reader = try Ext4Reader(source, limits: limits)
    guard reader.superblock.needsRecovery else { return reader }
    guard let replayed = try JournalReplay.replay(reader) else { return reader }
    return try Ext4Reader(replayed, limits: limits)
  }

  /// As it lies there, whatever waits in its journal.
  package init(_ source: any BlockSource, limits: Limits = Limits()) throws(DisksError) {
    self.source = source
    self.limits = limits
    guard source.size >= Superblock.offset + Int64(Superblock.length) else {
      throw .unreadableFileSystem(path: source.name, place: .superblock, fault: .tooShort)
    }
    let bytes = try source.read(at: Superblock.offset, count: Superblock.length)
    do {
      superblock = try Superblock(bytes, diskSize: source.size)
    } catch {
      throw .unreadableFileSystem(path: source.name, place: .superblock, fault: error)
    }
  }

  // MARK: Inodes

  /// An inode that is in use.
  package func inode(_ number: UInt32) throws(DisksError) -> Inode {
    guard number > 0, number <= superblock.inodes else {
      throw error(.inode(number), .noSuchInode)
    }
    let group = Int64(number - 1) / Int64(superblock.inodesPerGroup)
    let index = Int64(number - 1) % Int64(superblock.inodesPerGroup)
    let start = try inodeTable(of: group) + index * Int64(superblock.inodeSize)
    let block = try block(start / Int64(superblock.blockSize))
    let within = Int(start % Int64(superblock.blockSize))
    return try at(.inode(number)) { () throws(Fault) in
      let raw = MetadataBytes(block, at: within, count: superblock.inodeSize)
      return try Inode(number, try raw.slice(0, count: superblock.inodeSize), superblock)
    }
  }

  /// Where the inodes of a group begin, in bytes.
  private func inodeTable(of group: Int64) throws(DisksError) -> Int64 {
    let place = superblock.descriptor(of: group)
    let number = place / Int64(superblock.blockSize)
    try at(.group(UInt32(group))) { () throws(Fault) in try superblock.require(number, 1) }
    let block = try block(number)
    let within = Int(place % Int64(superblock.blockSize))
    return try at(.group(UInt32(group))) { () throws(Fault) in
      let raw = MetadataBytes(block, at: within, count: superblock.descriptorSize)
      if let seed = superblock.checksumSeed {
        let bytes = try raw.slice(0, count: superblock.descriptorSize)
        let own = CRC32C.of(UInt32(group), from: seed)
        let found = CRC32C.of(bytes, zeroing: 0x1E, count: 2, from: own) & 0xFFFF
        guard found == UInt32(try raw.half(0x1E)) else { throw .checksum }
      }
      var table = Int64(try raw.word(8))
      if superblock.descriptorSize == 64 { table |= Int64(try raw.word(0x28)) << 32 }
      let size = Int64(superblock.inodesPerGroup) * Int64(superblock.inodeSize)
      try superblock.require(
        table, (size + Int64(superblock.blockSize) - 1) / Int64(superblock.blockSize))
      return table * Int64(superblock.blockSize)
    }
  }

  // MARK: Contents

  /// Bytes of a file from a place on: `count`, or what there is until its end. What was never
  /// written reads as zeroes.
  package func read(
    _ inode: Inode, at offset: Int64, count: Int
  ) throws(DisksError) -> [UInt8] {
    guard offset >= 0, count >= 0, offset < inode.size else { return [] }
    let blockSize = Int64(superblock.blockSize)
    let end = min(inode.size, offset + Int64(count))
    var bytes = [UInt8](repeating: 0, count: Int(end - offset))
    var place = offset
    while place < end {
      let block = place / blockSize
      let mapping = try mapping(of: inode, block: block)
      // Nothing lies past the last block that an extent can name.
      let next = min(end, (block + max(1, mapping.count)) * blockSize)
      if let start = mapping.start {
        let found = try source.read(
          at: start * blockSize + place % blockSize, count: Int(next - place))
        bytes.replaceSubrange(Int(place - offset)..<Int(next - offset), with: found)
      }
      place = next
    }
    return bytes
  }

  /// The whole of a file, in parts of at most 1 MiB.
  package func contents(
    of inode: Inode, _ body: ([UInt8]) throws(DisksError) -> Void
  ) throws(DisksError) {
    var offset: Int64 = 0
    while offset < inode.size {
      let part = try read(inode, at: offset, count: 1 << 20)
      try body(part)
      offset += Int64(part.count)
    }
  }

  /// Where a symbolic link leads.
  package func target(of inode: Inode) throws(DisksError) -> [UInt8] {
    let place = Place.link(inode: inode.number)
    // As long as a path can be, without its end.
    guard inode.size > 0, inode.size <= min(4095, Int64(superblock.blockSize) - 1) else {
      throw error(place, .size(UInt64(inode.size)))
    }
    var target: [UInt8]
    if inode.usesExtents {
      target = try read(inode, at: 0, count: Int(inode.size))
    } else {
      guard inode.size < inode.block.count else { throw error(place, .size(UInt64(inode.size))) }
      target = Array(inode.block.prefix(Int(inode.size)))
    }
    if target.contains(0) { throw error(place, .target) }
    return target
  }

  // MARK: Blocks

  /// A block of metadata; kept for a while.
  func block(_ number: Int64) throws(DisksError) -> [UInt8] {
    if let known = blocks[number] { return known }
    let bytes = try source.read(
      at: number * Int64(superblock.blockSize), count: superblock.blockSize)
    blocks[number] = bytes
    return bytes
  }

  func error(_ place: Place, _ fault: Fault) -> DisksError {
    .unreadableFileSystem(path: source.name, place: place, fault: fault)
  }

  /// Runs `body`, whose faults are at that place.
  func at<Result>(
    _ place: Place, _ body: () throws(Fault) -> Result
  ) throws(DisksError) -> Result {
    do {
      return try body()
    } catch {
      throw self.error(place, error)
    }
  }
}
