internal import GuestProtocol
internal import Host

/// The kinds that a workspace transfers.
package enum WorkspaceKind: UInt8, Sendable {
  case file = 0
  case directory = 1
  case symbolicLink = 2
}

/// What a workspace was when it was sent to a VM: what later changes, the VM's and the host's
/// own, are told by. `docs/formats/workspace.md` has the file.
package struct WorkspaceSnapshot: Sendable, Equatable {
  package struct Entry: Sendable, Equatable {
    /// Relative to the top; never empty.
    package var path: [UInt8]
    package var kind: WorkspaceKind
    /// The twelve bits 07777.
    package var mode: UInt32
    /// Bytes of a file; 0 for all others.
    package var size: UInt64
    /// Unix seconds, of the content.
    package var modified: Int64
    package var modifiedNanoseconds: UInt32
    /// Unix seconds, of the inode.
    package var changed: Int64
    package var changedNanoseconds: UInt32
    package var inode: UInt64
    /// Of a symbolic link; else empty.
    package var target: [UInt8]

    init(
      path: [UInt8], kind: WorkspaceKind, mode: UInt32, size: UInt64, modified: Int64,
      modifiedNanoseconds: UInt32, changed: Int64, changedNanoseconds: UInt32, inode: UInt64,
      target: [UInt8]
    ) {
      self.path = path
      self.kind = kind
      self.mode = mode
      self.size = size
      self.modified = modified
      self.modifiedNanoseconds = modifiedNanoseconds
      self.changed = changed
      self.changedNanoseconds = changedNanoseconds
      self.inode = inode
      self.target = target
    }

    init(path: [UInt8], kind: WorkspaceKind, status: FileStatus, target: [UInt8] = []) {
      self.path = path
      self.kind = kind
      self.target = target
      mode = status.mode
      size = kind == .file ? UInt64(clamping: status.size) : 0
      modified = status.modified
      modifiedNanoseconds = status.modifiedNanoseconds
      changed = status.changed
      changedNanoseconds = status.changedNanoseconds
      inode = status.inode
    }
  }

  /// In the order of a walk: each directory sorted by bytes, its content directly behind it.
  /// Every parent is there, without the top.
  package internal(set) var entries: [Entry] = []

  package init() {}

  /// What a snapshot may hold; far beyond what one person works on.
  static let entryLimit = 4_000_000

  /// The place of `path` in `entries`.
  func index(of path: [UInt8]) -> Int? {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if Paths.precedes(entries[middle].path, path) { low = middle + 1 } else { high = middle }
    }
    return low < entries.count && entries[low].path == path ? low : nil
  }
}

extension WorkspaceSnapshot.Entry {
  /// Whether the host still has this file as it was. Never true of another kind of file; of a
  /// directory it says that there is one; a link's target has to be compared besides.
  ///
  /// A time of change that nobody can set shows a file that was written and given its old time.
  func isUnchanged(_ now: FileStatus, ignoringInodeChange: Bool = false) -> Bool {
    switch kind {
    case .directory: now.kind == .directory
    case .symbolicLink: now.kind == .symlink
    case .file:
      now.kind == .regular && now.size >= 0 && UInt64(now.size) == size && now.inode == inode
        && now.modified == modified && now.modifiedNanoseconds == modifiedNanoseconds
        && (ignoringInodeChange
          || now.changed == changed && now.changedNanoseconds == changedNanoseconds)
    }
  }
}
