internal import Host
internal import Vocabulary

/// Reads a tree of changes, the upper directory of an overlay, as entries of a layer.
enum TreeScanner {
  /// All entries in the order of the tar. Directories that hold nothing and that `isUnchanged`
  /// says are as they were below are left out.
  static func scan(
    _ tree: borrowing OwnedDescriptor, isUnchanged: (LayerEntry) throws -> Bool
  ) throws -> [LayerEntry] {
    var scan = Scan()
    try scan.visit(tree, .root, isUnchanged)
    scan.entries.sort(by: LayerEntry.isBefore)
    linkNames(&scan.entries, inodes: scan.inodes)
    return scan.entries
  }

  /// The first name in the order of the tar is the file, the others are links to it.
  private static func linkNames(_ entries: inout [LayerEntry], inodes: [GuestPath: UInt64]) {
    var first: [UInt64: GuestPath] = [:]
    for index in entries.indices {
      guard let inode = inodes[entries[index].path], case .file = entries[index].kind else {
        continue
      }
      if let file = first[inode] {
        entries[index].kind = .hardLink(to: file)
      } else {
        first[inode] = entries[index].path
      }
    }
  }

  private struct Scan {
    var entries: [LayerEntry] = []
    /// Of files with more than one name.
    var inodes: [GuestPath: UInt64] = [:]

    mutating func visit(
      _ directory: borrowing OwnedDescriptor, _ path: GuestPath,
      _ isUnchanged: (LayerEntry) throws -> Bool
    ) throws {
      for name in try directory.entries() {
        try Interrupt.check()
        guard let below = path.appending(name) else {
          throw LayersError.unsafeEntry(
            path: String(decoding: name, as: UTF8.self), reason: "its path is too long")
        }
        let status = try directory.status(of: name)
        if status.kind == .characterDevice && status.major == 0 && status.minor == 0 {
          entries.append(LayerEntry(path: below, kind: .whiteout))
          continue
        }
        if name.starts(with: LayerEntry.whiteoutPrefix) { throw LayersError.reservedName(below) }
        var entry = LayerEntry(
          path: below, kind: try kind(status, below, name, in: directory), mode: status.mode,
          uid: status.uid, gid: status.gid, modified: status.modified)
        let isOpaque = try readAttributes(of: name, in: directory, into: &entry)
        if case .symlink = entry.kind { entry.mode = 0o777 }
        if case .file = entry.kind, status.links > 1 { inodes[below] = status.inode }
        guard status.kind == .directory else {
          entries.append(entry)
          continue
        }
        let before = entries.count
        if isOpaque { entries.append(LayerEntry(path: below, kind: .opaque)) }
        let child = try directory.openBeneath(name, .directory)
        try visit(child, below, isUnchanged)
        if entries.count == before, try isUnchanged(entry) { continue }
        entries.append(entry)
      }
    }

    private func kind(
      _ status: FileStatus, _ path: GuestPath, _ name: [UInt8],
      in directory: borrowing OwnedDescriptor
    ) throws -> LayerEntry.Kind {
      switch status.kind {
      case .regular: return .file(size: status.size)
      case .directory: return .directory
      case .symlink: return .symlink(target: try directory.readLink(name))
      case .fifo: return .fifo
      case .socket: throw LayersError.socket(path)
      case .characterDevice, .blockDevice: throw LayersError.deviceNode(path)
      }
    }

    /// Whether the directory hides what is below it.
    private func readAttributes(
      of name: [UInt8], in directory: borrowing OwnedDescriptor, into entry: inout LayerEntry
    ) throws -> Bool {
      var isOpaque = false
      for (attribute, value) in try directory.extendedAttributes(of: name) {
        let text = String(decoding: attribute, as: UTF8.self)
        if text.hasPrefix("user.overlay.") || text.hasPrefix("trusted.overlay.") {
          switch text.split(separator: ".").last {
          case "opaque": isOpaque = isOpaque || value == Array("y".utf8)
          // Where the file came from when it was copied up, and that its directory was: both say
          // nothing about it.
          case "origin", "impure", "uuid": break
          default: throw LayersError.overlayMark(entry.path, attribute: text)
          }
        } else if LayerEntry.keeps(attribute: attribute) {
          entry.attributes.append(.init(name: attribute, value: value))
        }
      }
      return isOpaque
    }
  }
}
