internal import ArgumentParser
internal import Pipeline
internal import Vocabulary

struct LockVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lock", abstract: "Complete the locks of recipes.",
    discussion: """
      RECIPE is a name or a path. What the lock beside it says stays; what it does not say yet is \
      resolved, so that `hutch build --locked` takes it. Steps are run only where they have to be: \
      below `pip` and `npm` steps that are not locked yet, and up to the last step with network.
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var output: FormatOption
  @Argument(help: "A recipe's name or the path of a .toml file.") var recipe: [String]
  @Flag(help: "Change nothing; a lock that is not complete is an error.") var locked = false
  @Flag(help: "Run steps with network again, and pin what they make now.") var repin = false
  @OptionGroup var secrets: SecretOptions

  func validate() throws {
    if locked && repin { throw ValidationError("--locked and --repin exclude each other") }
  }

  func run() throws {
    let session = try common.session()
    var listing = Listing(
      kind: "locks",
      columns: [
        .init("name"), .init("packages", alignsRight: true), .init("files", alignsRight: true),
        .init("pinned layers", alignsRight: true), .init("lock"),
      ], nothing: "")
    for name in recipe {
      let outcome = try session.lock(
        LockingRequest(recipe: name, isLocked: locked, repins: repin, secrets: secrets.secret))
      listing.add(
        [
          outcome.name, "\(outcome.packages)", "\(outcome.files)", "\(outcome.pins)",
          outcome.path,
        ],
        [
          "name": .string(outcome.name), "path": .string(outcome.path),
          "packages": .integer(Int64(outcome.packages)),
          "files": .integer(Int64(outcome.files)), "pins": .integer(Int64(outcome.pins)),
          "phases": JSON.phases(outcome.timings),
        ])
    }
    listing.print(as: output.format)
  }
}

/// For verbs that may have to run steps.
struct SecretOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A secret for steps that name it: NAME=FILE, or NAME=env:VARIABLE.", valueName: "secret"))
  var secret: [String] = []
}
