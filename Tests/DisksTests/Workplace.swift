import Host
import Testing
import Vocabulary

/// A directory of a test's own, gone with the test.
final class Workplace {
  let path: String

  init() throws {
    path = "/tmp/hutch-disks-\(Hex.encode(Randomness.bytes(6)))"
    try Files.makeDirectories(path, mode: 0o755)
  }

  deinit { try? Files.removeTree(path) }

  func callAsFunction(_ name: String) -> String { path + "/" + name }

  /// Runs a judge that must agree; its output.
  @discardableResult
  func run(_ tool: String, _ arguments: [String]) throws -> String {
    try Processes.runChecked(Command(tool, arguments, workingDirectory: path)).text
  }
}
