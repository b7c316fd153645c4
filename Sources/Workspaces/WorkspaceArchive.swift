internal import GuestProtocol
internal import Host

/// A host directory on its way into a VM: a tar stream in the form of `docs/formats/guest.md`,
/// made while it is asked for.
///
/// Each directory is listed sorted by bytes, a directory before its content; the top itself has no
/// entry. Kept are modes, modification times with their fraction, symbolic links as they are, and
/// hard links between files of the tree. Holds one piece, the names of the directories on the way
/// to the current one, and the snapshot.
package final class WorkspaceArchive {
  /// Why an entry is not in the archive.
  package enum SkipReason: String, Sendable {
    case socket, fifo, device
    /// Its name begins with `.wh.`, which stands for a deletion on the way back.
    case whiteoutName = "whiteout-name"
    /// What is left of applying changes that was killed.
    case staging
  }

  /// What was sent, as it was then. Complete once `next` gave an empty piece.
  package private(set) var snapshot = WorkspaceSnapshot()
  /// What is there and was not sent, in order.
  package private(set) var skipped: [(path: [UInt8], reason: SkipReason)] = []
  /// Files that somebody wrote to while they were read: what was sent may be a mixture. One that
  /// became shorter was filled up with zeroes.
  package private(set) var unsteady: [[UInt8]] = []
  /// Regular files that were begun, and bytes of the archive that were given out.
  package private(set) var fileCount = 0
  package private(set) var byteCount: UInt64 = 0

  private let top: OpenFolder
  /// What is taken; nil for all of it.
  private let selection: ArchiveSelection?
  /// From the top to the directory whose entries come next.
  private var walk: [Level] = []
  private var file: OpenFile?
  /// Made but not given out yet.
  private var buffer: [UInt8] = []
  private var isOver = false
  /// Where files with several names were sent first.
  private var firstPaths: [FileIdentity: [UInt8]] = [:]

  /// So many directories of the way are kept open; those above are opened again when needed.
  private static let openLevels = 64

  private struct Level {
    var path: [UInt8]
    var names: [[UInt8]]
    var next = 0
    var folder: OpenFolder?
    /// In a repository of ours, which is no part of the directory.
    var isOurs = false
  }

  private struct FileIdentity: Hashable {
    var device: UInt64
    var inode: UInt64
  }

  private final class OpenFile {
    let opened: OpenFolder
    let path: [UInt8]
    let status: FileStatus
    var missing: UInt64

    init(_ opened: OpenFolder, path: [UInt8], status: FileStatus) {
      self.opened = opened
      self.path = path
      self.status = status
      missing = UInt64(clamping: status.size)
    }
  }

  /// What is sent of the top, under another name.
  private let only: (name: [UInt8], sentAs: [UInt8])?

  /// - Parameters:
  ///   - directory: may be a link to one.
  ///   - only: the one name in it that is sent, with what is below it, and the name that it gets.
  package convenience init(
    directory: String, only: (name: [UInt8], sentAs: [UInt8])? = nil
  ) throws {
    try self.init(directory: directory, only: only, selection: nil)
  }

  /// Of the user's files those that git knows, with a repository of ours at `.git`.
  package convenience init(directory: String, files: GitFiles, repository: GitPlace) throws {
    try self.init(
      directory: directory, only: nil,
      selection: ArchiveSelection(files.paths, repository: repository.path))
  }

  private init(
    directory: String, only: (name: [UInt8], sentAs: [UInt8])?, selection: ArchiveSelection?
  ) throws {
    guard Files.isDirectory(directory) else {
      throw WorkspacesError.notADirectory(path: directory)
    }
    let top = OpenFolder(
      try at([]) { () throws(HostError) in try OwnedDescriptor.open(directory, .directory) })
    var names: [[UInt8]]
    if let only {
      names = [only.name]
    } else {
      names = try at([]) { () throws(HostError) in try top.descriptor.entries() }
    }
    if selection != nil {
      // Whatever is there by that name, or not.
      let others = names.filter { $0 != ArchiveSelection.repositoryName }
      names = (others + [ArchiveSelection.repositoryName]).sorted {
        $0.lexicographicallyPrecedes($1)
      }
    }
    self.top = top
    self.only = only
    self.selection = selection
    walk = [Level(path: [], names: names, folder: top)]
  }

  /// The next bytes: 1 to `most`, none at the end.
  ///
  /// - Throws: what names a file that can't be read or sent; the archive is of no use then.
  package func next(_ most: Int) throws -> [UInt8] {
    precondition(most > 0, "a piece has at least one byte")
    while buffer.count < most, !isOver {
      if let file {
        try read(file, most - buffer.count)
      } else {
        try step()
      }
    }
    let piece = [UInt8](buffer.prefix(most))
    buffer.removeFirst(piece.count)
    byteCount += UInt64(piece.count)
    return piece
  }

  /// One entry, or one directory left, or the end.
  private func step() throws {
    guard let level = walk.last else {
      buffer += TarEncoder.end
      isOver = true
      return
    }
    guard level.next < level.names.count else {
      walk.removeLast()
      return
    }
    walk[walk.count - 1].next += 1
    let name = level.names[level.next]
    let path = Paths.join(level.path, name)
    if let selection, path == ArchiveSelection.repositoryName {
      return try begin(repository: selection.repository, path)
    }
    let folder = try folder(at: walk.count - 1)
    // What vanished since it was listed was never there.
    guard
      let status = try at(
        path, { () throws(HostError) in try folder.descriptor.statusIfPresent(of: name) })
    else { return }
    if let selection, !level.isOurs,
      !selection.takes(path, isDirectory: status.kind == .directory)
    {
      return
    }
    if name.starts(with: TarEntry.whiteoutPrefix) { return skip(path, .whiteoutName) }
    if path == WorkspaceStaging.name { return skip(path, .staging) }
    switch status.kind {
    case .directory: try begin(directory: path, name, folder)
    case .symlink: try send(link: path, name, folder, status)
    case .regular: try begin(file: path, name, folder, status)
    case .socket: skip(path, .socket)
    case .fifo: skip(path, .fifo)
    case .characterDevice, .blockDevice: skip(path, .device)
    }
  }

  private func skip(_ path: [UInt8], _ reason: SkipReason) {
    skipped.append((path, reason))
  }

  private func folder(at depth: Int) throws -> OpenFolder {
    if let folder = walk[depth].folder { return folder }
    let path = walk[depth].path
    let folder = OpenFolder(
      try at(path) { () throws(HostError) in
        try top.descriptor.openBeneath(path, .directory)
      })
    walk[depth].folder = folder
    return folder
  }

  private func begin(directory path: [UInt8], _ name: [UInt8], _ parent: OpenFolder) throws {
    guard let folder = try open(path, name, parent, .directory) else { return }
    let status = try at(path) { () throws(HostError) in try folder.descriptor.status() }
    let names = try at(path) { () throws(HostError) in try folder.descriptor.entries() }
    try send(.init(path: path, kind: .directory, status: status))
    // All above can be reached from the top again.
    let depth = walk.count - Self.openLevels
    if depth > 0 { walk[depth].folder = nil }
    let isOurs = walk.last?.isOurs ?? false
    walk.append(Level(path: path, names: names, folder: folder, isOurs: isOurs))
  }

  private func begin(repository: String, _ path: [UInt8]) throws {
    let folder = OpenFolder(
      try at(path) { () throws(HostError) in try OwnedDescriptor.open(repository, .directory) })
    let status = try at(path) { () throws(HostError) in try folder.descriptor.status() }
    let names = try at(path) { () throws(HostError) in try folder.descriptor.entries() }
    try send(.init(path: path, kind: .directory, status: status))
    walk.append(Level(path: path, names: names, folder: folder, isOurs: true))
  }

  private func send(
    link path: [UInt8], _ name: [UInt8], _ folder: OpenFolder, _ status: FileStatus
  ) throws {
    do {
      let target = try folder.descriptor.readLink(name)
      try send(.init(path: path, kind: .symbolicLink, status: status, target: target))
    } catch let error as HostError {
      // No link any more (EINVAL), or nothing (ENOENT).
      if case .system(_, _, let errno) = error, errno == 22 || errno == 2 { return }
      throw try at(path) { () throws(HostError) in throw error }
    }
  }

  private func begin(
    file path: [UInt8], _ name: [UInt8], _ folder: OpenFolder, _ listed: FileStatus
  ) throws {
    guard let opened = try open(path, name, folder, .readWithoutWaiting) else { return }
    let status = try at(path) { () throws(HostError) in try opened.descriptor.status() }
    // Something else took its place after it was looked at.
    guard status.kind == .regular else { return skip(path, .device) }
    let identity = FileIdentity(device: status.device, inode: status.inode)
    let entry = WorkspaceSnapshot.Entry(path: path, kind: .file, status: status)
    fileCount += 1
    if status.links > 1 {
      if let first = firstPaths[identity] { return try send(entry, hardLinkTo: first) }
      firstPaths[identity] = path
    }
    try send(entry)
    file = OpenFile(opened, path: path, status: status)
  }
}

extension WorkspaceArchive {
  /// nil if there is nothing (of that kind) of that name any more.
  private func open(
    _ path: [UInt8], _ name: [UInt8], _ folder: OpenFolder, _ mode: OpenMode
  ) throws -> OpenFolder? {
    do {
      return OpenFolder(try folder.descriptor.openBeneath(name, mode))
    } catch {
      // ENOENT, ENXIO (a socket), ENOTDIR, ELOOP
      if case .system(_, _, let errno) = error, [2, 6, 20, 40].contains(errno) { return nil }
      throw try at(path) { () throws(HostError) in throw error }
    }
  }

  private func send(_ entry: WorkspaceSnapshot.Entry, hardLinkTo first: [UInt8]? = nil) throws {
    guard snapshot.entries.count < WorkspaceSnapshot.entryLimit else {
      throw WorkspacesError.tooManyFiles(limit: WorkspaceSnapshot.entryLimit)
    }
    let kind: TarKind =
      switch entry.kind {
      case .file: first == nil ? .regular : .hardLink
      case .directory: .directory
      case .symbolicLink: .symbolicLink
      }
    let header = TarEntry(
      path: sent(entry.path), kind: kind, mode: entry.mode, size: first == nil ? entry.size : 0,
      modified: entry.modified, modifiedNanoseconds: entry.modifiedNanoseconds,
      target: first.map(sent) ?? entry.target)
    do {
      buffer += try TarEncoder.header(header)
    } catch {
      throw WorkspacesError.cannotBeSent(path: entry.path)
    }
    snapshot.entries.append(entry)
  }

  /// The path as the receiver gets it.
  private func sent(_ path: [UInt8]) -> [UInt8] {
    guard let only else { return path }
    return only.sentAs + path.dropFirst(only.name.count)
  }

  /// Content of the file, never more than its header promised.
  private func read(_ file: OpenFile, _ room: Int) throws {
    if file.missing > 0 {
      let most = Int(min(file.missing, UInt64(room)))
      let part = try at(file.path) { () throws(HostError) in
        try file.opened.descriptor.read(upTo: most)
      }
      // The header is out: where the file ends early, its promise is kept with zeroes.
      let bytes = part.isEmpty ? [UInt8](repeating: 0, count: most) : part
      buffer += bytes
      file.missing -= UInt64(bytes.count)
    }
    guard file.missing == 0 else { return }
    buffer += [UInt8](repeating: 0, count: TarRules.padding(after: UInt64(file.status.size)))
    let now = try at(file.path) { () throws(HostError) in try file.opened.descriptor.status() }
    let before = file.status
    if now.size != before.size || now.modified != before.modified
      || now.modifiedNanoseconds != before.modifiedNanoseconds
    {
      unsteady.append(file.path)
    }
    self.file = nil
  }
}

/// An open directory, or file, that several may hold.
final class OpenFolder: Sendable {
  let descriptor: OwnedDescriptor

  init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }
}
