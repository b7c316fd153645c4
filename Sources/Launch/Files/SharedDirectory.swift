internal import GuestProtocol
internal import Host
internal import Vocabulary

/// A directory of the user's, mode 0700, with the files of one log-in that VMs share. Several
/// processes have it open at once; each file is replaced as a whole.
package final class SharedDirectory {
  package let path: String
  private let directory: OwnedDescriptor
  /// A user has few of these for all programs (`fs.inotify.max_user_instances`, 128): without one the
  /// directory is looked at now and then.
  private var watch: OwnedDescriptor?

  /// Makes it if it is not there. Refused where others could get at it.
  package init(_ path: String) throws {
    self.path = path
    if Files.status(path) == nil { try Files.makeDirectories(path, mode: 0o700) }
    directory = try OwnedDescriptor.open(path, .directory)
    watch = try? directory.watchEntries()
    let status = try directory.status()
    guard isThere, status.uid == HostEnvironment.current.userID, status.mode & 0o077 == 0 else {
      throw LaunchError.unsafeDirectory(path: path)
    }
    try removeLeftovers()
  }

  /// Readable when something has changed in it; -1 where nothing tells of that.
  var changes: Int32 {
    guard let raw = watch?.raw else { return -1 }
    return raw
  }

  func forgetChanges() { watch?.forgetEvents() }

  /// Whether its path still leads to it: whoever ends a log-in moves it away.
  var isThere: Bool {
    guard let here = Files.status(path), let open = try? directory.status() else { return false }
    return here.inode == open.inode && here.device == open.device && here.kind == .directory
  }

  /// What a file holds; `nil` if there is none, or none that can be shared. Links are not followed.
  package func read(_ file: String) -> [UInt8]? {
    guard let open = try? directory.openBeneath(Self.name(of: file), .readWithoutWaiting),
      let status = try? open.status(), status.kind == .regular,
      let bytes = try? open.readAll(limit: SharedFile.largest), !bytes.isEmpty
    else { return nil }
    return bytes
  }

  /// Whoever reads sees the old contents or the new ones, also after a crash.
  func write(_ bytes: [UInt8], to file: String) throws {
    let aside = Self.mark + Array(Hex.encode(Randomness.bytes(6)).utf8)
    do {
      let open = try directory.openBeneath(aside, .createExclusive(mode: 0o600))
      // Whatever the process's mask is.
      try directory.setMode(of: aside, 0o600)
      try open.writeAll(bytes)
      try open.sync()
      try directory.rename(aside, to: Self.name(of: file), replacing: true)
      try directory.sync()
    } catch {
      try? directory.unlink(aside)
      throw error
    }
  }

  /// Ends the log-in: VMs that share it lose its files, and what they still say is not heard. False
  /// if there was none.
  package static func remove(_ path: String) throws -> Bool {
    guard Files.status(path) != nil else { return false }
    // First all at once, so that nobody puts a new file into what is being removed.
    let aside = "\(path).\(Hex.encode(Randomness.bytes(6))).removed"
    try Files.rename(path, to: aside, replacing: false)
    try Files.removeTree(aside)
    return true
  }

  // MARK: Names

  /// Begins no name of a file: there `%` is followed by two digits.
  private static let mark = Array("%new-".utf8)

  /// The files stand beside each other, so that one directory is all there is to watch and to
  /// protect: `/` is written `%2F`, and `%` is `%25`.
  package static func name(of file: String) -> [UInt8] {
    file.utf8.flatMap { byte -> [UInt8] in
      switch byte {
      case UInt8(ascii: "/"): Array("%2F".utf8)
      case UInt8(ascii: "%"): Array("%25".utf8)
      default: [byte]
      }
    }
  }

  /// What a process left that ended while it wrote; what somebody writes now is younger.
  private func removeLeftovers() throws {
    for name in try directory.entries() where name.starts(with: Self.mark) {
      guard let status = try directory.statusIfPresent(of: name),
        status.modified < Clock.now() - 60
      else { continue }
      try? directory.unlink(name)
    }
  }
}
