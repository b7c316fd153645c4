internal import ArgumentParser
internal import Catalog
internal import Pipeline
internal import Vocabulary

struct CollectVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gc", abstract: "Remove what nothing needs any more.",
    discussion: """
      What a tag, a VM or a running command needs stays, and so does what was made or used within \
      the last hour, unless --now is given.

      Where a limit asks for more, what can be made again goes too, in this order: unpacked \
      layers, warm images, disks without VMs, boot bundles, what only the hour of grace keeps. \
      Packages go with --inputs only; VMs with unsynced work never go. Limits that are not given \
      are those of config.toml.
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var output: FormatOption
  @Flag(help: "Say what would go and what stays, and why; remove nothing.") var dryRun = false
  @Flag(help: "Without the hour of grace.") var now = false
  @Option(help: ArgumentHelp("What the store may take; `none` for no limit.", valueName: "size"))
  var budget: SizeLimit?
  @Option(
    help: ArgumentHelp(
      "What is to be free on its file system; `none` for no limit.", valueName: "size"))
  var minFree: SizeLimit?
  @Option(
    help: ArgumentHelp(
      "Also what can be made again and was not used for so long.", valueName: "age"))
  var olderThan: TimeSpan?
  @Option(
    help: ArgumentHelp("Keep so many of the images that each tag had (1).", valueName: "number"))
  var keep: Int?
  @Flag(help: "Also the packages and files that images were made from.") var inputs = false
  @Flag(help: "Show what was removed lately, and why; remove nothing.") var history = false

  func validate() throws {
    if let keep, keep < 1 { throw ValidationError("--keep is 1 or more") }
  }

  func run() throws {
    let session = try common.session()
    if history { return try Listing.events(session.history(limit: 1000)).print(as: output.format) }
    var request = CollectRequest(isDryRun: dryRun, immediately: now)
    request.budget = budget
    request.minFree = minFree
    request.olderThan = olderThan
    request.keep = keep
    request.takesInputs = inputs
    let outcome = try session.collect(request)
    Listing.collection(outcome).print(as: output.format)
    if output.format == .table { talk(outcome) }
  }

  private func talk(_ outcome: CollectOutcome) {
    if dryRun {
      var staying = Tally()
      for thing in outcome.staying {
        staying.add(thing.key.description, why: thing.reason.description, thing.bytes)
      }
      for line in staying.lines { Output.line("stays: \(line.what), \(line.why) (\(line.bytes))") }
    }
    if !outcome.going.isEmpty {
      Output.line("\(dryRun ? "would free" : "freed") \(outcome.bytes)")
    }
    if outcome.recent > 0 {
      Output.line("made or used within the last hour: \(outcome.recent); building makes them again")
    }
    if outcome.unbuildable > 0 {
      let images = outcome.unbuildable == 1 ? "image" : "images"
      Output.line(
        "\(outcome.unbuildable) \(images) can then only be built again with inputs fetched anew")
    }
    if outcome.shortfall > .zero {
      Output.talk("\(outcome.shortfall) above the limit still; what is left is in use")
      for help in outcome.help { Output.talk("hint: `\(help.command)` frees \(help.frees)") }
    }
  }
}

extension Listing {
  fileprivate static func collection(_ outcome: CollectOutcome) -> Listing {
    var listing = Listing(
      kind: "gc",
      columns: [
        .init(outcome.isDryRun ? "would go" : "went"), .init("why"),
        .init("bytes", alignsRight: true),
      ],
      nothing: "nothing to remove")
    listing.items =
      outcome.going.map {
        item($0.subject.description, $0.reason.rawValue, $0.bytes, goes: true)
      }
      + (outcome.isDryRun ? outcome.staying : []).map {
        item($0.key.description, $0.reason.description, $0.bytes, goes: false)
      }
    listing.members = [
      "freed_bytes": .integer(outcome.bytes.bytes), "dry_run": .bool(outcome.isDryRun),
      "shortfall_bytes": .integer(outcome.shortfall.bytes),
      "unbuildable_images": .integer(Int64(outcome.unbuildable)),
      "recent": .integer(Int64(outcome.recent)),
      "longest_lock_microseconds": .integer(Int64(outcome.longestLock / 1000)),
      "help": .array(
        outcome.help.map {
          .object(["command": .string($0.command), "frees_bytes": .integer($0.frees.bytes)])
        }),
    ]
    var going = Tally()
    for candidate in outcome.going {
      going.add(
        candidate.subject.description, why: candidate.reason.rawValue, candidate.bytes,
        alone: outcome.isDryRun)
    }
    listing.rows = going.lines.map { [$0.what, $0.why, "\($0.bytes)"] }
    return listing
  }

  private static func item(
    _ subject: String, _ reason: String, _ bytes: ByteCount, goes: Bool
  ) -> JSON {
    .object([
      "subject": .string(subject), "reason": .string(reason),
      "allocated_bytes": .integer(bytes.bytes), "goes": .bool(goes),
    ])
  }

  fileprivate static func events(_ events: [EventRecord]) -> Listing {
    var listing = Listing(
      kind: "events",
      columns: [
        .init("when"), .init("what"), .init("subject"), .init("why"),
        .init("bytes", alignsRight: true), .init("by"),
      ], nothing: "nothing was removed yet")
    for event in events {
      listing.add(
        [
          Age.text(of: event.at), event.action, Tally.shortened(event.subject), event.reason,
          "\(ByteCount(event.bytes))", event.actor,
        ],
        [
          "at": .string(SourceDate(event.at).rfc3339), "action": .string(event.action),
          "subject": .string(event.subject), "reason": .string(event.reason),
          "bytes": .integer(event.bytes), "actor": .string(event.actor),
        ])
    }
    return listing
  }
}

extension SizeLimit: ExpressibleByArgument {
  package init?(argument: String) {
    if argument == "none" {
      self = .none
    } else if let size = ByteCount(argument) {
      self = .at(size)
    } else {
      return nil
    }
  }
}

extension TimeSpan: ExpressibleByArgument {
  package init?(argument: String) {
    self.init(argument)
  }
}
