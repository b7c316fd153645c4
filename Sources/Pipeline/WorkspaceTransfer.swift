internal import Host
internal import Launch
internal import Vocabulary
internal import Workspaces

/// A directory of the host's whose copy a VM works on.
struct OutgoingWorkspace {
  /// Where the copy is inside.
  static let guestPath = "/workspace"

  /// Absolute.
  let directory: String
  private let archive: WorkspaceArchive

  /// Looks only whether it is one; nothing is read yet.
  init(directory: String) throws {
    guard let path = Files.canonical(directory), Files.isDirectory(path) else {
      throw PipelineError.workspaceNotADirectory(directory)
    }
    self.directory = path
    archive = try WorkspaceArchive(directory: path)
  }

  /// The names of what stays on the host: what was sent, and what came back.
  static func snapshot(in folder: String) -> String { folder + "/workspace.snapshot" }
  static func changes(in folder: String) -> String { folder + "/workspace.changes" }

  /// Sends the copy, and keeps in the VM's folder what was sent.
  func send(
    to folder: String, over link: any GuestLink, _ report: Reporter, _ timings: inout Timings
  ) throws {
    try report.stage("workspace in", &timings) {
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
    }
    for (path, reason) in archive.skipped {
      report(.note("not sent to the VM: \"\(Self.text(path))\" (\(reason.rawValue))"))
    }
    for path in archive.unsteady {
      report(.note("changed while it was sent to the VM: \"\(Self.text(path))\""))
    }
  }

  /// Fetches what differs from what was sent, into the VM's folder: from then on the host has it,
  /// whatever becomes of the VM.
  func fetchChanges(
    to folder: String, over link: any GuestLink, _ report: Reporter, _ timings: inout Timings
  ) throws -> WorkspaceChanges {
    try report.stage("workspace out", &timings) {
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
      return try WorkspaceChanges.load(
        path: Self.changes(in: folder), snapshot: archive.snapshot)
    }
  }

  /// A file's name for people: not every name is text.
  static func text(_ path: [UInt8]) -> String { TailBuffer.printable(path) }
}

extension WorkspaceChanges {
  /// "3 changed files", "1 changed file".
  var count: String { list.count == 1 ? "1 changed file" : "\(list.count) changed files" }
}
