internal import CLinux

package enum FileKind: Sendable, Hashable {
  case regular, directory, symlink, characterDevice, blockDevice, fifo, socket
}

/// What `statx(2)` says of an entry itself; links are not followed.
package struct FileStatus: Sendable, Hashable {
  package var kind: FileKind
  /// Permission bits with set-id and sticky: `07777`.
  package var mode: UInt32
  package var uid: UInt32
  package var gid: UInt32
  package var size: Int64
  /// Whole seconds since 1970, and the rest.
  package var modified: Int64
  package var modifiedNanoseconds: UInt32
  /// When the inode itself changed last. No call sets it, so a change of contents always shows.
  package var changed: Int64
  package var changedNanoseconds: UInt32
  package var inode: UInt64
  package var device: UInt64
  package var links: UInt64
  /// Of a device node.
  package var major: UInt32
  package var minor: UInt32
  /// Bytes that the file takes on the disk.
  package var allocated: Int64

  init(_ status: hutch_status) {
    kind =
      switch status.kind {
      case UInt32(HUTCH_REGULAR.rawValue): .regular
      case UInt32(HUTCH_DIRECTORY.rawValue): .directory
      case UInt32(HUTCH_SYMLINK.rawValue): .symlink
      case UInt32(HUTCH_CHARACTER.rawValue): .characterDevice
      case UInt32(HUTCH_BLOCK.rawValue): .blockDevice
      case UInt32(HUTCH_FIFO.rawValue): .fifo
      default: .socket
      }
    mode = status.mode
    uid = status.uid
    gid = status.gid
    size = status.size
    modified = status.modified
    modifiedNanoseconds = status.modified_ns
    changed = status.changed
    changedNanoseconds = status.changed_ns
    inode = status.inode
    device = status.device
    links = status.links
    major = status.major
    minor = status.minor
    allocated = status.allocated
  }
}
