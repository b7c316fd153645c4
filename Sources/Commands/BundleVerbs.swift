internal import ArgumentParser
internal import Pipeline
internal import Vocabulary

struct ExportVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write everything that a build needs to one file.",
    discussion: """
      With --inputs, all that the lock of RECIPE names: what `hutch import` puts into another \
      store, where the build then needs no network, nor any mirror that still has it.
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var output: FormatOption
  @Argument(help: "A recipe's name or the path of a .toml file.") var recipe: String
  @Flag(help: "The inputs; there is nothing else to export yet.") var inputs = false
  @Option(name: [.customShort("o"), .customLong("output")], help: "The file to make.") var file: String
  @Flag(help: "Refuse to change the lock.") var locked = false

  func validate() throws {
    if !inputs { throw ValidationError("say what to export: --inputs") }
  }

  func run() throws {
    let outcome = try common.session().exportInputs(
      ExportRequest(recipe: recipe, output: file, isLocked: locked))
    Listing.bundle(outcome).print(as: output.format)
  }
}

struct ImportVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Take the inputs of a build from a file.",
    discussion: """
      FILE was made by `hutch export --inputs`. Everything in it is verified before it gets into \
      the store.
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var output: FormatOption
  @Argument(help: "The file.") var file: String

  func run() throws {
    Listing.bundle(try common.session().importInputs(file)).print(as: output.format)
  }
}

extension Listing {
  fileprivate static func bundle(_ outcome: BundleOutcome) -> Listing {
    var listing = Listing(
      kind: "bundles",
      columns: [
        .init("file"), .init("inputs", alignsRight: true), .init("bytes", alignsRight: true),
      ], nothing: "")
    listing.add(
      [outcome.path, "\(outcome.inputs)", "\(outcome.bytes)"],
      [
        "file": .string(outcome.path), "inputs": .integer(Int64(outcome.inputs)),
        "bytes": .integer(outcome.bytes.bytes),
      ])
    return listing
  }
}
