import CGuest
import GuestProtocol

/// Writes a tree, or what changed in it, to standard output as a tar stream.
struct Packer {
  private let manifest: Manifest?
  /// All paths that are there, and whether they are directories.
  private var seen: [[UInt8]: Bool] = [:]
  /// Where files with several links were written first.
  private var firstPaths: [UInt64: [UInt8]] = [:]
  private var buffer: [UInt8] = []

  private static let bufferSize = 256 << 10

  init(_ manifest: Manifest?) {
    self.manifest = manifest
    buffer.reserveCapacity(Packer.bufferSize * 2)
  }

  /// The content of `folder`, in order, without an entry for the top itself; of `names`, if there
  /// are any, those and no others, and each has to be there.
  mutating func pack(_ folder: Folder, only names: [[UInt8]] = []) throws(ArchiveError) {
    for name in names {
      guard !name.isEmpty, name != [0x2E], name != [0x2E, 0x2E], !name.contains(0x2F),
        folder.status(name) != nil
      else { throw .system(path: folder.path(of: name), operation: "find", errno: Errno.noEntry) }
    }
    for name in names.isEmpty ? try folder.names() : names {
      guard let status = folder.status(name) else { continue }
      let path = folder.path(of: name)
      guard !name.starts(with: TarEntry.whiteoutPrefix) else { throw .tar(.whiteout(path: path)) }
      if manifest != nil { seen[path] = Int(status.kind) == GUEST_DIRECTORY }
      let isSame = manifest?.records[path]?.isSame(as: Manifest.Record(status)) ?? false
      if !isSame { try pack(name, path, status, folder) }
      if Int(status.kind) == GUEST_DIRECTORY { try pack(try folder.folder(name)) }
    }
  }

  /// What is gone, and the end of the stream.
  mutating func finish() throws(ArchiveError) {
    if let manifest {
      let gone = manifest.records.keys.filter { seen[$0] == nil }
      for path in gone.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
        // A directory that is gone says it for all below it, and so does one that became a file.
        if let slash = path.lastIndex(of: UInt8(ascii: "/")) {
          let parent = [UInt8](path[..<slash])
          if seen[parent] != true { continue }
        }
        try write(header(.whiteout(of: path)))
      }
    }
    try write(TarEncoder.end)
    try flush()
  }

  private mutating func pack(
    _ name: [UInt8], _ path: [UInt8], _ status: guest_status, _ folder: Folder
  ) throws(ArchiveError) {
    var entry = TarEntry(
      path: path, kind: .regular, mode: status.mode, modified: status.modified,
      modifiedNanoseconds: status.modified_ns)
    switch Int(status.kind) {
    case GUEST_DIRECTORY:
      entry.kind = .directory
      try write(header(entry))
    case GUEST_SYMLINK:
      entry.kind = .symbolicLink
      entry.mode = 0o777
      entry.target = try target(of: name, folder)
      try write(header(entry))
    case GUEST_REGULAR:
      if status.links > 1, let first = firstPaths[status.inode] {
        entry.kind = .hardLink
        entry.target = first
        return try write(header(entry))
      }
      if status.links > 1 { firstPaths[status.inode] = path }
      try packFile(name, entry, folder)
    default:
      Archive.warn("\"\(text(path))\" is neither file, directory nor link: left out")
    }
  }

  private func target(of name: [UInt8], _ folder: Folder) throws(ArchiveError) -> [UInt8] {
    var target = [UInt8](repeating: 0, count: 4096)
    let count = unsafe guest_readlink_at(folder.descriptor, c(name), &target, target.count)
    try folder.check(Int32(count), "read", name)
    return [UInt8](target.prefix(Int(count)))
  }

  private mutating func packFile(
    _ name: [UInt8], _ entry: TarEntry, _ folder: Folder
  ) throws(ArchiveError) {
    let file = unsafe guest_open_file_at(folder.descriptor, c(name))
    try folder.check(file, "open", name)
    defer { _ = guest_close(file) }
    var status = guest_status()
    try folder.check(unsafe guest_status_at(file, [0], &status), "look at", name)
    guard Int(status.kind) == GUEST_REGULAR else {
      return Archive.warn("\"\(text(entry.path))\" changed while it was read: left out")
    }
    var entry = entry
    entry.size = status.size
    try write(header(entry))
    var missing = Int(status.size)
    while missing > 0 {
      let part = read(file, min(missing, Packer.bufferSize))
      if part.bytes.isEmpty {
        // The header is out: the promised size has to be kept.
        Archive.warn("\"\(text(entry.path))\" became shorter while it was read")
        let zeroes = [UInt8](repeating: 0, count: min(missing, Packer.bufferSize))
        try write(zeroes)
        missing -= zeroes.count
      } else {
        try write(part.bytes)
        missing -= part.bytes.count
      }
    }
    try write([UInt8](repeating: 0, count: TarRules.padding(after: status.size)))
  }

  private func header(_ entry: TarEntry) throws(ArchiveError) -> [UInt8] {
    do {
      return try TarEncoder.header(entry)
    } catch {
      throw .tar(error)
    }
  }

  private mutating func write(_ bytes: [UInt8]) throws(ArchiveError) {
    buffer += bytes
    if buffer.count >= Packer.bufferSize { try flush() }
  }

  private mutating func flush() throws(ArchiveError) {
    do {
      try writeAll(1, buffer[...])
    } catch {
      throw .system(path: [], operation: "write the stream", errno: error.errno)
    }
    buffer.removeAll(keepingCapacity: true)
  }
}
