internal import CLinux
internal import Glibc

/// A `flock(2)` on a file. The kernel drops it when the last process that holds it dies, however
/// it dies, and it means the same in every pid namespace: that makes it a proof of life.
package struct FileLock: ~Copyable, Sendable {
  private let file: OwnedDescriptor

  private init(file: consuming OwnedDescriptor) { self.file = file }

  /// `nil` if somebody else holds it and `wait` is false. The file is made if it is missing.
  package static func exclusive(
    _ path: String, wait: Bool
  ) throws(HostError) -> FileLock? {
    try take(path, exclusive: true, wait: wait)
  }

  package static func shared(_ path: String, wait: Bool) throws(HostError) -> FileLock? {
    try take(path, exclusive: false, wait: wait)
  }

  private static func take(
    _ path: String, exclusive: Bool, wait: Bool
  ) throws(HostError) -> FileLock? {
    while true {
      let file = try OwnedDescriptor.open(path, .append(mode: 0o600))
      let result = hutch_lock(file.raw, exclusive ? 1 : 0, wait ? 1 : 0)
      if result == -EWOULDBLOCK { return nil }
      if result == -EINTR {
        try Interrupt.check()
        continue
      }
      try check(result, "lock", path)
      // Whoever removes a lock file does so while holding it: the one we hold must be the one
      // that is there.
      let held = try file.status()
      if let there = Files.status(path), there.inode == held.inode { return FileLock(file: file) }
    }
  }

  /// Whether somebody, perhaps we, holds it exclusively. A missing file is held by nobody.
  package static func isHeld(_ path: String) -> Bool {
    guard let file = try? OwnedDescriptor.open(path, .read) else { return false }
    return hutch_lock(file.raw, 0, 0) == -EWOULDBLOCK
  }

  /// For handing the lock to a child: the lock lives as long as either of us.
  package var descriptor: Int32 { file.raw }
}
