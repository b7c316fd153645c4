internal import CLinux
internal import Glibc
package import Vocabulary

/// Work in a tree, always relative to an open directory. Names are raw bytes; no call here
/// follows a symbolic link at the end of a name. The name `"."` or no bytes is the directory.
extension OwnedDescriptor {
  /// Of the open file itself.
  package func status() throws(HostError) -> FileStatus { try status(of: []) }

  package func status(of name: [UInt8]) throws(HostError) -> FileStatus {
    var status = hutch_status()
    let result = unsafe withName(name) { unsafe hutch_status_at(raw, $0, &status) }
    try check(result, "look at", printable(name))
    return FileStatus(status)
  }

  /// `nil` if there is nothing with that name.
  package func statusIfPresent(of name: [UInt8]) throws(HostError) -> FileStatus? {
    var status = hutch_status()
    let result = unsafe withName(name) { unsafe hutch_status_at(raw, $0, &status) }
    if result == -ENOENT || result == -ENOTDIR { return nil }
    try check(result, "look at", printable(name))
    return FileStatus(status)
  }

  /// The names in this directory without `.` and `..`, sorted by raw bytes.
  package func entries() throws(HostError) -> [[UInt8]] {
    final class Names { var all: [[UInt8]] = [] }
    let names = Names()
    let result = unsafe hutch_for_each_entry(
      raw,
      { context, name, length in
        let names = unsafe Unmanaged<Names>.fromOpaque(context!).takeUnretainedValue()
        let bytes = unsafe UnsafeRawBufferPointer(start: name, count: length)
        unsafe names.all.append(Array(bytes))
        return 0
      }, Unmanaged.passUnretained(names).toOpaque())
    try check(result, "list", "descriptor \(raw)")
    names.all.sort { $0.lexicographicallyPrecedes($1) }
    return names.all
  }

  package func readLink(_ name: [UInt8]) throws(HostError) -> [UInt8] {
    var result: Int64 = 0
    let target = unsafe [UInt8](unsafeUninitializedCapacity: 4096) { buffer, filled in
      result = unsafe withName(name) {
        unsafe hutch_readlink(raw, $0, buffer.baseAddress, buffer.count)
      }
      filled = Int(max(0, result))
    }
    try check(result, "read the link", printable(name))
    return target
  }

  /// The process's umask applies, as for every creation; set the mode afterwards where it counts.
  package func makeDirectory(_ name: [UInt8], mode: UInt32) throws(HostError) {
    try check(
      unsafe withName(name) { unsafe hutch_mkdir(raw, $0, mode) }, "make the directory",
      printable(name))
  }

  package func makeLink(target: [UInt8], at name: [UInt8]) throws(HostError) {
    let result = unsafe withName(target) { target in
      unsafe withName(name) { unsafe hutch_symlink(target, raw, $0) }
    }
    try check(result, "make the link", printable(name))
  }

  package func hardLink(from: [UInt8], to: [UInt8]) throws(HostError) {
    let result = unsafe withName(from) { from in
      unsafe withName(to) { unsafe hutch_link(raw, from, raw, $0) }
    }
    try check(result, "link", printable(to))
  }

  /// A FIFO or a device node. Inside a user namespace the kernel allows FIFOs and the character
  /// device 0:0, overlayfs's whiteout.
  package func makeNode(
    _ name: [UInt8], _ kind: FileKind, mode: UInt32, major: UInt32 = 0, minor: UInt32 = 0
  ) throws(HostError) {
    let number =
      switch kind {
      case .characterDevice: HUTCH_CHARACTER
      case .blockDevice: HUTCH_BLOCK
      case .fifo: HUTCH_FIFO
      default: HUTCH_REGULAR
      }
    let result = unsafe withName(name) {
      unsafe hutch_mknod(raw, $0, UInt32(number.rawValue), mode, major, minor)
    }
    try check(result, "make the node", printable(name))
  }

  package func unlink(_ name: [UInt8], directory: Bool = false) throws(HostError) {
    try check(
      unsafe withName(name) { unsafe hutch_unlink(raw, $0, directory ? 1 : 0) }, "remove",
      printable(name))
  }

  /// Removes an entry with all that is below it. Directories that forbid it are made writable
  /// first. Nothing there is fine.
  package func removeTree(_ name: [UInt8]) throws(HostError) {
    guard let status = try statusIfPresent(of: name) else { return }
    guard status.kind == .directory else { return try unlink(name) }
    if status.mode & 0o700 != 0o700 { try? setMode(of: name, status.mode | 0o700) }
    do {
      let directory = try openBeneath(name, .directory)
      for entry in try directory.entries() { try directory.removeTree(entry) }
    }
    try unlink(name, directory: true)
  }

  /// With `replacing` false an existing target is an error (`EEXIST`), whatever it is.
  package func rename(
    _ from: [UInt8], to: [UInt8], replacing: Bool
  ) throws(HostError) {
    let result = unsafe withName(from) { from in
      unsafe withName(to) { unsafe hutch_rename(raw, from, raw, $0, replacing ? 1 : 0) }
    }
    try check(result, "rename to", printable(to))
  }

  /// Moves an entry of this directory into another one.
  package func rename(
    _ from: [UInt8], into directory: borrowing OwnedDescriptor, as to: [UInt8], replacing: Bool
  ) throws(HostError) {
    let other = directory.raw
    let result = unsafe withName(from) { from in
      unsafe withName(to) { unsafe hutch_rename(raw, from, other, $0, replacing ? 1 : 0) }
    }
    try check(result, "rename to", printable(to))
  }

  /// Gives a file of this directory a second name in another one.
  package func hardLink(
    from: [UInt8], into directory: borrowing OwnedDescriptor, as to: [UInt8]
  ) throws(HostError) {
    let other = directory.raw
    let result = unsafe withName(from) { from in
      unsafe withName(to) { unsafe hutch_link(raw, from, other, $0) }
    }
    try check(result, "link", printable(to))
  }

  /// Whether this process may make and remove entries here.
  package func mayChangeEntries() throws(HostError) -> Bool {
    try check(hutch_may_change(raw), "look at", "descriptor \(raw)") == 1
  }

  /// Takes the `flock(2)` of this directory, which lasts as long as the descriptor. False if
  /// somebody else holds it.
  package func lock() throws(HostError) -> Bool {
    // A child that is just being started holds all our locks until it executes its program, also
    // those that we gave up meanwhile.
    for _ in 0..<50 {
      let result = hutch_lock(raw, 1, 0)
      if result != -EWOULDBLOCK {
        try check(result, "lock", "descriptor \(raw)")
        return true
      }
      Clock.pause(milliseconds: 10)
    }
    return false
  }

  /// Gives the lock back at once, also where a child process that was just made still holds a copy
  /// of the descriptor.
  package func unlock() {
    // Of an open descriptor it can't fail.
    _ = hutch_unlock(raw)
  }

  /// A descriptor that is readable once an entry of this directory was written, renamed or removed,
  /// or the directory itself moved (`inotify(7)`), until `forgetEvents`.
  package func watchEntries() throws(HostError) -> OwnedDescriptor {
    OwnedDescriptor(
      owning: try check(hutch_watch_directory(raw), "watch", "descriptor \(raw)"))
  }

  /// Of a descriptor that `watchEntries` gave.
  package func forgetEvents() { hutch_drain_watch(raw) }

  /// What is still free for us on the file system of this directory.
  package func freeSpace() throws(HostError) -> ByteCount {
    try Files.freeSpace("/proc/self/fd/\(raw)")
  }

  /// Everything that was written to the file system of this directory is on the disk afterwards
  /// (`syncfs(2)`).
  package func syncFileSystem() throws(HostError) {
    try check(hutch_sync_file_system(raw), "sync", "descriptor \(raw)")
  }

  package func setMode(of name: [UInt8], _ mode: UInt32) throws(HostError) {
    try check(
      unsafe withName(name) { unsafe hutch_chmod(raw, $0, mode) }, "set the mode of",
      printable(name))
  }

  package func setOwner(of name: [UInt8], uid: UInt32, gid: UInt32) throws(HostError) {
    try check(
      unsafe withName(name) { unsafe hutch_chown(raw, $0, uid, gid) }, "set the owner of",
      printable(name))
  }

  package func setTimes(
    of name: [UInt8], seconds: Int64, nanoseconds: UInt32 = 0
  ) throws(HostError) {
    try check(
      unsafe withName(name) { unsafe hutch_set_times(raw, $0, seconds, nanoseconds) },
      "set the times of", printable(name))
  }

  /// Sorted by name. An attribute that vanishes meanwhile is left out.
  package func extendedAttributes(
    of name: [UInt8]
  ) throws(HostError) -> [(name: [UInt8], value: [UInt8])] {
    var count: Int64 = 0
    // Not zeroed: most files have none, and there are many.
    let listed = unsafe [UInt8](unsafeUninitializedCapacity: 65536) { buffer, filled in
      count = unsafe withName(name) {
        unsafe hutch_list_xattrs(raw, $0, buffer.baseAddress, buffer.count)
      }
      filled = Int(max(0, count))
    }
    if count == Int64(-EOPNOTSUPP) || count == 0 { return [] }
    try check(count, "list the attributes of", printable(name))
    let names = listed.split(separator: 0).map(Array.init)
      .sorted { $0.lexicographicallyPrecedes($1) }
    var found: [(name: [UInt8], value: [UInt8])] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    for attribute in names {
      let size = unsafe withName(name) { name in
        unsafe withName(attribute) { attribute in
          unsafe buffer.withUnsafeMutableBufferPointer {
            unsafe hutch_get_xattr(raw, name, attribute, $0.baseAddress, $0.count)
          }
        }
      }
      if size == Int64(-ENODATA) { continue }
      try check(size, "read an attribute of", printable(name))
      found.append((attribute, Array(buffer[..<Int(size)])))
    }
    return found
  }

  package func setExtendedAttribute(
    of name: [UInt8], _ attribute: [UInt8], value: [UInt8]
  ) throws(HostError) {
    let result = unsafe withName(name) { name in
      unsafe withName(attribute) { attribute in
        unsafe value.withUnsafeBufferPointer {
          unsafe hutch_set_xattr(raw, name, attribute, $0.baseAddress, $0.count)
        }
      }
    }
    try check(result, "set an attribute of", printable(name))
  }
}
