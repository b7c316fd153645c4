package import Vocabulary

extension Ext4Reader {
  /// A path in a file system with all that is known of it but its contents.
  package struct Entry: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
      case directory
      case file(size: Int64)
      case symlink(target: [UInt8])
      case characterDevice(major: UInt32, minor: UInt32)
      case blockDevice(major: UInt32, minor: UInt32)
      case fifo
      case socket
    }

    package let path: GuestPath
    package let kind: Kind
    /// The same for all names of a file.
    package let inode: Inode
    /// Sorted by name.
    package let attributes: [Attribute]
  }

  private static let root: UInt32 = 2

  private struct Waiting {
    var path: GuestPath
    var inode: Inode
    var parent: UInt32
  }

  /// Every path, the root first, a directory before what is in it, names in the order of their
  /// bytes. Each directory is looked into once, so this ends whatever the file system says.
  package func walk(_ body: (Entry) throws(DisksError) -> Void) throws(DisksError) {
    var count = 0
    var size = 0
    var directories: Int64 = 0
    func visit(_ path: GuestPath, _ inode: Inode) throws(DisksError) {
      let entry = Entry(
        path: path, kind: try kind(of: inode), inode: inode,
        attributes: try attributes(of: inode))
      count += 1
      size += path.bytes.count + entry.size
      guard count <= limits.entries else {
        throw error(.tree, .tooMuch("more than \(limits.entries) names"))
      }
      guard size <= limits.names else {
        throw error(.tree, .tooMuch("names and attributes of more than \(ByteCount(limits.names))"))
      }
      try body(entry)
    }

    let root = try inode(Self.root)
    guard root.kind == .directory else { throw error(.inode(Self.root), .number("kind")) }
    try visit(.root, root)
    var seen: Set<UInt32> = [Self.root]
    var waiting = [Waiting(path: .root, inode: root, parent: Self.root)]
    while let directory = waiting.popLast() {
      directories += directory.inode.size
      guard directories <= limits.directories else {
        throw error(
          .tree, .tooMuch("directories of more than \(ByteCount(limits.directories))"))
      }
      var below: [Waiting] = []
      for name in try names(in: directory.inode, parent: directory.parent) {
        let inode = try inode(of: name)
        guard let path = directory.path.appending(name.bytes) else {
          throw error(
            .inode(directory.inode.number), .tooMuch("paths of more than 4,095 bytes"))
        }
        if inode.kind == .directory {
          guard seen.insert(inode.number).inserted else {
            throw error(.inode(inode.number), .directoryTwice)
          }
          below.append(Waiting(path: path, inode: inode, parent: directory.inode.number))
        }
        try visit(path, inode)
      }
      waiting += below.reversed()
    }
  }

  /// What a path leads to, without following links; `nil` if nothing is there.
  package func inode(at path: GuestPath) throws(DisksError) -> Inode? {
    var inode = try inode(Self.root)
    var parent = Self.root
    for part in path.parts {
      guard inode.kind == .directory else { return nil }
      let found = try names(in: inode, parent: parent).first { $0.bytes.elementsEqual(part) }
      guard let found else { return nil }
      parent = inode.number
      inode = try self.inode(of: found)
    }
    return inode
  }

  private func inode(of name: Name) throws(DisksError) -> Inode {
    guard name.inode >= superblock.firstInode else {
      // The root may be named by nobody, its own `..` aside.
      throw error(
        .inode(name.inode), name.inode == Self.root ? .directoryTwice : .reservedInode)
    }
    let inode = try inode(name.inode)
    guard name.code == 0 || name.code == inode.kind.code else {
      throw error(.inode(name.inode), .number("kind"))
    }
    return inode
  }

  private func kind(of inode: Inode) throws(DisksError) -> Entry.Kind {
    switch inode.kind {
    case .directory: .directory
    case .file: .file(size: inode.size)
    case .symlink: .symlink(target: try target(of: inode))
    case .characterDevice:
      .characterDevice(major: inode.device.major, minor: inode.device.minor)
    case .blockDevice: .blockDevice(major: inode.device.major, minor: inode.device.minor)
    case .fifo: .fifo
    case .socket: .socket
    }
  }
}

extension Ext4Reader.Entry {
  /// What it takes in memory besides its path.
  fileprivate var size: Int {
    let target = if case .symlink(let target) = kind { target.count } else { 0 }
    return attributes.reduce(target) { $0 + $1.name.count + $1.value.count }
  }
}
