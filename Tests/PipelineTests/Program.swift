import Host
import Testing
import Vocabulary

/// How a command ended and what it said.
struct Outcome {
  var status: Int32
  var output: [UInt8]
  var error: String

  var text: String { String(decoding: output, as: UTF8.self) }

  /// The items of a listing, after a look at its root.
  func items(_ kind: String, location: SourceLocation = #_sourceLocation) throws -> [JSON] {
    // With --format json what went wrong stands on standard output.
    #expect(status == 0, "\(error)\(text)", sourceLocation: location)
    let json = try JSON(parsing: output)
    #expect(json["hutch"] == .integer(1), sourceLocation: location)
    #expect(json["kind"] == .string(kind), sourceLocation: location)
    return try #require(json["items"]?.array, sourceLocation: location)
  }
}

/// The program under test, with an environment that holds nothing of the developer's.
struct Program: Sendable {
  var store: String
  var directory: String
  var environment: [String: String]

  static let path = HostEnvironment.current["HUTCH_UNDER_TEST"] ?? ""

  init(store: String, directory: String) {
    self.store = store
    self.directory = directory
    environment = Command.plainEnvironment
    environment["HOME"] = Store.scratch + "/home"
    environment["HUTCH_STORE"] = store
    // No log-in is another test's.
    environment["XDG_STATE_HOME"] = directory + "/state"
    // Sockets below the scratch directory, unless their paths would get too long.
    if Store.scratch.utf8.count < 60 { environment["XDG_RUNTIME_DIR"] = Store.scratch }
    for name in ["http_proxy", "https_proxy", "no_proxy"] {
      environment[name] = HostEnvironment.current[name]
    }
  }

  func command(_ arguments: [String]) -> Command {
    Command(Self.path, arguments, environment: environment, workingDirectory: directory)
  }

  func run(
    _ arguments: [String], input: [UInt8] = [], milliseconds: Int = 120_000
  ) throws -> Outcome {
    try Self.run(command(arguments), input: input, milliseconds: milliseconds)
  }

  /// As `sh -c script program arguments…` with the program in `$0`, in a mount namespace in which
  /// the script may put other things over those of the machine; `alone`, with a network of its own.
  func run(
    _ arguments: [String], after script: String, alone: Bool = false, milliseconds: Int = 120_000
  ) throws -> Outcome {
    let shell = Command(
      "unshare",
      ["--mount"] + (alone ? ["--net"] : []) + ["sh", "-ec", script, Self.path] + arguments,
      environment: environment,
      workingDirectory: directory)
    return try Self.run(shell, milliseconds: milliseconds)
  }

  private static func run(
    _ command: Command, input: [UInt8] = [], milliseconds: Int
  ) throws -> Outcome {
    let result = try Processes.run(command, input: input, milliseconds: milliseconds)
    return Outcome(
      status: result.status.shellStatus, output: result.output, error: result.errorTail)
  }
}

/// The program while it runs. What it says goes into files.
struct Running: Sendable {
  let process: RunningProcess
  private let output: String
  private let error: String

  init(_ command: Command, name: String) throws {
    output = name + ".out"
    error = name + ".err"
    let out = try OwnedDescriptor.open(output, .createTruncated(mode: 0o600))
    let err = try OwnedDescriptor.open(error, .createTruncated(mode: 0o600))
    process = try RunningProcess.start(command, descriptors: [-1, out.raw, err.raw])
  }

  /// Waits for its end; it is killed if that takes too long.
  func finish(milliseconds: Int = 120_000) throws -> Outcome {
    let status = process.wait(milliseconds: milliseconds) ?? process.terminate(graceMilliseconds: 0)
    return Outcome(
      status: status.shellStatus, output: try Files.read(output, limit: 64 << 20),
      error: String(decoding: try Files.read(error, limit: 64 << 20), as: UTF8.self))
  }

  /// Waits until it has said something.
  func awaitOutput(_ text: String, milliseconds: Int = 60_000) throws {
    let wanted = Array(text.utf8)
    for _ in 0..<(milliseconds / 20) {
      let said = try Files.read(output, limit: 64 << 20)
      if said.count >= wanted.count, String(decoding: said, as: UTF8.self).contains(text) { return }
      try #require(process.poll() == nil, "it ended before it said \"\(text)\"")
      Clock.pause(milliseconds: 20)
    }
    Issue.record("it did not say \"\(text)\"")
  }
}
