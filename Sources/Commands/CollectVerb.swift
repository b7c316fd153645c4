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
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var output: FormatOption
  @Flag(help: "Say what would go and what stays, and why; remove nothing.") var dryRun = false
  @Flag(help: "Without the hour of grace.") var now = false

  func run() throws {
    let outcome = try common.session().collect(
      CollectRequest(isDryRun: dryRun, immediately: now))
    var listing = Listing(
      kind: "gc",
      columns: [
        .init(dryRun ? "would go" : "went"), .init("why"), .init("bytes", alignsRight: true),
      ],
      nothing: "nothing to remove")
    listing.items =
      outcome.going.map {
        Self.item($0.subject.description, $0.reason.rawValue, $0.bytes, goes: true)
      }
      + (dryRun ? outcome.staying : []).map {
        Self.item($0.key.description, $0.reason.description, $0.bytes, goes: false)
      }
    listing.members = ["freed_bytes": .integer(outcome.bytes.bytes), "dry_run": .bool(dryRun)]
    var going = Tally()
    for candidate in outcome.going {
      going.add(
        candidate.subject.description, why: candidate.reason.rawValue, candidate.bytes,
        alone: dryRun)
    }
    listing.rows = going.lines.map { [$0.what, $0.why, "\($0.bytes)"] }
    listing.print(as: output.format)
    guard output.format == .table else { return }
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
  }

  private static func item(
    _ subject: String, _ reason: String, _ bytes: ByteCount, goes: Bool
  ) -> JSON {
    .object([
      "subject": .string(subject), "reason": .string(reason),
      "allocated_bytes": .integer(bytes.bytes), "goes": .bool(goes),
    ])
  }
}
