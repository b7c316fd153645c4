internal import GuestProtocol
package import Host
package import Vocabulary

/// What can go wrong between a directory of the host and the tree in a VM.
package enum WorkspacesError: Failure {
  case notADirectory(path: String)
  /// A system call on something in the workspace failed; `path` is relative to it.
  case system(operation: String, path: [UInt8], errno: Int32)
  /// A name or a link that the transfer has no form for.
  case cannotBeSent(path: [UInt8])
  case tooManyFiles(limit: Int)
  /// A file that `WorkspaceSnapshot.save` did not write, or not like this.
  case snapshot(path: String, reason: String)
  /// What came is not the tar stream of `docs/formats/guest.md`.
  case malformed(reason: String)
  /// Well-formed, and against the rules for changes.
  case refused(path: [UInt8], reason: ChangeRefusal)
  case changesTooLarge(limit: ByteCount)
  case tooManyChanges(limit: Int)
  /// `take` or `finish` after `finish`, or after an error.
  case changesClosed
  /// The stored changes are not what they were when they were loaded.
  case changesCut(path: String)
  /// What the VM changed was changed on the host too. Never empty.
  case conflict([WorkspaceConflict])
  case notWritable(path: [UInt8])
  /// Something that changes lies below a mount point.
  case otherFileSystem(path: [UInt8])
  case noSpace(needed: ByteCount, free: ByteCount)
  /// Somebody else applies changes to the directory.
  case busy(path: String)
  /// Applying stopped in the middle, at `path`.
  case incomplete(path: [UInt8], operation: String, errno: Int32)
  /// git on this machine would not; `said` is cleaned.
  case git(command: String, said: String)
  /// The commits of a VM are not let in.
  case gitRefused(GitRefusal)
  case notARepository(path: String)
  case branchExists(name: String)
  /// What the VM's commits build on is no longer in the repository, nor with them.
  case baseGone(commit: String)
  case host(HostError)

  package var kind: FailureKind {
    switch self {
    case .notADirectory, .notARepository, .cannotBeSent, .tooManyFiles: .badInput
    case .system(_, _, let errno), .incomplete(_, _, let errno):
      HostError.system(operation: "", path: "", errno: errno).kind == .noSpace
        ? .noSpace : .failed
    case .snapshot, .changesCut: .storeDamaged
    case .conflict, .busy, .branchExists: .inUse
    case .noSpace: .noSpace
    case .host(let error): error.kind
    case .malformed, .refused, .changesTooLarge, .tooManyChanges, .changesClosed, .notWritable,
      .otherFileSystem, .git, .gitRefused, .baseGone:
      .failed
    }
  }

  package var message: String {
    switch self {
    case .notADirectory(let path): "the workspace \"\(path)\" is not a directory"
    case .system(let operation, let path, let errno):
      "can't \(operation) \"\(PathText.of(path))\" in the workspace: \(HostError.text(of: errno))"
    case .cannotBeSent(let path):
      "\"\(PathText.of(path))\" has a path or a target that can't be sent to a VM"
    case .tooManyFiles(let limit): "the workspace holds more than \(limit) files"
    case .snapshot(let path, let reason): "\"\(path)\" is damaged: \(reason)"
    case .malformed(let reason): "what the VM sent as its changes is no archive: \(reason)"
    case .refused(let path, let reason):
      "the VM sent \"\(PathText.of(path))\", which is refused: \(reason)"
    case .changesTooLarge(let limit): "the VM's changes are larger than \(limit)"
    case .tooManyChanges(let limit): "the VM changed more than \(limit) files"
    case .changesClosed: "the VM's changes are already complete, or were refused"
    case .changesCut(let path): "\"\(path)\" became shorter while it was read"
    case .conflict(let conflicts): "the workspace changed meanwhile: " + Self.list(conflicts)
    case .notWritable(let path): "you may not change \"\(PathText.of(path))\" in the workspace"
    case .otherFileSystem(let path):
      "\"\(PathText.of(path))\" is on another file system than the workspace"
    case .noSpace(let needed, let free):
      "the changes need \(needed), and \(free) are free where the workspace is"
    case .busy(let path): "changes are being applied to \"\(path)\""
    case .incomplete(let path, let operation, let errno):
      "the changes are applied in part: can't \(operation) \"\(PathText.of(path))\": "
        + HostError.text(of: errno)
    case .git(let command, let said): "`\(command)` failed: \(said)"
    case .gitRefused(let reason): "the VM's commits are refused: \(reason)"
    case .notARepository(let path): "\"\(path)\" is in no work tree of git"
    case .branchExists(let name): "the branch \"\(name)\" exists already, and is not moved"
    case .baseGone(let commit):
      "the commit \(commit) that the VM's work builds on is no longer in the repository"
    case .host(let error): error.message
    }
  }

  package var hint: String? {
    switch self {
    case .system(_, _, let errno) where errno == 13 || errno == 1:
      "look at the owner and the mode"
    case .conflict: "compare the files; then discard the changes, or undo your own and apply again"
    case .notWritable: "look at the owner and the mode; nothing was changed"
    case .otherFileSystem: "unmount it, or take these files by hand; nothing was changed"
    case .noSpace: "make room; nothing was changed"
    case .incomplete: "apply them again once the cause is gone: what is done is not done twice"
    case .git: "`--workspace-mode copy` works without git"
    case .notARepository: "choose another directory, or `--workspace-mode copy`"
    case .branchExists(let name):
      "give it another name with `git branch -m \(name) NAME`, then try again"
    case .baseGone: "fetch that commit into the repository, then try again"
    case .host(let error): error.hint
    default: nil
    }
  }

  package var path: String? {
    switch self {
    case .notADirectory(let path), .snapshot(let path, _), .changesCut(let path), .busy(let path),
      .notARepository(let path):
      path
    case .system(_, let path, _), .cannotBeSent(let path), .refused(let path, _),
      .notWritable(let path), .otherFileSystem(let path), .incomplete(let path, _, _):
      PathText.of(path)
    case .host(let error): error.path
    default: nil
    }
  }

  private static func list(_ conflicts: [WorkspaceConflict]) -> String {
    let shown = conflicts.prefix(10).map { "\"\(PathText.of($0.path))\" \($0.reason)" }
    let rest = conflicts.count - shown.count
    return shown.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
  }
}

/// Why a member of a change set makes the whole set unusable: no honest guest sends it.
package enum ChangeRefusal: String, Sendable, CustomStringConvertible {
  case duplicate = "it comes twice"
  case belowNonDirectory = "it lies below something that is not a directory"
  case whiteoutName = "its name stands for a deletion of something that can't be deleted"
  case whiteoutContent = "a deletion is an empty file"
  case noParent = "too many directories on the way to such files are missing"
  case hardLinkTarget = "it is a hard link to no file before it"

  package var description: String { rawValue }
}

/// Runs what can fail on `path` and says so.
func at<Value: ~Copyable>(
  _ path: [UInt8], _ body: () throws(HostError) -> Value
) throws(WorkspacesError) -> Value {
  do {
    return try body()
  } catch {
    guard case .system(let operation, _, let errno) = error else { throw .host(error) }
    throw .system(operation: operation, path: path, errno: errno)
  }
}

extension WorkspacesError {
  /// An error of the codec, which names offsets and paths itself.
  static func decoding(_ error: TarError) -> WorkspacesError { .malformed(reason: "\(error)") }
}
