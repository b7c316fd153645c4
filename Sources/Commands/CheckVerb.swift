internal import ArgumentParser
internal import Pipeline
internal import Vocabulary

struct CheckVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Try in a new VM whether an image does what it is for.",
    discussion: """
      Runs the script `check` of a recipe, in a VM without network that is thrown away. What it says \
      is on standard error; the exit status is 1 if one fails. A tool is tried on the image `base`, \
      or with --with on the image that is named.
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var output: FormatOption
  @Argument(help: "A recipe's name or the path of a .toml file.") var recipe: [String]
  @Option(help: ArgumentHelp("A tool that is tried on each of them as well.", valueName: "tool"))
  var with: [String] = []
  @Option(help: "End a check after this many seconds.") var timeout = 600

  func validate() throws {
    if timeout < 1 { throw ValidationError("--timeout takes a number from 1 on") }
  }

  func run() throws {
    let session = try common.session()
    var listing = Listing(
      kind: "checks",
      columns: [.init("name"), .init("check"), .init("seconds", alignsRight: true)], nothing: "")
    var hasFailed = false
    for name in recipe {
      for outcome in try session.check(name, with: with, seconds: timeout) {
        hasFailed = hasFailed || outcome.status != 0
        add(outcome, to: &listing)
      }
    }
    listing.print(as: output.format)
    if hasFailed { throw ExitCode(1) }
  }

  private func add(_ outcome: CheckOutcome, to listing: inout Listing) {
    let tenths = outcome.milliseconds / 100
    listing.add(
      [
        outcome.name, outcome.status == 0 ? "passed" : "failed (\(outcome.status))",
        "\(tenths / 10).\(tenths % 10)",
      ],
      [
        "name": .string(outcome.name), "passed": .bool(outcome.status == 0),
        "status": .integer(Int64(outcome.status)),
        "milliseconds": .integer(Int64(outcome.milliseconds)),
      ])
  }
}
