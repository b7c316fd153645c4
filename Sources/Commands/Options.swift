internal import ArgumentParser
internal import Glibc
internal import Host
internal import Pipeline
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
    return try Session(
      store: store ?? environment.storePath, environment: environment,
      report: ProgressDisplay.reporter(progress))
  }
}

struct FormatOption: ParsableArguments {
  @Option(help: "How the result is printed.")
  var format: OutputFormat = .table
}

extension ByteCount: ExpressibleByArgument {
  package init?(argument: String) {
    self.init(argument)
  }
}
