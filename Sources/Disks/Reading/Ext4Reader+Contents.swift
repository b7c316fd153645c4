internal import Host

/// A part of a file, in the order of the file.
package enum FilePart: Sendable, Hashable {
  case data([UInt8])
  /// So many zeroes, which take no blocks.
  case hole(Int64)
}

extension Ext4Reader {
  /// At most this many bytes are in memory at once.
  private static let chunk = 1 << 20

  /// All of a regular file, holes as holes; together they are as long as its size.
  package func readFile(
    _ inode: Ext4Inode, into sink: (FilePart) throws(DisksError) -> Void
  ) throws(DisksError) {
    guard inode.kind == .regular else { throw refusal(.inode(inode.number), .kind) }
    try read(inode, into: sink)
  }

  /// A whole small file; `nil` if it is longer than `limit`.
  package func contents(of inode: Ext4Inode, limit: Int) throws(DisksError) -> [UInt8]? {
    guard inode.size <= limit else { return nil }
    var bytes: [UInt8] = []
    try readFile(inode) { (part) throws(DisksError) in
      switch part {
      case .data(let data): bytes += data
      case .hole(let count): bytes += [UInt8](repeating: 0, count: Int(count))
      }
    }
    return bytes
  }

  /// Where a file's data stands on the disk, in bytes, in the order of the file: what it reads
  /// from, rounded to whole blocks.
  package func places(of inode: Ext4Inode) throws(DisksError) -> [FilePlace] {
    try checkContents(of: inode)
    let size = Int64(volume.blockSize)
    return try extents(of: inode).filter(\.isWritten).map {
      FilePlace(
        offset: $0.logical * size, disk: $0.start * size..<($0.start + $0.count) * size)
    }
  }

  private func read(
    _ inode: Ext4Inode, into sink: (FilePart) throws(DisksError) -> Void
  ) throws(DisksError) {
    try checkContents(of: inode)
    let size = Int64(volume.blockSize)
    var position: Int64 = 0
    for extent in try extents(of: inode) where extent.isWritten {
      let start = extent.logical * size
      guard start < inode.size else { break }
      if start > position { try sink(.hole(start - position)) }
      position = start
      let end = min(extent.end * size, inode.size)
      while position < end {
        do throws(HostError) { try Interrupt.check() } catch { throw .host(error) }
        let count = min(Int64(Self.chunk), end - position)
        let first = extent.start + (position - start) / size
        var bytes = try blocks.read(
          from: first, count: Int((count + size - 1) / size), of: .extents(inode.number))
        bytes.removeLast(bytes.count - Int(count))
        try sink(.data(bytes))
        position += count
      }
    }
    if position < inode.size { try sink(.hole(inode.size - position)) }
  }

  private func checkContents(of inode: Ext4Inode) throws(DisksError) {
    for (flag, flaw) in [
      (Ext4.InodeFlag.inlineData, Ext4Flaw.inlineData), (0x800, .encrypted),
      (Ext4.InodeFlag.extendedAttributeInode, .kind),
    ] where inode.flags & flag != 0 {
      throw refusal(.inode(inode.number), flaw)
    }
    guard inode.flags & Ext4.InodeFlag.extents != 0 else {
      throw refusal(.inode(inode.number), .blockMap)
    }
  }

  // MARK: Links

  /// Where a symbolic link leads: 1 to 4,095 bytes without zero.
  package func target(of inode: Ext4Inode) throws(DisksError) -> [UInt8] {
    guard inode.kind == .symlink else { throw refusal(.inode(inode.number), .kind) }
    guard (1...4095).contains(inode.size), inode.size < volume.blockSize else {
      throw refusal(.link(inode.number), .size)
    }
    var target: [UInt8] = []
    if inode.flags & Ext4.InodeFlag.extents == 0 {
      // In the inode itself, with a zero behind it ("Symbolic Links").
      guard inode.size < Ext4.inodeBlockSize, inode.flags & Ext4.InodeFlag.inlineData == 0 else {
        throw refusal(.link(inode.number), .size)
      }
      target = Array(inode.map[..<Int(inode.size)])
    } else {
      try read(inode) { (part) throws(DisksError) in
        guard case .data(let bytes) = part else { throw refusal(.link(inode.number), .hole) }
        target += bytes
      }
    }
    guard !target.contains(0) else { throw refusal(.link(inode.number), .name) }
    return target
  }
}

/// A stretch of a file's data.
package struct FilePlace: Sendable, Hashable {
  /// Its first byte in the file.
  package var offset: Int64
  /// Bytes of the disk.
  package var disk: Range<Int64>
}
