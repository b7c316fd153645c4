internal import Host

/// The listening socket and its place. The lock beside it tells a supervisor that lives from the
/// socket of one that died.
final class SupervisorDoor {
  private let path: String
  private var lock: FileLock?
  private var listener: OwnedDescriptor?
  /// Out of descriptors: nobody is let in before this time.
  private var pausedUntil: UInt64 = 0

  init(_ path: String) throws {
    try Self.checkLength(path)
    self.path = path
    let directory = Files.parent(of: path)
    try Files.makeDirectories(directory, mode: 0o700)
    try Self.claim(directory)
    guard let lock = try FileLock.exclusive(path + ".lock", wait: false) else {
      throw LaunchError.supervised(path: path)
    }
    self.lock = consume lock
    // Whoever made it is dead, or he would hold the lock.
    try Files.remove(path)
    listener = try LocalSocket.listen(path)
  }

  static func checkLength(_ path: String) throws(LaunchError) {
    guard path.utf8.count <= LocalSocket.longestPath else {
      throw .supervisor(
        reason: "the path of its socket is longer than \(LocalSocket.longestPath) bytes: "
          + "\"\(path)\"")
    }
  }

  /// Nobody else may come in; a directory that somebody else made is not ours to use.
  private static func claim(_ directory: String) throws {
    guard let status = Files.status(directory), status.kind == .directory,
      status.uid == HostEnvironment.current.userID
    else {
      throw LaunchError.supervisor(
        reason: "the directory of its socket belongs to somebody else: \"\(directory)\"")
    }
    if status.mode & 0o077 != 0 { try Files.setMode(directory, 0o700) }
  }

  /// - Parameter come: gets each caller of our own user.
  func watch(_ set: inout PollSet, _ come: @escaping (consuming OwnedDescriptor) -> Void) {
    guard let raw = listener?.raw else { return }
    guard pausedUntil <= Clock.monotonic() else { return set.wake(at: pausedUntil) }
    set.watch(raw, .reading) { [self] in
      do {
        guard let caller = try accept(), LocalSocket.isOurs(caller) else { return }
        come(caller)
      } catch {
        pausedUntil = Clock.monotonic() + 200_000_000
      }
    }
  }

  private func accept() throws(HostError) -> OwnedDescriptor? {
    switch listener {
    case .some(let listener): try LocalSocket.accept(listener)
    case nil: nil
    }
  }

  func close() {
    guard let open = listener.take() else { return }
    _ = consume open
    try? Files.remove(path)
    // Held while it goes: FileLock looks whether what it locked is still there.
    try? Files.remove(path + ".lock")
    if let held = lock.take() { _ = consume held }
  }

  deinit { close() }
}
