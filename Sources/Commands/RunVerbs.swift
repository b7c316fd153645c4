internal import ArgumentParser
internal import Pipeline
internal import Vocabulary
internal import Workspaces

/// How a command is run inside a VM.
struct CommandOptions: ParsableArguments {
  @Option(
    name: [.short, .long],
    help: "A variable for the command: NAME=VALUE, or NAME for the value here.")
  var env: [String] = []
  @Option(name: [.customShort("w"), .long], help: "Where the command starts.") var workdir: String?
  @Option(name: [.short, .long], help: "As whom it runs; else as the image says.") var user: String?
  @Flag(name: [.customShort("t"), .long], help: "With a terminal; the default where there is one.")
  var tty = false
  @Flag(help: "Without a terminal, even where there is one.") var noTty = false
  @Argument(
    parsing: .captureForPassthrough,
    help: "The command and its arguments; the user's shell if there is none.")
  var command: [String] = []

  /// Two dashes in front only say where the command begins.
  var words: [String] { command.first == "--" ? Array(command.dropFirst()) : command }

  var request: CommandRequest {
    CommandRequest(
      words: words, variables: env, directory: workdir, user: user,
      terminal: noTty ? .never : tty ? .always : .whereThereIsOne)
  }
}

struct RunVerb: TakesCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Run a command in a new VM and throw the VM away.",
    discussion: """
      Standard input, output and error are the command's; so is the exit status. Options stand \
      before the image, or behind it with `--` before the command.

      With --workspace, a copy of the directory is at /workspace inside. What the command changed \
      there is applied to the directory with --apply, thrown away with --discard, and otherwise \
      kept with the VM until `hutch sync` takes or discards it.

      Of a directory in a git work tree (--workspace-mode git) HEAD and all uncommitted changes go \
      in, but no ignored files. What comes back is a branch, hutch/VM, with the commits made \
      inside and one more for what was left uncommitted; --apply creates it and touches nothing \
      else. In every other directory (--workspace-mode copy) changes of files come back.

      A tool in place of an image, as in `hutch run claude`, is a tool on the image of the project \
      in the current directory (hutch.toml), or on `base`. The project is its workspace, if it has \
      that file or is in a git work tree; without a command the tool's own is run.
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var machine: MachineOptions
  @Option(help: "A directory whose copy the command works on.") var workspace: String?
  @Flag(help: "No workspace, also for an agent in a project's directory.") var noWorkspace = false
  @Option(
    help: ArgumentHelp(
      "How the workspace goes in and comes back; else as the directory suggests.",
      valueName: "mode"))
  var workspaceMode: WorkspaceMode?
  @Option(help: "How many commits go in with a git workspace, 0 for all; else by size.")
  var history: Int?
  @Flag(help: "Apply what the command changed in the workspace.") var apply = false
  @Flag(help: "Throw away what the command changed in the workspace.") var discard = false
  @Flag(help: "Keep the VM.") var keep = false
  @Option(help: "A name for the VM.") var name: String?
  @Option(help: "End the command after this many seconds (exit status 124).") var timeout: Int?
  @Flag(help: "Refuse to build a missing image.") var noBuild = false
  @Flag(help: "Print where the time went, on standard error.") var timings = false
  @Argument(help: "An image.") var image: String
  @OptionGroup var command: CommandOptions

  var subject: String { image }

  func validate() throws {
    if workspace != nil && noWorkspace {
      throw ValidationError("--workspace and --no-workspace exclude each other")
    }
    if apply && discard { throw ValidationError("--apply and --discard exclude each other") }
    if let history, history < 0 { throw ValidationError("--history takes a number from 0 on") }
    if let timeout, timeout < 1 { throw ValidationError("--timeout takes a number from 1 on") }
  }

  func run() throws {
    let outcome = try common.session().run(
      RunRequest(
        image: image, name: name, command: command.request, machine: machine.wishes,
        workspace: workspace, workspaceMode: workspaceMode, takesProject: !noWorkspace,
        history: GitHistory(commits: history), ending: apply ? .apply : discard ? .discard : .ask,
        keeps: keep,
        seconds: timeout, mayBuild: !noBuild, decide: ChangesQuestion.ask))
    if timings { Output.talk(TimingTable.text(outcome.timings)) }
    throw ExitCode(outcome.status)
  }
}

struct ExecVerb: TakesCommand {
  static let configuration = CommandConfiguration(
    commandName: "exec", abstract: "Run a command in a running VM.")

  @OptionGroup var common: CommonOptions
  @Argument(help: "A VM.") var name: String
  @OptionGroup var command: CommandOptions

  var subject: String { name }

  func run() throws {
    throw ExitCode(try common.session().exec(name, command.request))
  }
}

struct ShellVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "shell", abstract: "A shell in a running VM, or in a new one of an image.",
    discussion: "A new VM is thrown away when the shell ends.")

  @OptionGroup var common: CommonOptions
  @OptionGroup var machine: MachineOptions
  @Argument(help: ArgumentHelp("A VM or an image.", valueName: "vm-or-image"))
  var reference: String
  @Option(name: [.short, .long], help: "As whom it runs; else as the image says.")
  var user: String?

  func run() throws {
    let session = try common.session()
    let command = CommandRequest(words: [], user: user)
    if try session.isVM(reference) {
      guard machine.wishes == MachineWishes() else {
        throw ValidationError("\"\(reference)\" is a VM: it is as it was made")
      }
      throw ExitCode(try session.exec(reference, command))
    }
    let request = RunRequest(image: reference, command: command, machine: machine.wishes)
    throw ExitCode(try session.run(request).status)
  }
}

struct SyncVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sync", abstract: "Take or discard what a finished VM changed in its workspace.",
    discussion: """
      Without --apply or --discard it lists the changes and does nothing. Of a git workspace --apply \
      creates the branch hutch/VM, and touches no other branch, no file and not the index.
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var output: FormatOption
  @Argument(help: "A VM that holds work.") var name: String
  @Flag(help: "Apply the changes, then remove the VM.") var apply = false
  @Flag(help: "Throw the changes away, and the VM with them.") var discard = false

  func validate() throws {
    if apply && discard { throw ValidationError("--apply and --discard exclude each other") }
  }

  func run() throws {
    let work = try common.session().sync(name, apply ? .apply : discard ? .discard : .ask)
    if case .branch(let changes) = work, output.format == .table {
      for line in ChangesQuestion.commits(changes, name) { Output.line(line) }
    }
    Listing(work, of: name).print(as: output.format)
  }
}

enum TimingTable {
  static func text(_ timings: Timings) -> String {
    let width = timings.phases.map(\.name.count).max() ?? 0
    var lines = timings.phases.map { phase in
      let padding = String(repeating: " ", count: width - phase.name.count)
      return "  \(phase.name)\(padding)  \(right(phase.milliseconds)) ms"
    }
    let total = timings.phases.reduce(0) { $0 + $1.milliseconds }
    lines.append(
      "  total" + String(repeating: " ", count: max(0, width - 5)) + "  \(right(total)) ms")
    return lines.joined(separator: "\n")
  }

  private static func right(_ number: Int) -> String {
    let text = "\(number)"
    return String(repeating: " ", count: max(0, 7 - text.count)) + text
  }
}
