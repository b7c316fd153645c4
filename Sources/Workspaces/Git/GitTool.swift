internal import Host
internal import Vocabulary

/// Runs the host's git: on the user's own repository, or on one that we made. Never in a directory
/// that a guest wrote to, and never with a configuration that a guest wrote.
struct GitTool: Sendable {
  enum Repository: Sendable {
    /// The user's, found from this directory. The user's own configuration counts, since it says
    /// which directories are safe, what is ignored and who the user is.
    case users(String)
    /// One of ours, the git directory itself. Nobody's configuration counts but what it holds.
    case ours(String)
  }

  let repository: Repository
  /// Where new objects go in place of the repository's own directory, which is still read.
  var quarantine: String?

  init(_ repository: Repository, quarantine: String? = nil) {
    self.repository = repository
    self.quarantine = quarantine
  }

  /// Said on every command line, where nothing in a file can overrule it: no program is started
  /// for a hook, a monitor, a pager or a transport, and nothing cleans up behind our back.
  static let guards = [
    "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.pager=cat", "gc.auto=0",
    "maintenance.auto=false", "protocol.allow=never", "core.bigFileThreshold=16m",
    "core.quotePath=false", "submodule.recurse=false", "fetch.recurseSubmodules=false",
  ]

  /// More memory than this is for no honest answer.
  private static let memory = ByteCount.gibibytes(4)
  private static let outputLimit = 256 << 20
  private static let milliseconds = 900_000

  func command(_ arguments: [String]) -> Command {
    var variables = Command.plainEnvironment
    // It must not ask, lock what others need, fetch, or show other objects than are there.
    variables["GIT_TERMINAL_PROMPT"] = "0"
    variables["GIT_OPTIONAL_LOCKS"] = "0"
    variables["GIT_NO_REPLACE_OBJECTS"] = "1"
    variables["GIT_NO_LAZY_FETCH"] = "1"
    variables["GIT_ALLOW_PROTOCOL"] = ""
    variables["GIT_LITERAL_PATHSPECS"] = "1"
    variables["GIT_ATTR_NOSYSTEM"] = "1"
    let directory: String
    switch repository {
    case .users(let path):
      directory = path
      let user = HostEnvironment.current
      variables["HOME"] = user.home
      variables["XDG_CONFIG_HOME"] = user["XDG_CONFIG_HOME"]
      variables["PATH"] = user["PATH"] ?? variables["PATH"]
    case .ours(let path):
      directory = path
      variables["GIT_DIR"] = path
      variables["HOME"] = "/dev/null"
      variables["GIT_CONFIG_NOSYSTEM"] = "1"
      variables["GIT_CONFIG_GLOBAL"] = "/dev/null"
      if let quarantine {
        variables["GIT_OBJECT_DIRECTORY"] = quarantine
        variables["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = path + "/objects"
      }
    }
    return Command(
      "git", Self.guards.flatMap { ["-c", $0] } + arguments, environment: variables,
      workingDirectory: directory)
  }

  /// A status other than 0 is a result.
  func run(
    _ arguments: [String], input: [UInt8] = [], milliseconds: Int = Self.milliseconds,
    onOutput: (([UInt8]) -> Void)? = nil
  ) throws(HostError) -> CommandResult {
    try Processes.run(
      command(arguments), input: input, outputLimit: Self.outputLimit,
      milliseconds: milliseconds, isolation: Self.limits, onOutput: onOutput)
  }

  /// What it printed. Every other status than 0 is an error.
  @discardableResult
  func output(_ arguments: [String], input: [UInt8] = []) throws -> [UInt8] {
    let result = try run(arguments, input: input)
    guard result.status.isSuccess else { throw failure(arguments, result.errorTail) }
    return result.output
  }

  /// The one line that it printed; nil if it said no.
  func line(_ arguments: [String]) throws -> String? {
    let result = try run(arguments)
    guard result.status.isSuccess else { return nil }
    var bytes = result.output
    if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
    return String(validating: bytes, as: UTF8.self)
  }

  /// With files for its input and output: what passes through may be larger than memory.
  func pass(
    _ arguments: [String], from input: String? = nil, to output: String? = nil, aside: String
  ) throws {
    try Interrupt.check()
    let said = try OwnedDescriptor.open(aside, .createTruncated(mode: 0o600))
    defer { try? Files.remove(aside) }
    let process = try start(arguments, input, output, said.raw)
    let deadline = Clock.monotonic() + UInt64(Self.milliseconds) * 1_000_000
    while true {
      if let status = process.wait(milliseconds: 100) {
        if status.isSuccess { return }
        let text = String(decoding: try said.pread(at: 0, count: 8192), as: UTF8.self)
        throw failure(arguments, text)
      }
      do throws(HostError) {
        try Interrupt.check()
        if Clock.monotonic() >= deadline {
          throw .timedOut(command: process.command.display, seconds: Self.milliseconds / 1000)
        }
      } catch {
        process.terminate(graceMilliseconds: 500)
        throw error
      }
    }
  }

  private func start(
    _ arguments: [String], _ input: String?, _ output: String?, _ error: Int32
  ) throws -> RunningProcess {
    let command = command(arguments)
    let source = try OwnedDescriptor.open(input ?? "/dev/null", .read)
    guard let output else {
      return try RunningProcess.start(
        command, descriptors: [source.raw, -1, error], isolation: Self.limits)
    }
    let sink = try OwnedDescriptor.open(output, .createTruncated(mode: 0o600))
    return try RunningProcess.start(
      command, descriptors: [source.raw, sink.raw, error], isolation: Self.limits)
  }

  private static let limits = Isolation(
    namespaces: [], actions: [.limitData(memory), .noCoreFiles])

  /// git's words may hold what a guest chose.
  func failure(_ arguments: [String], _ said: String) -> WorkspacesError {
    .git(
      command: "git " + arguments.joined(separator: " "),
      said: Processes.tail(said).split(separator: "\n")
        .map { PathText.printable(String($0)) }.joined(separator: "\n"))
  }
}
