internal import GuestProtocol
internal import Host
internal import Launch
internal import Planning
internal import Vocabulary

/// A command for a VM, as it was asked for.
package struct CommandRequest: Sendable {
  package enum Terminal: Sendable {
    case always
    case never
    /// Where standard input and output are terminals.
    case whereThereIsOne
  }

  /// The command and its arguments; empty for the user's shell.
  package var words: [String]
  /// `NAME=VALUE`, or `NAME` for the value that it has here.
  package var variables: [String]
  /// Absolute, inside the VM.
  package var directory: String?
  package var user: String?
  package var terminal: Terminal

  package init(
    words: [String], variables: [String] = [], directory: String? = nil, user: String? = nil,
    terminal: Terminal = .whereThereIsOne
  ) {
    self.words = words
    self.variables = variables
    self.directory = directory
    self.user = user
    self.terminal = terminal
  }

  /// Whoever logs in gets this: the guest program sets `SHELL` from the image's user database.
  private static let loginShell = ["/bin/sh", "-c", "exec \"${SHELL:-/bin/sh}\" -l"]

  var wantsTerminal: Bool {
    switch terminal {
    case .always: true
    case .never: false
    case .whereThereIsOne: SessionIO.isInteractive
    }
  }

  /// - Parameters:
  ///   - configuration: of the image, whose environment comes first.
  ///   - start: where the command starts if nothing else is asked for; `nil` for the user's home.
  func open(
    _ configuration: ImageConfiguration, startingIn start: String? = nil,
    _ environment: HostEnvironment
  ) throws -> OpenRequest {
    var values = configuration.environment
    for variable in variables {
      let parts = variable.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = String(parts[0])
      guard Self.isName(name), !variable.utf8.contains(0) else {
        throw PipelineError.badVariable(variable)
      }
      if parts.count == 2 {
        values[name] = String(parts[1])
      } else {
        values[name] = environment[name]
      }
    }
    if let directory, !directory.hasPrefix("/") {
      throw PipelineError.badDirectory(directory)
    }
    var request = OpenRequest(.exec)
    request.arguments = (words.isEmpty ? Self.loginShell : words).map { Array($0.utf8) }
    request.environment = values.map { Array("\($0.key)=\($0.value)".utf8) }
      .sorted { $0.lexicographicallyPrecedes($1) }
    request.directory = Array((directory ?? start ?? "").utf8)
    request.user = Array((user ?? "").utf8)
    return request
  }

  private static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
    return text.utf8.allSatisfy { byte in
      (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
        || (0x61...0x7A).contains(byte) || byte == 0x5F
    }
  }
}
