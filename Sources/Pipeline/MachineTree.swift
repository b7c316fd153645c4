internal import Disks
internal import Host
internal import Layers
internal import Vocabulary

/// The files of a VM that does not run, as entries that compare with those of its image.
///
/// Contents are only read where something says that they could have changed: an inode that is as
/// it was on the image's disk, down to the time of its last change, which no call can set, holds
/// what it held.
struct MachineTree {
  /// In the order of a tar.
  private(set) var items: [TableOfContents.Item] = []

  private let disk: MachineDisk
  private let image: MergedTree
  /// Of files with several names.
  private var known: [UInt32: Digest] = [:]

  private struct Found {
    var entry: LayerEntry
    var inode: Ext4Reader.Inode
  }

  /// - Parameter image: what the VM was made from.
  init(_ disk: MachineDisk, image: MergedTree) throws {
    self.disk = disk
    self.image = image
    var found = try Self.read(disk.now, image)
    found.sort { LayerEntry.isBefore($0.entry, $1.entry) }
    nameLinks(&found)
    items.reserveCapacity(found.count)
    for one in found { items.append(try item(one)) }
  }

  // MARK: What is there

  private static func read(_ reader: Ext4Reader, _ image: MergedTree) throws -> [Found] {
    var found: [Found] = []
    try reader.walk { entry throws(DisksError) in
      do throws(HostError) {
        try Interrupt.check()
      } catch {
        throw .host(error)
      }
      // Layers seldom say anything of the root, and nothing of what every ext4 has.
      if entry.path.isRoot || entry.path == Self.lostAndFound, image.index(of: entry.path) == nil {
        return
      }
      guard let layerEntry = LayerEntry(entry) else { return }
      found.append(Found(entry: layerEntry, inode: entry.inode))
    }
    return found
  }

  private static let lostAndFound = GuestPath("lost+found")

  /// Of the names of a file one is the file and the others are links to it, as in a layer: the one
  /// that is the file in the image, else the first.
  private func nameLinks(_ found: inout [Found]) {
    var names: [UInt32: [Int]] = [:]
    for index in found.indices where found[index].inode.links > 1 {
      guard case .file = found[index].entry.kind else { continue }
      names[found[index].inode.number, default: []].append(index)
    }
    for group in names.values where group.count > 1 {
      let paths = Set(group.map { found[$0].entry.path })
      let first =
        group.first { index in
          guard case .file = imageItem(found[index].entry.path)?.entry.kind else { return false }
          return true
        } ?? group[0]
      for index in group where index != first {
        var target = found[first].entry.path
        // Any name that leads to the same file does.
        if case .hardLink(let known) = imageItem(found[index].entry.path)?.entry.kind,
          paths.contains(known)
        {
          target = known
        }
        found[index].entry.kind = .hardLink(to: target)
      }
    }
  }

  private func imageItem(_ path: GuestPath) -> TableOfContents.Item? {
    image.index(of: path).map { image.items[$0] }
  }

  // MARK: Contents

  private mutating func item(_ found: Found) throws -> TableOfContents.Item {
    var item = TableOfContents.Item(entry: found.entry, start: 0, digest: nil)
    guard found.inode.kind == .file, let before = imageItem(found.entry.path),
      let digest = before.digest, mayHoldTheSame(found.inode, before)
    else { return item }
    item.digest = try isUntouched(found.inode) ? digest : self.digest(of: found.inode)
    // A name whose file was replaced in a later layer is one of its own by now.
    if case .file = found.entry.kind, case .hardLink = before.entry.kind, item.digest == digest,
      !isLink(found.entry.path)
    {
      item.entry.kind = before.entry.kind
    }
    return item
  }

  /// Whether the sizes are the same, as far as the image says which size a file has.
  private func mayHoldTheSame(
    _ inode: Ext4Reader.Inode, _ before: TableOfContents.Item
  ) -> Bool {
    switch before.entry.kind {
    case .file(let size): return inode.size == size
    case .hardLink(let target):
      guard isLink(before.entry.path), case .file(let size) = imageItem(target)?.entry.kind else {
        return inode.size <= Self.largestUnknown
      }
      return inode.size == size
    default: return false
    }
  }

  /// What is larger than this is not read on the chance that it is the same.
  private static let largestUnknown: Int64 = 1 << 30

  /// Whether a link of the image still leads to the contents that it was made for.
  private func isLink(_ path: GuestPath) -> Bool {
    guard let index = image.index(of: path),
      case .hardLink(let target) = image.items[index].entry.kind,
      let file = image.index(of: target)
    else { return false }
    return image.origins[index] == image.origins[file]
      && image.items[index].start == image.items[file].start
      && image.items[index].digest == image.items[file].digest
  }

  private func isUntouched(_ inode: Ext4Reader.Inode) -> Bool {
    guard let before = try? disk.before.inode(inode.number) else { return false }
    return before.kind == inode.kind && before.size == inode.size
      && (before.changed, before.changedNanoseconds) == (inode.changed, inode.changedNanoseconds)
      && (before.modified, before.modifiedNanoseconds)
        == (inode.modified, inode.modifiedNanoseconds)
  }

  private mutating func digest(of inode: Ext4Reader.Inode) throws -> Digest {
    if let digest = known[inode.number] { return digest }
    var stream = DigestStream()
    try disk.now.contents(of: inode) { part throws(DisksError) in
      do throws(HostError) {
        try Interrupt.check()
      } catch {
        throw .host(error)
      }
      stream.update(part)
    }
    let digest = stream.finish()
    if inode.links > 1 { known[inode.number] = digest }
    return digest
  }
}

extension LayerEntry {
  /// As a layer would say it; `nil` for sockets, which no layer has.
  fileprivate init?(_ entry: Ext4Reader.Entry) {
    let kind: Kind
    var mode = entry.inode.mode
    switch entry.kind {
    case .directory: kind = .directory
    case .file(let size): kind = .file(size: size)
    case .symlink(let target):
      kind = .symlink(target: target)
      mode = 0o777
    case .characterDevice(let major, let minor):
      kind = .characterDevice(major: major, minor: minor)
    case .blockDevice(let major, let minor): kind = .blockDevice(major: major, minor: minor)
    case .fifo: kind = .fifo
    case .socket: return nil
    }
    self.init(
      path: entry.path, kind: kind, mode: mode, uid: entry.inode.uid, gid: entry.inode.gid,
      modified: entry.inode.modified,
      attributes: entry.attributes.filter { Self.keeps(attribute: $0.name) }
        .map { Attribute(name: $0.name, value: $0.value) })
  }
}
