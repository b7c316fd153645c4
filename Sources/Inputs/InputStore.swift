internal import Glibc
package import Host
package import Vocabulary

/// The files of `inputs/sha256/`: named by their digest, mode 0444, each of them verified before
/// it got its name.
package struct InputStore: Sendable, Hashable {
  package let directory: String
  /// Where files are while they come, on the same file system.
  let ingest: String

  /// - Parameters:
  ///   - directory: `inputs/sha256` of a store; must exist.
  ///   - ingest: where leftovers of killed processes are cleaned up; `directory` if not given.
  package init(directory: String, ingest: String? = nil) {
    self.directory = directory
    self.ingest = ingest ?? directory
  }

  package func path(of digest: Digest) -> String { "\(directory)/\(digest.hex)" }

  /// Whether it is here with that size. Contents are checked when they come in and by `verify`.
  package func holds(_ digest: Digest, size: ByteCount) -> Bool {
    guard let status = Files.status(path(of: digest)) else { return false }
    return status.kind == .regular && status.size == size.bytes
  }

  /// How large it is, if it is here.
  package func size(of digest: Digest) -> ByteCount? {
    guard let status = Files.status(path(of: digest)), status.kind == .regular else { return nil }
    return ByteCount(status.size)
  }

  /// Size and digest of a file's contents.
  package static func measure(_ path: String) throws(HostError) -> (size: ByteCount, digest: Digest)
  {
    let file = try OwnedDescriptor.open(path, .read)
    var stream = DigestStream()
    var size: Int64 = 0
    while true {
      let part = try file.read(upTo: 1 << 20)
      if part.isEmpty { break }
      stream.update(part)
      size += Int64(part.count)
      try Interrupt.check()
    }
    return (ByteCount(size), stream.finish())
  }

  /// As `measure`, with what package registries know a file by, in one reading.
  package static func measureForRegistry(
    _ path: String
  ) throws(HostError) -> (size: ByteCount, digest: Digest, integrity: Integrity) {
    let file = try OwnedDescriptor.open(path, .read)
    var stream = DigestStream()
    var other = IntegrityStream()
    var size: Int64 = 0
    while true {
      let part = try file.read(upTo: 1 << 20)
      if part.isEmpty { break }
      stream.update(part)
      other.update(part)
      size += Int64(part.count)
      try Interrupt.check()
    }
    return (ByteCount(size), stream.finish(), other.finish())
  }

  /// Gives a file its name, if its contents are the expected ones: synced, made read-only,
  /// renamed. The directory is not synced yet: `sync` does it once for many.
  ///
  /// - Parameter path: on the same file system; gone afterwards unless `false` is returned.
  func publish(
    _ path: String, as digest: Digest, size: ByteCount
  ) throws(HostError) -> Bool {
    guard try Self.measure(path) == (size, digest) else { return false }
    try adopt(path, as: digest)
    return true
  }

  /// As `publish`, for contents that have just been measured.
  package func adopt(_ path: String, as digest: Digest) throws(HostError) {
    try Files.setMode(path, 0o444)
    try OwnedDescriptor.open(path, .read).sync()
    // What has the name already has the same contents, or is damaged: this one is neither.
    try Files.rename(path, to: self.path(of: digest), replacing: true)
  }

  /// A directory in `ingest` for files on their way, with the lock that keeps it from being cleaned
  /// up.
  func lockedDirectory(_ work: String) throws(InputsError) -> FileLock {
    do throws(HostError) {
      guard let lock = try FileLock.exclusive(work + ".lock", wait: true) else {
        throw .system(operation: "lock", path: work, errno: EWOULDBLOCK)
      }
      try Files.makeDirectories(work, mode: 0o700)
      return lock
    } catch {
      throw .host(error)
    }
  }

  package func sync() throws(HostError) { try Files.syncDirectory(directory) }
}
