package import Host
package import Vocabulary

package enum BuildingError: Failure {
  /// `what` is the command as the recipe has it, `tail` the end of what it said.
  case stepFailed(what: String, status: ExitStatus, tail: String)
  /// It wanted more of the machine than it may have.
  case stepBeyondLimit(what: String, excess: ControlGroup.Excess, limits: ControlGroup.Limits)
  case stepTimedOut(what: String, seconds: Int)
  /// A parent of the place to copy to is something else than a directory.
  case notADirectory(GuestPath)
  case copiedFileChanged(path: String)
  /// Never empty. The secrets themselves are in no message.
  case holdsSecrets([SealFinding])
  case unexpectedAnswer(String)
  case host(HostError)
  /// What a worker met, in its own words.
  case worker(message: String, kind: FailureKind, hint: String?)

  package var kind: FailureKind {
    switch self {
    case .host(let error): error.kind
    case .worker(_, let kind, _): kind
    case .copiedFileChanged, .notADirectory, .holdsSecrets: .badInput
    default: .failed
    }
  }

  package var message: String {
    switch self {
    case .stepFailed(let what, let status, let tail):
      "\"\(what)\" \(status)"
        + (tail.isEmpty
          ? "" : "\n" + tail.split(separator: "\n").map { "  " + $0 }.joined(separator: "\n"))
    case .stepBeyondLimit(let what, .memory, let limits):
      "\"\(what)\" was ended: it needed more than \(limits.memory) of memory"
    case .stepBeyondLimit(let what, .processes, let limits):
      "\"\(what)\" was ended: it started more than \(limits.processes) processes"
    case .stepTimedOut(let what, let seconds): "\"\(what)\" did not end within \(seconds) s"
    case .notADirectory(let path): "can't copy below \"\(path)\": it is not a directory"
    case .copiedFileChanged(let path): "\"\(path)\" changed while it was being copied"
    case .holdsSecrets(let findings):
      "what looks like a secret is in its layer, which was not kept"
        + findings.prefix(20).map { "\n  \"\($0.path)\": \($0.reason) (\($0.rule))" }.joined()
        + (findings.count > 20 ? "\n  and \(findings.count - 20) more" : "")
    case .unexpectedAnswer(let text): "a build worker gave an answer that makes no sense: \(text)"
    case .host(let error): error.message
    case .worker(let message, _, _): message
    }
  }

  package var hint: String? {
    switch self {
    case .stepFailed:
      "look inside with `hutch build --shell-on-failure RECIPE`; nothing of the step was kept"
    case .stepBeyondLimit(_, .memory, _):
      "a step may have three quarters of the machine's memory, with all that it writes to /tmp"
    case .stepBeyondLimit(_, .processes, _): "let it do less at once"
    case .stepTimedOut: "give the step a larger `timeout`"
    case .holdsSecrets(let findings):
      if findings.contains(where: \.isHandedIn) {
        "use the secret in the step without writing it to a file that stays"
      } else {
        "remove it at the end of the step; if it is no secret, say so in the recipe: "
          + "[[seal.allow]] with path = \"\(findings[0].path)\" and a reason"
      }
    case .host(let error): error.hint
    case .worker(_, _, let hint): hint
    default: nil
    }
  }

  package var path: String? {
    switch self {
    case .copiedFileChanged(let path): path
    case .holdsSecrets(let findings): findings[0].path.description
    case .host(let error): error.path
    default: nil
    }
  }
}
