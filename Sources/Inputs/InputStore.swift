internal import Host
package import Recipes
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

  /// Size and digest of a file's contents.
  static func measure(_ path: String) throws(HostError) -> (size: ByteCount, digest: Digest) {
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

  /// Gives a file its name, if its contents are the expected ones: synced, made read-only,
  /// renamed. The directory is not synced yet: `sync` does it once for many.
  ///
  /// - Parameter path: on the same file system; gone afterwards unless `false` is returned.
  func publish(
    _ path: String, as digest: Digest, size: ByteCount
  ) throws(HostError) -> Bool {
    guard try Self.measure(path) == (size, digest) else { return false }
    try Files.setMode(path, 0o444)
    try OwnedDescriptor.open(path, .read).sync()
    // What has the name already has the same contents, or is damaged: this one is neither.
    try Files.rename(path, to: self.path(of: digest), replacing: true)
    return true
  }

  /// Takes a file that is on the same file system and has the package's contents; an error if it
  /// has others.
  package func adopt(_ path: String, _ package: LockedPackage) throws(InputsError) {
    let isAdopted = try onHost { () throws(HostError) in
      let isAdopted = try publish(path, as: package.digest, size: package.size)
      try sync()
      return isAdopted
    }
    if !isAdopted {
      throw .notFetched(
        package: package.name, path: package.path, digest: package.digest,
        said: "what came is not what was locked")
    }
  }

  func sync() throws(HostError) { try Files.syncDirectory(directory) }
}
