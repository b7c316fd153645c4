package import Host
package import Vocabulary

package enum BuildingError: Failure {
  /// `what` is the command as the recipe has it, `tail` the end of what it said.
  case stepFailed(what: String, status: ExitStatus, tail: String)
  case stepTimedOut(what: String, seconds: Int)
  /// A parent of the place to copy to is something else than a directory.
  case notADirectory(GuestPath)
  case copiedFileChanged(path: String)
  /// An archive that a recipe fetched, and the entry that can't be taken.
  case badArchive(entry: String, reason: String)
  case unexpectedAnswer(String)
  case host(HostError)
  /// What a worker met, in its own words.
  case worker(message: String, kind: FailureKind, hint: String?)

  package var kind: FailureKind {
    switch self {
    case .host(let error): error.kind
    case .worker(_, let kind, _): kind
    case .copiedFileChanged, .notADirectory, .badArchive: .badInput
    default: .failed
    }
  }

  package var message: String {
    switch self {
    case .stepFailed(let what, let status, let tail):
      "\"\(what)\" \(status)"
        + (tail.isEmpty
          ? "" : "\n" + tail.split(separator: "\n").map { "  " + $0 }.joined(separator: "\n"))
    case .stepTimedOut(let what, let seconds): "\"\(what)\" did not end within \(seconds) s"
    case .notADirectory(let path): "can't copy below \"\(path)\": it is not a directory"
    case .copiedFileChanged(let path): "\"\(path)\" changed while it was being copied"
    case .badArchive(let entry, let reason): "\"\(entry)\" can't be unpacked: \(reason)"
    case .unexpectedAnswer(let text): "a build worker gave an answer that makes no sense: \(text)"
    case .host(let error): error.message
    case .worker(let message, _, _): message
    }
  }

  package var hint: String? {
    switch self {
    case .stepFailed:
      "look inside with `hutch build --shell-on-failure RECIPE`; nothing of the step was kept"
    case .stepTimedOut: "give the step a larger `timeout`"
    case .host(let error): error.hint
    case .worker(_, _, let hint): hint
    default: nil
    }
  }

  package var path: String? {
    switch self {
    case .copiedFileChanged(let path): path
    case .host(let error): error.path
    default: nil
    }
  }
}
