internal import Host
internal import Launch
internal import Vocabulary
internal import Workspaces

/// How a directory goes into a VM and what comes back.
package enum WorkspaceMode: String, Sendable, CaseIterable {
  /// What git knows of it; what comes back is a branch.
  case git
  /// All of it; what comes back are changes of files.
  case copy
}

/// A directory of the host's whose copy a VM works on.
struct OutgoingWorkspace {
  /// Where the copy is inside.
  static let guestPath = "/workspace"

  /// Absolute; of a repository, the top of its work tree.
  let directory: String
  let repository: GitRepository?
  private let history: GitHistory

  /// Looks what it is; nothing is read yet.
  ///
  /// - Parameter mode: nil for git where the directory is a part of a work tree, else a copy.
  init(
    directory: String, mode: WorkspaceMode? = .copy, history: GitHistory = GitHistory()
  ) throws {
    guard let path = Files.canonical(directory), Files.isDirectory(path) else {
      throw PipelineError.workspaceNotADirectory(directory)
    }
    repository = try Self.repository(path, mode)
    self.directory = repository?.top ?? path
    self.history = history
  }

  private static func repository(_ path: String, _ mode: WorkspaceMode?) throws -> GitRepository? {
    switch mode {
    case .copy: return nil
    case .git:
      guard let found = try GitRepository.find(path) else {
        throw WorkspacesError.notARepository(path: path)
      }
      return found
    case nil:
      guard Processes.find("git") != nil, let found = try GitRepository.find(path),
        try found.holdsWorkspace
      else { return nil }
      return found
    }
  }

  /// Where a command starts inside.
  var start: String {
    guard let prefix = repository?.prefix, !prefix.isEmpty else { return Self.guestPath }
    return Self.guestPath + "/" + prefix
  }

  /// What the catalog remembers of it.
  var details: [String: JSON] {
    var details: [String: JSON] = ["workspace": .string(directory)]
    if repository != nil {
      details["workspace_mode"] = .string(WorkspaceMode.git.rawValue)
      details["workspace_start"] = .string(start)
    }
    return details
  }

  /// The names of what stays on the host: what was sent, and what came back.
  static func snapshot(in folder: String) -> String { folder + "/workspace.snapshot" }
  static func changes(in folder: String) -> String { folder + "/workspace.changes" }

  static func repository(in folder: String) -> String { folder + "/workspace.git" }

  struct SentRepository {
    var place: GitPlace
    var files: GitFiles
  }

  /// What went in: needed to make sense of what comes back.
  struct Sent {
    var snapshot: WorkspaceSnapshot
    var repository: SentRepository?
  }

  /// Sends the copy, and keeps in the VM's folder what was sent.
  func send(
    to folder: String, over link: any GuestLink, _ report: Reporter, _ timings: inout Timings
  ) throws -> Sent {
    let (archive, repository) = try report.stage("workspace in", &timings) {
      let (archive, repository) = try open(in: folder, report)
      var sent: Int64 = 0
      let outcome = try link.sendTree(to: Array(Self.guestPath.utf8), remembers: true) { most in
        let piece = try archive.next(most)
        sent += Int64(piece.count)
        report(.bytes(done: ByteCount(sent), total: nil))
        return piece
      }
      guard outcome.isSuccess else {
        throw PipelineError.workspaceTransfer(
          what: "sent to", reason: TailBuffer.printable(outcome.messages.utf8))
      }
      try archive.snapshot.save(to: Self.snapshot(in: folder))
      try repository?.place.remember()
      return (archive, repository)
    }
    for (path, reason) in archive.skipped {
      report(.note("not sent to the VM: \"\(Self.text(path))\" (\(reason.rawValue))"))
    }
    for path in archive.unsteady {
      report(.note("changed while it was sent to the VM: \"\(Self.text(path))\""))
    }
    return Sent(snapshot: archive.snapshot, repository: repository)
  }

  private func open(
    in folder: String, _ report: Reporter
  ) throws -> (WorkspaceArchive, SentRepository?) {
    guard let repository else { return (try WorkspaceArchive(directory: directory), nil) }
    let files = try GitFiles(repository)
    let place = try GitPlace.make(
      at: Self.repository(in: folder), from: repository, history: history)
    try place.unwatch(files.unwatched)
    for path in files.nested {
      report(.note("not sent to the VM: \"\(Self.text(path))\" (a repository of its own)"))
    }
    return (
      try WorkspaceArchive(directory: directory, files: files, repository: place),
      SentRepository(place: place, files: files)
    )
  }

  /// Fetches what differs from what was sent, into the VM's folder: from then on the host has it,
  /// whatever becomes of the VM.
  func fetchChanges(
    _ sent: Sent, to folder: String, over link: any GuestLink, _ report: Reporter
  ) throws -> WorkspaceChanges {
    let writer = try ChangesWriter(path: Self.changes(in: folder))
    let outcome = try link.receiveTree(
      from: Array(Self.guestPath.utf8), onlyChanges: true
    ) { bytes in
      try writer.take(bytes)
      report(.bytes(done: ByteCount(Int64(clamping: writer.byteCount)), total: nil))
    }
    let said = TailBuffer.printable(outcome.messages.utf8)
    guard outcome.isSuccess else {
      throw PipelineError.workspaceTransfer(what: "fetched from", reason: said)
    }
    try writer.finish()
    for line in said.split(separator: "\n") { report(.note("the VM says: \(line)")) }
    return try WorkspaceChanges.load(path: Self.changes(in: folder), snapshot: sent.snapshot)
  }

  /// A file's name for people: not every name is text.
  static func text(_ path: [UInt8]) -> String { TailBuffer.printable(path) }
}

extension WorkspaceWork {
  /// "3 changed files", "1 commit".
  var count: String {
    switch self {
    case .files(let changes): Self.plural(changes.list.count, "changed file")
    case .branch(let changes):
      changes.commitCount == 0
        ? "an older commit" : Self.plural(changes.commitCount, "commit")
    }
  }

  private static func plural(_ count: Int, _ noun: String) -> String {
    count == 1 ? "1 \(noun)" : "\(count) \(noun)s"
  }
}
