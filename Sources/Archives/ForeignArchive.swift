internal import Host
package import Vocabulary

/// Reads archives that others made, by libarchive: `ar`, and tar in any dialect; plain or
/// compressed with gzip, bzip2, xz, lzma, lz4 or zstd. Everything is decoded in this process, and
/// nothing is written.
package enum ForeignArchive {
  /// Calls `body` for each entry in the archive's order until it returns `false`. The data of an
  /// entry that `body` leaves unread is stepped over.
  package static func forEachEntry(
    of path: String, limits: ArchiveLimits = ArchiveLimits(),
    _ body: (ArchiveEntry, ArchiveData) throws -> Bool
  ) throws {
    let source = try FileSource(path)
    let reader = try ArchiveReader(named: path, size: source.size, limits: limits) {
      try source.next()
    }
    try reader.forEachEntry(body)
  }

  /// Of a file that is one archive, compressed or not.
  ///
  /// - Parameter onBytes: told of all bytes of the archive in order as they come out of the
  ///   compression, what stands after its end included.
  package static func forEachEntry(
    ofCompressed path: String, limits: ArchiveLimits = ArchiveLimits(),
    onBytes: @escaping ([UInt8]) -> Void, _ body: (ArchiveEntry, ArchiveData) throws -> Bool
  ) throws {
    let source = try FileSource(path)
    let outer = try ArchiveReader(
      named: path, size: source.size, limits: limits, form: .stream
    ) { try source.next() }
    try outer.forEachEntry { _, stream in
      func next() throws -> [UInt8] {
        let bytes = try stream.read(upTo: ArchiveReader.blockSize)
        onBytes(bytes)
        return bytes
      }
      // How much may come out of the compression has been said above.
      let inner = try ArchiveReader(named: path, size: .max, limits: limits, next: next)
      try inner.forEachEntry(body)
      while try !next().isEmpty {}
      return false
    }
  }

  /// Of an archive in memory. `name` is what errors call it.
  package static func forEachEntry(
    of bytes: [UInt8], named name: String, limits: ArchiveLimits = ArchiveLimits(),
    _ body: (ArchiveEntry, ArchiveData) throws -> Bool
  ) throws {
    var rest = bytes[...]
    let reader = try ArchiveReader(named: name, size: Int64(bytes.count), limits: limits) {
      defer { rest = rest.dropFirst(ArchiveReader.blockSize) }
      return Array(rest.prefix(ArchiveReader.blockSize))
    }
    try reader.forEachEntry(body)
  }

  /// Of an archive that is an entry of another one, without holding it in memory.
  package static func forEachEntry(
    of member: ArchiveData, limits: ArchiveLimits = ArchiveLimits(),
    _ body: (ArchiveEntry, ArchiveData) throws -> Bool
  ) throws {
    let reader = try ArchiveReader(named: member.name, size: member.size, limits: limits) {
      try member.read(upTo: ArchiveReader.blockSize)
    }
    try reader.forEachEntry(body)
  }

  /// One compressed file without an archive around it, unpacked. `name` is what errors call it.
  package static func decompress(
    _ bytes: [UInt8], named name: String, limit: ByteCount
  ) throws -> [UInt8] {
    var rest = bytes[...]
    let reader = try ArchiveReader(
      named: name, size: Int64(bytes.count), limits: ArchiveLimits(), form: .stream
    ) {
      defer { rest = rest.dropFirst(ArchiveReader.blockSize) }
      return Array(rest.prefix(ArchiveReader.blockSize))
    }
    var content: [UInt8] = []
    try reader.forEachEntry { _, data in
      content = try data.readAll(limit: limit)
      return false
    }
    return content
  }

  /// The files that a Debian package installs: the entries of `data.tar.*` (`deb(5)`). Names
  /// begin with `./`; `guestPath` is the same without it.
  package static func forEachFile(
    ofPackage path: String, limits: ArchiveLimits = ArchiveLimits(),
    _ body: (ArchiveEntry, ArchiveData) throws -> Bool
  ) throws {
    var found = false
    try forEachEntry(of: path, limits: limits) { entry, data in
      guard entry.name.starts(with: "data.tar".utf8) else { return true }
      found = true
      try forEachEntry(of: data, limits: limits, body)
      return false
    }
    if !found { throw ArchivesError.noSuchMember(archive: path, name: "data.tar") }
  }
}

/// A class, because a closure can't own a descriptor.
private final class FileSource {
  private let file: OwnedDescriptor
  let size: Int64

  init(_ path: String) throws(ArchivesError) {
    do {
      file = try OwnedDescriptor.open(path, .read)
      size = try file.status().size
    } catch {
      throw .host(error)
    }
  }

  func next() throws(ArchivesError) -> [UInt8] {
    do {
      return try file.read(upTo: ArchiveReader.blockSize)
    } catch {
      throw .host(error)
    }
  }
}
