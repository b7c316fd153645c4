internal import CLinux
internal import Glibc
package import Vocabulary

/// Files by path, for what a user typed and for the places that we made ourselves.
package enum Files {
  package static func read(_ path: String, limit: Int) throws(HostError) -> [UInt8] {
    let file = try OwnedDescriptor.open(path, .read)
    do {
      return try file.readAll(limit: limit)
    } catch {
      if case .tooLarge = error { throw .tooLarge(path: path, limit: ByteCount(limit)) }
      if case .system(let operation, _, let errno) = error {
        throw .system(operation: operation, path: path, errno: errno)
      }
      throw error
    }
  }

  /// Of the entry itself; `nil` if there is none.
  package static func status(_ path: String) -> FileStatus? {
    var status = hutch_status()
    guard unsafe hutch_status_at(hutch_at_fdcwd, path, &status) == 0 else { return nil }
    return FileStatus(status)
  }

  package static func exists(_ path: String) -> Bool { status(path) != nil }

  /// Replaces the file as a whole: written aside, synced, renamed, the directory synced. Whoever
  /// reads sees the old contents or the new ones. `durable: false` leaves the syncing out.
  package static func write(
    _ path: String, _ bytes: [UInt8], mode: UInt32 = 0o644, durable: Bool = true
  ) throws(HostError) {
    let aside = "\(path).\(Hex.encode(Randomness.bytes(6))).tmp"
    do {
      let file = try OwnedDescriptor.open(aside, .createExclusive(mode: mode))
      try file.writeAll(bytes)
      if durable { try file.sync() }
      try rename(aside, to: path, replacing: true)
      if durable { try syncDirectory(parent(of: path)) }
    } catch {
      _ = unsafe Glibc.unlink(aside)
      throw error
    }
  }

  /// With all that lead to it. Existing ones are fine and keep their mode.
  package static func makeDirectories(
    _ path: String, mode: UInt32 = 0o755
  ) throws(HostError) {
    let result = unsafe hutch_mkdir(hutch_at_fdcwd, path, mode)
    if result == 0 || (result == -EEXIST && isDirectory(path)) { return }
    if result == -ENOENT && parent(of: path) != path {
      try makeDirectories(parent(of: path), mode: mode)
      let again = unsafe hutch_mkdir(hutch_at_fdcwd, path, mode)
      if again == -EEXIST && isDirectory(path) { return }
      try check(again, "make the directory", path)
      return
    }
    try check(result, "make the directory", path)
  }

  /// Follows a link: what a user may have put in place of a directory.
  package static func isDirectory(_ path: String) -> Bool {
    var buffer = stat()
    return unsafe stat(path, &buffer) == 0 && buffer.st_mode & S_IFMT == S_IFDIR
  }

  /// Nothing there is fine.
  package static func removeTree(_ path: String) throws(HostError) {
    guard exists(path) else { return }
    let directory = try OwnedDescriptor.open(parent(of: path), .directory)
    try directory.removeTree(Array(name(of: path).utf8))
  }

  package static func remove(_ path: String) throws(HostError) {
    let result = unsafe hutch_unlink(hutch_at_fdcwd, path, 0)
    if result != -ENOENT { try check(result, "remove", path) }
  }

  package static func rename(
    _ from: String, to: String, replacing: Bool
  ) throws(HostError) {
    let result = unsafe hutch_rename(
      hutch_at_fdcwd, from, hutch_at_fdcwd, to, replacing ? 1 : 0)
    try check(result, "rename to", to)
  }

  package static func link(_ from: String, to: String) throws(HostError) {
    try check(unsafe hutch_link(hutch_at_fdcwd, from, hutch_at_fdcwd, to), "link", to)
  }

  package static func setMode(_ path: String, _ mode: UInt32) throws(HostError) {
    try check(unsafe hutch_chmod(hutch_at_fdcwd, path, mode), "set the mode of", path)
  }

  package static func syncDirectory(_ path: String) throws(HostError) {
    try OwnedDescriptor.open(path, .directory).sync()
  }

  /// Refuses what this process may not write to, be it for its mode or for a read-only mount.
  package static func requireWritable(_ path: String) throws(HostError) {
    guard unsafe access(path, W_OK) != 0 else { return }
    throw .system(operation: "write to", path: path, errno: errno)
  }

  /// What is still free for us on the file system of `path`.
  package static func freeSpace(_ path: String) throws(HostError) -> ByteCount {
    var free: UInt64 = 0
    var magic: UInt64 = 0
    try check(unsafe hutch_file_system(path, &free, &magic), "look at", path)
    return ByteCount(Int64(clamping: free))
  }

  /// Whether files of that file system can have blocks in common (`FICLONE`, deduplication).
  package static func mayShareBlocks(_ path: String) -> Bool {
    var free: UInt64 = 0
    var magic: UInt64 = 0
    guard unsafe hutch_file_system(path, &free, &magic) == 0 else { return false }
    // btrfs, XFS, bcachefs: linux/magic.h and their own headers.
    return [0x9123_683E, 0x5846_5342, 0xCA45_1A4E].contains(magic)
  }

  /// Refuses file systems on which locks, whiteouts or atomic renames can't be relied on.
  package static func requireSuitableFileSystem(_ path: String) throws(HostError) {
    var free: UInt64 = 0
    var magic: UInt64 = 0
    try check(unsafe hutch_file_system(path, &free, &magic), "look at", path)
    // Magic numbers: linux/magic.h.
    let unsuitable: [UInt64: String] = [
      0x6969: "nfs", 0x0102_1997: "9p", 0x6573_5546: "fuse", 0x794C_7630: "overlay",
      0xFF53_4D42: "cifs",
    ]
    if let name = unsuitable[magic] { throw .unsuitableFileSystem(path: path, name: name) }
  }

  /// The names in a directory, sorted; names that are not UTF-8 are left out: we make none.
  package static func list(_ path: String) throws(HostError) -> [String] {
    try OwnedDescriptor.open(path, .directory).entries()
      .compactMap { String(validating: $0, as: UTF8.self) }
  }

  /// Bytes allocated below `path`, hard links counted once.
  package static func allocated(below path: String) throws(HostError) -> ByteCount {
    guard let status = status(path) else { return .zero }
    guard status.kind == .directory else { return ByteCount(status.allocated) }
    var seen: Set<UInt64> = []
    let directory = try OwnedDescriptor.open(path, .directory)
    return ByteCount(status.allocated + (try allocated(in: directory, &seen)))
  }

  private static func allocated(
    in directory: borrowing OwnedDescriptor, _ seen: inout Set<UInt64>
  ) throws(HostError) -> Int64 {
    var sum: Int64 = 0
    for name in try directory.entries() {
      guard let status = try directory.statusIfPresent(of: name) else { continue }
      if status.links > 1 && status.kind != .directory && !seen.insert(status.inode).inserted {
        continue
      }
      sum += status.allocated
      if status.kind == .directory {
        // Trees of another (subordinate) user can't be entered from outside their namespace.
        guard let below = try? directory.openBeneath(name, .directory) else { continue }
        sum += try allocated(in: below, &seen)
      }
    }
    return sum
  }

  /// The path as the kernel sees it, links resolved; `nil` if it does not exist.
  package static func canonical(_ path: String) -> String? {
    guard let resolved = unsafe realpath(path, nil) else { return nil }
    defer { unsafe free(resolved) }
    return unsafe String(cString: resolved)
  }

  package static func parent(of path: String) -> String {
    var parts = path.split(separator: "/", omittingEmptySubsequences: true)
    guard !parts.isEmpty else { return path.hasPrefix("/") ? "/" : "." }
    parts.removeLast()
    if parts.isEmpty { return path.hasPrefix("/") ? "/" : "." }
    return (path.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
  }

  package static func name(of path: String) -> String {
    path.split(separator: "/", omittingEmptySubsequences: true).last.map(String.init) ?? path
  }
}
