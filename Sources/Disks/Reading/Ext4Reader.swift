internal import Host

/// Reads an ext4 file system without mounting it: ours, and what a guest's kernel has made of it
/// since. A journal that a killed machine has left is replayed into memory; nothing is written.
///
/// Nobody vouches for the bytes: every number is checked before it is used, checksums first where
/// the file system has them, and every loop ends after as many steps as the file system has blocks
/// or inodes. Format: "ext4 Data Structures and Algorithms" of the Linux kernel.
package final class Ext4Reader {
  let blocks: Ext4Blocks
  let volume: Ext4Volume
  /// For errors.
  let path: String
  /// Where the inode tables of groups begin.
  private var inodeTables: [Int64: Int64] = [:]
  /// Blocks that the disk has room for: a file system may have grown in its journal only.
  let diskBlocks: Int64

  /// - Parameter path: for errors only.
  package init(_ disk: any DiskContents, path: String) throws(DisksError) {
    self.path = path
    let superblock = try disk.read(at: Int64(Ext4.superblockOffset), count: Ext4.superblockSize)
    let found = try Self.volume(superblock, disk, path)
    blocks = Ext4Blocks(disk, found, path: path)
    diskBlocks = disk.size / Int64(found.blockSize)
    guard found.needsRecovery else {
      volume = found
      return
    }
    // Descriptors and the journal's inode are read as the disk has them: before a checkpoint the
    // journal says nothing else of them.
    let unreplayed = Ext4Reader(unreplayed: found, disk, path)
    blocks.replace(try Ext4Journal(unreplayed).replay())
    let block = try blocks.block(Int64(Ext4.superblockOffset / found.blockSize), of: .superblock)
    let start = Ext4.superblockOffset % found.blockSize
    volume = try Self.volume(
      Array(block[start..<start + Ext4.superblockSize]), disk, path)
    guard volume.blockSize == found.blockSize, volume.blockCount >= found.blockCount else {
      throw .refusedFileSystem(path: path, reason: .damaged(.superblock, .groups))
    }
    blocks.grow(to: volume.blockCount)
  }

  private init(unreplayed volume: Ext4Volume, _ disk: any DiskContents, _ path: String) {
    self.volume = volume
    self.path = path
    blocks = Ext4Blocks(disk, volume, path: path)
    diskBlocks = disk.size / Int64(volume.blockSize)
  }

  private static func volume(
    _ bytes: [UInt8], _ disk: any DiskContents, _ path: String
  ) throws(DisksError) -> Ext4Volume {
    do throws(Ext4Refusal) {
      return try Ext4Volume(bytes, diskSize: disk.size)
    } catch {
      throw .refusedFileSystem(path: path, reason: error)
    }
  }

  func refusal(_ structure: Ext4Structure, _ flaw: Ext4Flaw) -> DisksError {
    .refusedFileSystem(path: path, reason: .damaged(structure, flaw))
  }

  // MARK: Inodes

  package var root: Ext4Inode {
    get throws(DisksError) {
      let root = try inode(Ext4.rootInode)
      guard root.kind == .directory else { throw refusal(.inode(Ext4.rootInode), .kind) }
      return root
    }
  }

  /// An inode that is in use.
  package func inode(_ number: UInt32) throws(DisksError) -> Ext4Inode {
    guard number > 0, number <= volume.inodeCount else { throw refusal(.inode(number), .number) }
    let group = Int64((number - 1) / volume.inodesPerGroup)
    let index = Int64((number - 1) % volume.inodesPerGroup)
    let byte = index * Int64(volume.inodeSize)
    let block = try blocks.block(
      try inodeTable(of: group) + byte / Int64(volume.blockSize), of: .inode(number))
    let start = Int(byte % Int64(volume.blockSize))
    do throws(Ext4Refusal) {
      return try Ext4Inode(
        Array(block[start..<start + volume.inodeSize]), number: number, volume)
    } catch {
      throw .refusedFileSystem(path: path, reason: error)
    }
  }

  /// "Block Group Descriptors": `bg_inode_table`, after the checksum.
  private func inodeTable(of group: Int64) throws(DisksError) -> Int64 {
    if let known = inodeTables[group] { return known }
    let place = volume.descriptorPlace(of: group)
    let block = try blocks.block(place.block, of: .groupDescriptor(group))
    var bytes = Array(block[place.offset..<place.offset + volume.descriptorSize])
    if volume.hasChecksums {
      let expected = bytes.number(UInt16.self, at: 0x1E)
      bytes.put(UInt16(0), at: 0x1E)
      let seed = CRC32C.of(littleEndian: UInt32(group), after: volume.checksumSeed)
      guard expected == UInt16(truncatingIfNeeded: CRC32C.of(bytes, after: seed)) else {
        throw refusal(.groupDescriptor(group), .checksum)
      }
    }
    var table = Int64(bytes.number(UInt32.self, at: 0x8))
    if volume.descriptorSize >= 64 { table |= Int64(bytes.number(UInt32.self, at: 0x28)) << 32 }
    let length =
      (Int64(volume.inodesPerGroup) * Int64(volume.inodeSize) + Int64(volume.blockSize) - 1)
      / Int64(volume.blockSize)
    guard table > volume.firstDataBlock, table <= volume.blockCount - length else {
      throw refusal(.groupDescriptor(group), .outside)
    }
    inodeTables[group] = table
    return table
  }
}
