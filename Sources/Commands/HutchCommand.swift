internal import ArgumentParser
internal import Building
internal import Glibc
internal import Host
internal import Pipeline
internal import Vocabulary

/// The whole command line. `Hutch.main` is all that the executable calls.
struct HutchCommand: ParsableCommand {
  static let version = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "hutch",
    abstract: "Images and throwaway VMs for coding agents.",
    discussion: """
      An image is built from a recipe, once; a VM is a clone of it, made in an instant and thrown \
      away without regret.

      IMAGE is a tag or a recipe's name (built if it is missing), or the first 8 or more digits \
      of an image ID.

      Exit statuses: `run`, `exec` and `shell` end as their command did (124: timed out, 125: Hutch \
      failed, 126: can't be executed, 127: not found). All others: 0 done, 1 failed, 2 usage, \
      3 not found, 4 in use or exists, 5 bad input, 6 verification differs, 7 fetch failed, \
      8 no space, 9 missing host tool or right, 10 store damaged or newer, 130 interrupted.
      """,
    version: version,
    groupedSubcommands: [
      CommandGroup(
        name: "Daily",
        subcommands: [
          RunVerb.self, ShellVerb.self, ExecVerb.self, SyncVerb.self, VMsVerb.self, RemoveVerb.self,
          ImagesVerb.self, BuildVerb.self, CollectVerb.self, UsageVerb.self, LogInVerb.self,
          DoctorVerb.self,
        ]),
      CommandGroup(
        name: "More",
        subcommands: [
          StartVerb.self, StopVerb.self, RestartVerb.self, PauseVerb.self, ResumeVerb.self,
          CopyVerb.self, SecureShellVerb.self, SecureShellConfigurationVerb.self,
          ForwardVerb.self, SecureShellProxyVerb.self, LogsVerb.self, CloneVerb.self, DiffVerb.self,
          InspectVerb.self,
          BillOfMaterialsVerb.self,
          CheckVerb.self, ExportVerb.self, FetchVerb.self, ImportVerb.self, LayersVerb.self,
          LockVerb.self, LogOutVerb.self, OutdatedVerb.self, UpdateVerb.self, InitVerb.self,
          RecipeVerb.self,
          VerifyVerb.self, TagVerb.self, UntagVerb.self, PinVerb.self, UnpinVerb.self, WhyVerb.self,
          ResetVerb.self,
        ]),
    ])
}

/// What the executable is.
package enum Hutch {
  /// Never returns: every way out is an exit status.
  package static func main(_ arguments: [String] = Array(CommandLine.arguments.dropFirst()))
    -> Never
  {
    Interrupt.install()
    // Processes that Hutch starts of itself; no person types these.
    if arguments.first == WorkerClient.verb { Worker.main(Array(arguments.dropFirst())) }
    if arguments.first == Session.supervisorVerb {
      Session.supervise(Array(arguments.dropFirst()))
    }
    do {
      var command = try CommandWords.parse(arguments)
      try command.run()
      exit(0)
    } catch let status as ExitCode {
      exit(status.rawValue)
    } catch {
      report(error, arguments)
    }
  }

  private static func report(_ error: any Error, _ arguments: [String]) -> Never {
    guard error is any Failure else {
      // Usage, --help and --version are ArgumentParser's to print; its usage status is 64.
      let status = HutchCommand.exitCode(for: error)
      var text = HutchCommand.fullMessage(for: error)
      // As all other errors begin.
      let mark = "Error: "
      if text.hasPrefix(mark) { text = "hutch: " + text.dropFirst(mark.count) }
      if status.isSuccess {
        Output.line(text)
        exit(0)
      }
      Output.talk(text)
      exit(FailureKind.usage.rawValue)
    }
    if wantsJSON(arguments) {
      Output.write(ErrorReport.json(error).indented)
    } else {
      Output.talk(ErrorReport.text(error))
    }
    // A command's own status must not be mistaken for ours.
    let passesStatusOn = ["run", "exec", "shell"].contains(arguments.first { !$0.hasPrefix("-") })
    let status = ErrorReport.status(of: error)
    let isOurs = passesStatusOn && status != FailureKind.interrupted.rawValue
    exit(isOurs ? 125 : status)
  }

  private static func wantsJSON(_ arguments: [String]) -> Bool {
    let own = arguments.prefix { $0 != "--" }
    return own.contains("--format=json")
      || zip(own, own.dropFirst()).contains { $0 == "--format" && $1 == "json" }
  }
}
