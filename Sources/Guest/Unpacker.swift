import CGuest
import GuestProtocol

/// Makes files from the events of a tar stream.
struct Unpacker {
  private let top: Folder
  private let uid: UInt32
  private let gid: UInt32
  /// The open directories from the top to where the last member was.
  private var open: [(name: [UInt8], folder: Folder)] = []
  /// Where content goes.
  private var file: Int32 = -1
  private var entry = TarEntry(path: [], kind: .directory, mode: 0)
  private var missing: UInt64 = 0
  /// Directories get their times once nothing more is put into them.
  private var directories: [TarEntry] = []
  /// Kept for `Archive`.
  var failure: ArchiveError?

  private static let slash = UInt8(ascii: "/")

  init(_ top: Folder, uid: UInt32, gid: UInt32) {
    self.top = top
    self.uid = uid
    self.gid = gid
  }

  mutating func take(_ event: TarEvent) throws(ArchiveError) {
    switch event {
    case .entry(let entry): try make(entry)
    case .content(let bytes):
      do {
        try writeAll(file, bytes)
      } catch {
        throw .system(path: entry.path, operation: "write", errno: error.errno)
      }
      missing -= UInt64(bytes.count)
      if missing == 0 { try closeFile() }
    case .end: break
    }
  }

  /// Sets what had to wait.
  mutating func finish() throws(ArchiveError) {
    for entry in directories.reversed() {
      let (folder, name) = try place(entry.path, making: false)
      let mode = unsafe guest_chmod_at(folder.descriptor, c(name), entry.mode)
      try folder.check(mode, "set the mode of", name)
      try setTime(folder, name, entry)
    }
    open = []
  }

  private mutating func make(_ entry: TarEntry) throws(ArchiveError) {
    if let deleted = entry.deletedPath {
      let (folder, name) = try place(deleted, making: false)
      let plain = !name.isEmpty && name != [UInt8](".".utf8) && name != [UInt8]("..".utf8)
      guard plain, entry.kind == .regular, entry.size == 0 else {
        throw .tar(.whiteout(path: entry.path))
      }
      return try folder.remove(name)
    }
    let (folder, name) = try place(entry.path, making: true)
    switch entry.kind {
    case .directory: try makeDirectory(entry, folder, name)
    case .regular:
      try folder.remove(name)
      file = unsafe guest_create_file_at(folder.descriptor, c(name), 0o600)
      try folder.check(file, "create", name)
      self.entry = entry
      missing = entry.size
      if missing == 0 { try closeFile() }
    case .symbolicLink:
      try folder.remove(name)
      let made = unsafe guest_symlink_at(c(entry.target), folder.descriptor, c(name))
      try folder.check(made, "create", name)
      try own(folder, name)
      try setTime(folder, name, entry)
    case .hardLink:
      try makeHardLink(entry, folder, name)
    }
  }

  private mutating func makeDirectory(
    _ entry: TarEntry, _ folder: Folder, _ name: [UInt8]
  ) throws(ArchiveError) {
    if name != [UInt8](".".utf8) {
      if let status = folder.status(name), Int(status.kind) != GUEST_DIRECTORY {
        try folder.remove(name)
      }
      let made = unsafe guest_mkdir_at(folder.descriptor, c(name), 0o700)
      if made != -Errno.exists { try folder.check(made, "make", name) }
    }
    try own(folder, name)
    directories.append(entry)
  }

  private mutating func makeHardLink(
    _ entry: TarEntry, _ folder: Folder, _ name: [UInt8]
  ) throws(ArchiveError) {
    // `place` moves on, but `folder` stays open as long as it is held here.
    let (source, sourceName) = try place(entry.target, making: false)
    guard let status = source.status(sourceName), Int(status.kind) == GUEST_REGULAR else {
      throw .tar(.target(path: entry.path))
    }
    if entry.path == entry.target { return }
    try folder.remove(name)
    let made = unsafe guest_link_at(
      source.descriptor, c(sourceName), folder.descriptor, c(name))
    try folder.check(made, "link", name)
  }

  private mutating func closeFile() throws(ArchiveError) {
    _ = guest_close(file)
    file = -1
    let (folder, name) = try place(entry.path, making: false)
    try own(folder, name)
    let mode = unsafe guest_chmod_at(folder.descriptor, c(name), entry.mode)
    try folder.check(mode, "set the mode of", name)
    try setTime(folder, name, entry)
  }

  private func own(_ folder: Folder, _ name: [UInt8]) throws(ArchiveError) {
    try folder.check(
      unsafe guest_chown_at(folder.descriptor, c(name), uid, gid), "set the owner of", name)
  }

  private func setTime(
    _ folder: Folder, _ name: [UInt8], _ entry: TarEntry
  ) throws(ArchiveError) {
    let set = unsafe guest_set_time_at(
      folder.descriptor, c(name), entry.modified, entry.modifiedNanoseconds)
    try folder.check(set, "set the time of", name)
  }

  /// The open directory that holds `path`, and the name in it; `.` for the top itself.
  private mutating func place(
    _ path: [UInt8], making: Bool
  ) throws(ArchiveError) -> (Folder, [UInt8]) {
    guard !path.isEmpty else { return (top, [UInt8](".".utf8)) }
    let parts = path.split(separator: Unpacker.slash)
    let parents = parts.dropLast()
    var depth = 0
    while depth < open.count, depth < parents.count,
      parents[depth].elementsEqual(open[depth].name)
    { depth += 1 }
    open.removeSubrange(depth...)
    for part in parents[depth...] {
      let folder = open.last?.folder ?? top
      if making {
        let made = unsafe guest_mkdir_at(folder.descriptor, c(part), 0o755)
        if made == 0 { try own(folder, [UInt8](part)) }
      }
      open.append(([UInt8](part), try folder.folder(part)))
    }
    return (open.last?.folder ?? top, [UInt8](parts[parents.count]))
  }
}
