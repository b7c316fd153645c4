internal import ArgumentParser
internal import Glibc
internal import Host
internal import Pipeline
internal import Synchronization
internal import Vocabulary

enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
  case table, json
}

enum ProgressForm: String, ExpressibleByArgument, CaseIterable {
  /// Lines and a moving last one on a terminal, nothing elsewhere.
  case auto
  case none
  case plain
  case jsonl
}

/// What every verb takes.
struct CommonOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The store.", discussion: "", valueName: "directory"))
  var store: String?

  @Option(help: "How progress is shown on standard error.")
  var progress: ProgressForm = .auto

  func session() throws -> Session {
    let environment = HostEnvironment.current
    let session = try Session(
      store: store ?? environment.storePath, environment: environment,
      report: ProgressDisplay.reporter(progress))
    // Open to the process's end. SQLite's tidying up at the close of a connection, and making its
    // files anew at the next start, take three times as long as everything else in a clone.
    Self.open.withLock { $0.append(session) }
    return session
  }

  private static let open = Mutex<[Session]>([])
}

struct FormatOption: ParsableArguments {
  @Option(help: "How the result is printed.")
  var format: OutputFormat = .table
}

extension WorkspaceMode: ExpressibleByArgument {}

extension ByteCount: ExpressibleByArgument {
  package init?(argument: String) {
    self.init(argument)
  }
}
