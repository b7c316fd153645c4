/// How a failure ends a command: the exit statuses of every verb but `run`, `exec` and `shell`.
/// The raw value is the status.
package enum FailureKind: Int32, Sendable {
  case failed = 1
  case usage = 2
  case notFound = 3
  case inUse = 4
  case badInput = 5
  case verificationDiffers = 6
  case fetchFailed = 7
  case noSpace = 8
  case missingHostTool = 9
  case storeDamaged = 10
  case interrupted = 130

  /// As it stands in `code` of a JSON error: lower-kebab.
  package var code: String {
    switch self {
    case .failed: "failed"
    case .usage: "usage"
    case .notFound: "not-found"
    case .inUse: "in-use"
    case .badInput: "bad-input"
    case .verificationDiffers: "verification-differs"
    case .fetchFailed: "fetch-failed"
    case .noSpace: "no-space"
    case .missingHostTool: "missing-host-tool"
    case .storeDamaged: "store-damaged"
    case .interrupted: "interrupted"
    }
  }
}

/// An error that can tell a person what happened. Every leaf target has one closed enum that
/// conforms to it; its cases carry the path, digest or line that they are about.
package protocol Failure: Error, CustomStringConvertible {
  var kind: FailureKind { get }
  /// One sentence: lower case, no full stop, the object in quotes, the system's words last.
  var message: String { get }
  /// One thing to try, if there is one.
  var hint: String? { get }
  /// The file it is about, if there is one: `path`, or `path:line:column` for text.
  var path: String? { get }
}

extension Failure {
  package var hint: String? { nil }
  package var path: String? { nil }
  package var description: String { message }
}
