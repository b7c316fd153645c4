internal import Host

/// A directory of the host, open, in which everything is reached without following any link.
final class WorkspaceTree {
  let top: OpenFolder
  /// Neighbours come one after the other, so one directory is enough to remember.
  private var last: (path: [UInt8], folder: OpenFolder)?

  init(_ directory: String) throws {
    guard Files.isDirectory(directory) else {
      throw WorkspacesError.notADirectory(path: directory)
    }
    top = OpenFolder(
      try at([]) { () throws(HostError) in try OwnedDescriptor.open(directory, .directory) })
  }

  /// nil if there is no directory of that path: nothing at all, something else, or something else
  /// on the way.
  func folder(_ path: [UInt8]) throws -> OpenFolder? {
    if path.isEmpty { return top }
    if let last, last.path == path { return last.folder }
    do {
      let folder = OpenFolder(try top.descriptor.openBeneath(path, .directory))
      last = (path, folder)
      return folder
    } catch {
      // ENOENT, ENOTDIR, ELOOP
      if case .system(_, _, let errno) = error, [2, 20, 40].contains(errno) { return nil }
      throw try at(path) { () throws(HostError) in throw error }
    }
  }

  /// nil if there is nothing of that path.
  func status(_ path: [UInt8]) throws -> FileStatus? {
    guard let folder = try folder(Paths.parent(path)) else { return nil }
    return try at(path) { () throws(HostError) in
      try folder.descriptor.statusIfPresent(of: Paths.name(path))
    }
  }

  /// nil if it is no symbolic link (any more).
  func target(_ path: [UInt8]) throws -> [UInt8]? {
    guard let folder = try folder(Paths.parent(path)) else { return nil }
    return try? folder.descriptor.readLink(Paths.name(path))
  }

  func names(_ path: [UInt8]) throws -> [[UInt8]] {
    guard let folder = try folder(path) else { return [] }
    return try at(path) { () throws(HostError) in try folder.descriptor.entries() }
  }

  /// Whether the directory and all on the way to it is on the mount of the top, so that files can
  /// be renamed from there to here.
  func isOnSameMount(_ path: [UInt8]) throws -> Bool {
    if path.isEmpty { return true }
    let inside: OpenFolder
    do {
      inside = OpenFolder(try top.descriptor.openBeneath(path, .directory, sameMount: true))
    } catch {
      // EXDEV
      if case .system(_, _, 18) = error { return false }
      throw try at(path) { () throws(HostError) in throw error }
    }
    // A subvolume is no mount point, and has a device number of its own.
    let devices = try at(path) { () throws(HostError) in
      (try inside.descriptor.status().device, try top.descriptor.status().device)
    }
    return devices.0 == devices.1
  }
}
