internal import ArgumentParser
internal import Catalog
internal import Pipeline

/// `X`, or a kind and `X`: as `hutch gc` and `hutch df` name things.
struct ThingArgument: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "A tag, a VM, or 8 or more digits of a digest; its kind may stand before it.",
      valueName: "thing"))
  var words: [String]

  var reference: String { words.last ?? "" }
  var kind: String? { words.count == 2 ? words[0] : nil }

  func validate() throws {
    guard (1...2).contains(words.count) else {
      throw ValidationError("one thing at a time, with its kind before it or without")
    }
  }
}

struct PinVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pin", abstract: "Keep something, and what it needs, until it is unpinned.")

  @OptionGroup var common: CommonOptions
  @Option(help: "Why; `hutch why` and `hutch gc` say it.") var reason = "asked for"
  @OptionGroup var thing: ThingArgument

  func run() throws {
    let subject = try common.session().pin(thing.reference, kind: thing.kind, reason: reason)
    Output.line("pinned: \(Tally.shortened(subject.description))")
  }
}

struct UnpinVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unpin", abstract: "Take a pin away; `hutch gc` may then collect what it kept.")

  @OptionGroup var common: CommonOptions
  @OptionGroup var thing: ThingArgument

  func run() throws {
    if try !common.session().unpin(thing.reference, kind: thing.kind) {
      Output.talk("\"\(thing.reference)\" was not pinned")
    }
  }
}
