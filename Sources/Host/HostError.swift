internal import CLinux
internal import Glibc
package import Vocabulary

/// What the machine can refuse.
package enum HostError: Failure {
  /// A system call on `path` failed; `operation` says what was attempted ("open", "rename").
  case system(operation: String, path: String, errno: Int32)
  case missingTool(name: String, debianPackage: String)
  case commandFailed(command: String, status: ExitStatus, tail: String)
  case timedOut(command: String, seconds: Int)
  case interrupted(signal: Int32)
  case tooLarge(path: String, limit: ByteCount)
  /// A child could not be started; `stage` says how far it came.
  case notStarted(command: String, stage: String, errno: Int32)
  case userNamespacesBlocked(errno: Int32)
  case noSubordinateIDs(user: String, file: String)
  case unsuitableFileSystem(path: String, name: String)

  package var kind: FailureKind {
    switch self {
    case .system(_, _, let errno) where errno == ENOSPC || errno == EDQUOT: .noSpace
    case .system(_, _, let errno) where errno == ENOENT: .notFound
    case .system(_, _, let errno) where errno == EACCES || errno == EPERM || errno == EROFS:
      .missingHostTool
    case .missingTool, .userNamespacesBlocked, .noSubordinateIDs, .unsuitableFileSystem:
      .missingHostTool
    case .interrupted: .interrupted
    case .tooLarge: .badInput
    default: .failed
    }
  }

  package var message: String {
    switch self {
    case .system(let operation, let path, let errno):
      "can't \(operation) \"\(path)\": \(Self.text(of: errno))"
    case .missingTool(let name, _):
      "the program \"\(name)\" is not on this machine"
    case .commandFailed(let command, let status, let tail):
      "a command \(status): \(command)" + (tail.isEmpty ? "" : "\n" + Self.indented(tail))
    case .timedOut(let command, let seconds):
      "a command did not end within \(seconds) s: \(command)"
    case .interrupted(let signal):
      signal == SIGINT ? "interrupted" : "stopped by signal \(signal)"
    case .tooLarge(let path, let limit):
      "\"\(path)\" is larger than the \(limit) that are read of such a file"
    case .notStarted(let command, let stage, let errno):
      "can't start \"\(command)\" (\(stage)): \(Self.text(of: errno))"
    case .userNamespacesBlocked(let errno):
      "this machine does not let you make user namespaces: \(Self.text(of: errno))"
    case .noSubordinateIDs(let user, let file):
      "the user \"\(user)\" has no range of 65536 ids in \"\(file)\""
    case .unsuitableFileSystem(let path, let name):
      "\"\(path)\" is on a file system that can't hold a store: \(name)"
    }
  }

  package var hint: String? {
    switch self {
    case .system(_, _, let errno) where errno == ENOSPC || errno == EDQUOT:
      "make room, for example with `hutch gc --now`"
    case .system(_, _, let errno) where errno == EACCES || errno == EPERM:
      "look at the owner and the mode; a store belongs to one user"
    case .system(_, _, let errno) where errno == EROFS:
      "choose another place with --store or HUTCH_STORE"
    case .missingTool(_, let package):
      package.isEmpty ? nil : "install Debian's package \"\(package)\", or run `make setup`"
    case .userNamespacesBlocked:
      "allow them: sysctl -w kernel.unprivileged_userns_clone=1 "
        + "kernel.apparmor_restrict_unprivileged_userns=0; inside a chroot nobody can"
    case .noSubordinateIDs(let user, _):
      "as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 \(user)"
    case .unsuitableFileSystem:
      "choose another place with --store or HUTCH_STORE"
    default: nil
    }
  }

  package var path: String? {
    switch self {
    case .system(_, let path, _), .tooLarge(let path, _), .unsuitableFileSystem(let path, _): path
    default: nil
    }
  }

  /// The C library's sentence for an error number.
  package static func text(of errno: Int32) -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    _ = unsafe strerror_r(errno, &buffer, buffer.count)
    let bytes = buffer.prefix(while: { $0 != 0 }).map(UInt8.init(bitPattern:))
    let known = String(decoding: bytes, as: UTF8.self)
    return known.isEmpty ? "error \(errno)" : known
  }

  private static func indented(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false)
      .map { "  " + $0 }.joined(separator: "\n")
  }
}

/// Turns a shim's answer into a value or an error.
@discardableResult
package func check<Value: FixedWidthInteger & SignedInteger>(
  _ result: Value, _ operation: String, _ path: @autoclosure () -> String
) throws(HostError) -> Value {
  if result < 0 {
    throw .system(operation: operation, path: path(), errno: Int32(truncatingIfNeeded: -result))
  }
  return result
}
