import CGuest
import GuestProtocol

/// What a tree was when it had been unpacked, so that `pack` can tell what changed since.
///
/// Kept in memory (`/run`), and so also in a frozen memory image.
struct Manifest {
  /// Everything that a change of a file would show in.
  struct Record: Equatable {
    var kind: UInt32
    var mode: UInt32
    var size: UInt64
    var inode: UInt64
    var modified: Int64
    var changed: Int64
    var modifiedNanoseconds: UInt32
    var changedNanoseconds: UInt32

    init(_ status: guest_status) {
      kind = status.kind
      mode = status.mode
      size = status.size
      inode = status.inode
      modified = status.modified
      changed = status.changed
      modifiedNanoseconds = status.modified_ns
      changedNanoseconds = status.changed_ns
    }

    /// Whether `now` needs no transfer. Of directories only what is theirs, not their content's.
    func isSame(as now: Record) -> Bool {
      guard Int(kind) == GUEST_DIRECTORY else { return self == now }
      return kind == now.kind && mode == now.mode
    }
  }

  private(set) var records: [[UInt8]: Record] = [:]

  /// Walks the tree and writes down what is there.
  static func remember(_ top: Folder, at directory: [UInt8]) throws(ArchiveError) {
    var bytes: [UInt8] = []
    try collect(top, into: &bytes)
    do {
      try writeFile(file(directory), bytes)
    } catch {
      throw .system(path: directory, operation: "remember", errno: error.errno)
    }
  }

  static func recall(_ directory: [UInt8]) throws(ArchiveError) -> Manifest {
    guard let bytes = readFile(file(directory), limit: 1 << 30) else {
      throw .nothingRemembered(directory: directory)
    }
    var manifest = Manifest()
    var at = 0
    // Only this program writes the file; a cut one ends early.
    while at + recordSize + 4 <= bytes.count {
      let record = unsafe bytes.withUnsafeBytes { buffer in
        unsafe buffer.loadUnaligned(fromByteOffset: at, as: Record.self)
      }
      let length = (0..<4).reduce(0) { $0 | Int(bytes[at + recordSize + $1]) << (8 * $1) }
      let start = at + recordSize + 4
      guard length <= bytes.count - start else { break }
      manifest.records[[UInt8](bytes[start..<(start + length)])] = record
      at = start + length
    }
    return manifest
  }

  private static let recordSize = MemoryLayout<Record>.size

  private static func collect(_ folder: Folder, into bytes: inout [UInt8]) throws(ArchiveError) {
    for name in try folder.names() {
      guard let status = folder.status(name) else { continue }
      unsafe withUnsafeBytes(of: Record(status)) { unsafe bytes.append(contentsOf: $0) }
      let path = folder.path(of: name)
      for shift in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: path.count >> (8 * shift))) }
      bytes += path
      if Int(status.kind) == GUEST_DIRECTORY { try collect(try folder.folder(name), into: &bytes) }
    }
  }

  /// One file per directory that was remembered; FNV-1a keeps the name short.
  private static func file(_ directory: [UInt8]) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in directory { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return "/run/hutch/manifest-\(hash)"
  }
}
