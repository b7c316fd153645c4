internal import Glibc
package import Vocabulary

/// An error on its way to a person or a program.
package enum ErrorReport {
  /// `hutch: what happened` and, if there is one thing to try, `hint: …`.
  package static func text(_ error: any Error) -> String {
    let failure = error as? any Failure
    var text = "hutch: \(failure?.message ?? "\(error)")"
    if let hint = failure?.hint { text += "\nhint: \(hint)" }
    // Messages hold names out of archives and the last words of tools.
    return ProgressDisplay.cleanLines(text)
  }

  package static func json(_ error: any Error) -> JSON {
    let failure = error as? any Failure
    return .object([
      "hutch": .integer(1), "kind": .string("error"),
      "code": .string((failure?.kind ?? .failed).code),
      "message": .string(failure?.message ?? "\(error)"),
      "hint": .optional(failure?.hint), "path": .optional(failure?.path),
    ])
  }

  package static func status(of error: any Error) -> Int32 {
    (error as? any Failure)?.kind.rawValue ?? FailureKind.failed.rawValue
  }
}
