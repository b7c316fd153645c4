internal import ArgumentParser
internal import Pipeline
internal import Vocabulary

struct FetchVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fetch", abstract: "Get everything that a build takes from the network.",
    discussion: """
      RECIPE is a name or a path. The lock beside it is completed where it says nothing yet; \
      everything that it names is in the store afterwards, and `hutch build` needs no network. \
      What is fetched and not built within the hour counts as unused to `hutch gc`.
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var output: FormatOption
  @Argument(help: "A recipe's name or the path of a .toml file.") var recipe: [String]
  @Flag(help: "Refuse to change the lock.") var locked = false
  @OptionGroup var secrets: SecretOptions

  func run() throws {
    let session = try common.session()
    var listing = Listing(
      kind: "fetches",
      columns: [
        .init("name"), .init("inputs", alignsRight: true), .init("bytes", alignsRight: true),
        .init("fetched", alignsRight: true),
      ], nothing: "")
    for name in recipe {
      let outcome = try session.fetch(
        FetchingRequest(recipe: name, isLocked: locked, secrets: secrets.secret))
      listing.add(
        [outcome.name, "\(outcome.inputs)", "\(outcome.bytes)", "\(outcome.fetched)"],
        [
          "name": .string(outcome.name), "inputs": .integer(Int64(outcome.inputs)),
          "bytes": .integer(outcome.bytes.bytes), "fetched": .integer(Int64(outcome.fetched)),
          "phases": JSON.phases(outcome.timings),
        ])
    }
    listing.print(as: output.format)
  }
}
