internal import ArgumentParser
internal import Glibc
internal import Host
internal import Pipeline
internal import Vocabulary

struct BuildVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "build", abstract: "Build an image from a recipe.",
    discussion: """
      RECIPE is a name or a path. Steps that were run before are not run again. The lock beside \
      the recipe says exactly which packages go in; it is completed where it says nothing yet. \
      What a step with network makes is pinned there, and may not change by itself.

      A secret that a step names is a file for the time of that step, and is kept nowhere.
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var output: FormatOption
  @Argument(help: "A recipe's name or the path of a .toml file.") var recipe: [String]
  @Flag(help: "Refuse to change the lock.") var locked = false
  @Flag(help: "Say what would be run and why, and do nothing.") var explain = false
  @Flag(help: "Run steps with network again, and pin what they make now.") var repin = false
  @OptionGroup var secrets: SecretOptions
  @Flag(help: "Open a shell where a step fails.") var shellOnFailure = false
  @Flag(help: .hidden) var secretsOnStdin = false

  func validate() throws {
    if locked && repin { throw ValidationError("--locked and --repin exclude each other") }
  }

  func run() throws {
    let session = try common.session()
    let handed =
      try secretsOnStdin ? OwnedDescriptor(owning: STDIN_FILENO).readAll(limit: 64 << 20) : nil
    var listing = Listing(
      kind: "builds",
      columns: [
        .init("name"), .init("image"), .init("steps run", alignsRight: true),
        .init("cached", alignsRight: true),
      ], nothing: "")
    for name in recipe {
      let outcome = try session.build(
        BuildRequest(
          recipe: name, isLocked: locked, explains: explain, opensShellOnFailure: shellOnFailure,
          repins: repin, secrets: secrets.secret, handedSecrets: handed))
      if explain && output.format == .table {
        Output.line(outcome.explanation)
        continue
      }
      for outcome in [outcome] + outcome.tools { add(outcome, to: &listing) }
    }
    if !(explain && output.format == .table) { listing.print(as: output.format) }
  }

  private func add(_ outcome: BuildOutcome, to listing: inout Listing) {
    listing.add(
      [
        outcome.name + (outcome.impure ? " (impure)" : ""), outcome.image?.digest.short ?? "-",
        "\(outcome.stepsRun)",
        "\(outcome.stepsCached)",
      ],
      [
        "name": .string(outcome.name), "image": .optional(outcome.image?.description),
        "impure": .bool(outcome.impure),
        "steps_run": .integer(Int64(outcome.stepsRun)),
        "steps_cached": .integer(Int64(outcome.stepsCached)),
        "phases": JSON.phases(outcome.timings),
      ])
  }
}

extension JSON {
  static func phases(_ timings: Timings) -> JSON {
    .array(
      timings.phases.map {
        .object([
          "name": .string($0.name), "milliseconds": .integer(Int64($0.milliseconds)),
        ])
      })
  }
}
