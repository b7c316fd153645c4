internal import Archives
internal import Glibc
package import Host
package import Vocabulary

/// An archive that a recipe fetched → files below a directory. Of what it says only names, contents,
/// links, times and who may execute what are taken: all belongs to 0:0, directories and what can be
/// executed are 0755, the rest 0644. Whatever the archive holds, nothing is written outside the
/// directory: no name leads out, and none through a link.
package final class ArchiveUnpacking {
  private let archive: String
  private let strip: Int
  private let date: SourceDate
  private let target: OwnedDescriptor
  /// Regular files that came, for hard links to them.
  private var files: Set<GuestPath> = []
  /// Directories that were made, with their times.
  private var directories: [GuestPath: Int64] = [:]

  /// - Parameters:
  ///   - strip: how many leading parts names lose; what has no more of them is left out.
  ///   - date: of directories that the archive does not mention.
  package init(
    _ archive: String, into target: consuming OwnedDescriptor, strip: Int, date: SourceDate
  ) {
    self.archive = archive
    self.target = target
    self.strip = strip
    self.date = date
  }

  package func run() throws {
    try ForeignArchive.forEachEntry(of: archive) { entry, data in
      do {
        try unpack(entry, data)
      } catch let error as HostError {
        throw explain(error, entry)
      }
      return true
    }
    // Last, and the inner ones first: making what is in them changed them.
    for (path, modified) in directories.sorted(by: { $1.key < $0.key }) {
      try target.setTimes(of: path.bytes, seconds: modified)
    }
  }

  private func unpack(_ entry: ArchiveEntry, _ data: ArchiveData) throws {
    guard let whole = entry.guestPath else { throw refusal(of: entry, "its name leads elsewhere") }
    guard let path = stripped(whole) else { return }
    let modified = max(0, entry.modified)
    if case .directory = entry.kind {
      try makeDirectory(path)
      if directories[path] != nil { directories[path] = modified }
      return
    }
    let above = path.parent ?? .root
    try makeDirectory(above)
    let name = Array(path.name)
    let directory =
      above.isRoot ? try target.duplicate() : try target.openBeneath(above.bytes, .directory)
    // As tar does: what comes later takes the place of what was there, but for directories.
    if try directory.statusIfPresent(of: name)?.kind == .directory {
      throw refusal(of: entry, "a directory stands in its place")
    }
    switch entry.kind {
    case .file:
      try directory.removeTree(name)
      try write(data, to: name, in: directory)
      files.insert(path)
      try directory.setOwner(of: name, uid: 0, gid: 0)
      try directory.setMode(of: name, entry.mode & 0o100 != 0 ? 0o755 : 0o644)
    case .symlink(let to):
      try directory.removeTree(name)
      files.remove(path)
      try directory.makeLink(target: to, at: name)
      try directory.setOwner(of: name, uid: 0, gid: 0)
    case .hardLink(let to):
      guard let first = GuestPath(to).flatMap(stripped), files.contains(first), first != path else {
        throw refusal(of: entry, "it is a link to what is no file of the archive")
      }
      try directory.removeTree(name)
      try target.hardLink(from: first.bytes, to: path.bytes)
      files.insert(path)
      return
    case .directory: return
    case .fifo, .socket, .characterDevice, .blockDevice:
      throw refusal(of: entry, "it is neither a file nor a directory nor a link")
    }
    try directory.setTimes(of: name, seconds: modified)
  }

  /// `nil` for what is left out.
  private func stripped(_ path: GuestPath) -> GuestPath? {
    let parts = path.parts.dropFirst(strip)
    if parts.isEmpty { return nil }
    return GuestPath(Array(parts.joined(separator: [UInt8(ascii: "/")])))
  }

  private func makeDirectory(_ path: GuestPath) throws {
    guard let above = path.parent, directories[path] == nil else { return }
    try makeDirectory(above)
    let directory =
      above.isRoot ? try target.duplicate() : try target.openBeneath(above.bytes, .directory)
    let name = Array(path.name)
    // What the image has stays as it is.
    if try directory.statusIfPresent(of: name)?.kind == .directory { return }
    try directory.makeDirectory(name, mode: 0o755)
    try directory.setMode(of: name, 0o755)
    try directory.setOwner(of: name, uid: 0, gid: 0)
    directories[path] = date.seconds
  }

  private func write(
    _ data: ArchiveData, to name: [UInt8], in directory: borrowing OwnedDescriptor
  ) throws {
    let file = try directory.openBeneath(name, .createExclusive(mode: 0o600))
    while true {
      let part = try data.read(upTo: 1 << 18)
      if part.isEmpty { return }
      try file.writeAll(part)
    }
  }

  private func refusal(of entry: ArchiveEntry, _ reason: String) -> BuildingError {
    .badArchive(entry: entry.printableName, reason: reason)
  }

  /// What the kernel says of a place that can't be, in words about the archive.
  private func explain(_ error: HostError, _ entry: ArchiveEntry) -> any Error {
    guard case .system(_, _, let number) = error else { return error }
    switch number {
    case ELOOP, ENOTDIR, EEXIST:
      return refusal(of: entry, "it lies below something that is no directory")
    default: return error
    }
  }
}
