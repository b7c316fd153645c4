/// A program to run: an absolute path or a name to look for, its arguments, and an environment
/// that holds what is named here and nothing else. Never a shell string.
package struct Command: Sendable, Hashable {
  package var executable: String
  package var arguments: [String]
  package var environment: [String: String]
  package var workingDirectory: String?

  /// What every tool gets unless told otherwise.
  package static let plainEnvironment: [String: String] = [
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8", "TZ": "UTC",
  ]

  package init(
    _ executable: String, _ arguments: [String],
    environment: [String: String] = Command.plainEnvironment, workingDirectory: String? = nil
  ) {
    self.executable = executable
    self.arguments = arguments
    self.environment = environment
    self.workingDirectory = workingDirectory
  }

  /// As one would type it into a shell.
  package var display: String {
    ([executable] + arguments).map(Self.quoted).joined(separator: " ")
  }

  private static func quoted(_ word: String) -> String {
    let plain = word.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      default: "-_./:=,@%+".utf8.contains(byte)
      }
    }
    if plain && !word.isEmpty { return word }
    return "'"
      + word.split(separator: "'", omittingEmptySubsequences: false)
      .joined(separator: "'\\''") + "'"
  }
}

/// How a child ended.
package enum ExitStatus: Sendable, Hashable, CustomStringConvertible {
  case exited(Int32)
  case signalled(Int32)

  /// As `waitpid(2)` packs it.
  init(packed: Int32) {
    self = packed & 0x7F == 0 ? .exited(packed >> 8 & 0xFF) : .signalled(packed & 0x7F)
  }

  package var isSuccess: Bool { self == .exited(0) }

  /// The number a shell would report: 128 + n for signal n.
  package var shellStatus: Int32 {
    switch self {
    case .exited(let code): code
    case .signalled(let signal): 128 + signal
    }
  }

  package var description: String {
    switch self {
    case .exited(let code): "ended with status \(code)"
    case .signalled(let signal): "was ended by signal \(signal)"
    }
  }
}

/// What a finished command left.
package struct CommandResult: Sendable {
  package var status: ExitStatus
  package var output: [UInt8]
  /// The last 8 KiB of its standard error.
  package var errorTail: String

  package var text: String { String(decoding: output, as: UTF8.self) }
}
