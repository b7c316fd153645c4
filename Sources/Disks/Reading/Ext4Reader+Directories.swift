internal import Host

/// A name in a directory.
struct Ext4Name: Hashable {
  var name: [UInt8]
  var inode: UInt32
  /// As `Ext4.FileType` has it; 0 where the file system doesn't say.
  var type: UInt8
}

extension Ext4Reader {
  /// What is in a directory, without itself and its parent, sorted by raw bytes. An index is read
  /// as the list of entries that it also is ("Directory Entries", "Hash Tree Directories").
  ///
  /// - Parameter parent: what its second entry must name.
  func names(in directory: Ext4Inode, parent: UInt32) throws(DisksError) -> [Ext4Name] {
    let structure = Ext4Structure.directory(directory.number)
    let size = Int64(volume.blockSize)
    guard directory.kind == .directory else { throw refusal(.inode(directory.number), .kind) }
    guard directory.flags & (Ext4.InodeFlag.inlineData | 0x800) == 0 else {
      throw refusal(
        structure,
        directory.flags & Ext4.InodeFlag.inlineData == 0 ? .encrypted : .inlineData)
    }
    guard directory.size > 0, directory.size.isMultiple(of: size) else {
      throw refusal(structure, .size)
    }
    let count = directory.size / size
    var names: [Ext4Name] = []
    var next: Int64 = 0
    for extent in try extents(of: directory) where next < count {
      guard extent.logical == next, extent.isWritten else { throw refusal(structure, .hole) }
      for index in 0..<min(extent.count, count - next) {
        do throws(HostError) { try Interrupt.check() } catch { throw .host(error) }
        let block = try blocks.read(from: extent.start + index, count: 1, of: structure)
        try Ext4DirectoryBlock(block, isFirst: extent.logical + index == 0, directory, self)
          .read(parent: parent, into: &names)
      }
      next = extent.end
    }
    guard next >= count else { throw refusal(structure, .hole) }
    names.sort { $0.name.lexicographicallyPrecedes($1.name) }
    for index in names.indices.dropFirst() where names[index].name == names[index - 1].name {
      throw refusal(structure, .duplicate)
    }
    return names
  }
}

/// One block of a directory.
private struct Ext4DirectoryBlock {
  private let bytes: [UInt8]
  private let isFirst: Bool
  private let directory: Ext4Inode
  private let reader: Ext4Reader

  init(_ bytes: [UInt8], isFirst: Bool, _ directory: Ext4Inode, _ reader: Ext4Reader) {
    self.bytes = bytes
    self.isFirst = isFirst
    self.directory = directory
    self.reader = reader
  }

  private func flaw(_ flaw: Ext4Flaw) -> DisksError {
    reader.refusal(.directory(directory.number), flaw)
  }

  private func half(_ offset: Int) -> Int { Int(bytes.number(UInt16.self, at: offset)) }
  private func word(_ offset: Int) -> UInt32 { bytes.number(UInt32.self, at: offset) }

  func read(parent: UInt32, into names: inout [Ext4Name]) throws(DisksError) {
    var end = bytes.count
    if reader.volume.hasChecksums {
      if let start = indexStart {
        try checkIndex(start)
      } else {
        end -= Ext4.directoryTailSize
        try checkTail(end)
      }
    }
    var place = 0
    var index = 0
    while place < end {
      // Inode, length, length of the name, kind, name.
      guard end - place >= 8 else { throw flaw(.length) }
      let length = half(place + 4)
      let nameLength = Int(bytes[place + 6])
      guard length >= 12, length.isMultiple(of: 4), length <= end - place, nameLength <= length - 8
      else { throw flaw(.length) }
      let inode = word(place)
      let name = Array(bytes[place + 8..<place + 8 + nameLength])
      if isFirst && index < 2 {
        let expected = index == 0 ? (directory.number, [0x2E]) : (parent, [0x2E, 0x2E] as [UInt8])
        guard inode == expected.0, name == expected.1 else { throw flaw(.dots) }
      } else if inode != 0 {
        try names.append(entry(name, inode, bytes[place + 7]))
      }
      place += length
      index += 1
    }
    guard !isFirst || index >= 2 else { throw flaw(.dots) }
  }

  private func entry(
    _ name: [UInt8], _ inode: UInt32, _ type: UInt8
  ) throws(DisksError) -> Ext4Name {
    guard !name.isEmpty, !name.contains(0), !name.contains(0x2F), name != [0x2E],
      name != [0x2E, 0x2E]
    else { throw flaw(.name) }
    guard inode >= reader.volume.firstUsableInode, inode <= reader.volume.inodeCount else {
      throw flaw(.number)
    }
    return Ext4Name(name: name, inode: inode, type: reader.volume.hasFileTypes ? type : 0)
  }

  // MARK: Checksums

  /// Where limit and count of an index stand, if this is a block of one: behind the entries of
  /// directory and parent and eight bytes in its root, behind one empty entry in all others.
  private var indexStart: Int? {
    guard directory.flags & Ext4.InodeFlag.index != 0 else { return nil }
    if isFirst { return 0x20 }
    return word(0) == 0 && half(4) == bytes.count ? 8 : nil
  }

  /// `struct dx_tail`: behind the entries that there is room for.
  private func checkIndex(_ start: Int) throws(DisksError) {
    let limit = half(start)
    let count = half(start + 2)
    let tail = start + limit * 8
    guard count <= limit, tail <= bytes.count - 8 else { throw flaw(.entries) }
    var sum = CRC32C.of(bytes[..<(start + count * 8)], after: directory.checksumSeed)
    sum = CRC32C.of(bytes[tail..<tail + 4], after: sum)
    guard CRC32C.of(littleEndian: 0, after: sum) == word(tail + 4) else { throw flaw(.checksum) }
  }

  /// `struct ext4_dir_entry_tail`: an entry without a name.
  private func checkTail(_ place: Int) throws(DisksError) {
    guard word(place) == 0, half(place + 4) == Ext4.directoryTailSize, bytes[place + 6] == 0,
      bytes[place + 7] == Ext4.FileType.checksum,
      CRC32C.of(bytes[..<place], after: directory.checksumSeed) == word(place + 8)
    else { throw flaw(.checksum) }
  }
}

extension Ext4Name {
  /// Whether the inode is what the entry says.
  func agrees(with inode: Ext4Inode) -> Bool {
    switch type {
    case Ext4.FileType.unknown: true
    case Ext4.FileType.regular: inode.kind == .regular
    case Ext4.FileType.directory: inode.kind == .directory
    case Ext4.FileType.characterDevice: inode.kind == .characterDevice
    case Ext4.FileType.blockDevice: inode.kind == .blockDevice
    case Ext4.FileType.fifo: inode.kind == .fifo
    case Ext4.FileType.socket: inode.kind == .socket
    case Ext4.FileType.symlink: inode.kind == .symlink
    default: false
    }
  }
}
