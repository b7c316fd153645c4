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
    for candidate in outcome.going {
      listing.add(
        [candidate.subject.description, candidate.reason.rawValue, "\(candidate.bytes)"],
        [
          "subject": .string(candidate.subject.description),
          "reason": .string(candidate.reason.rawValue),
          "allocated_bytes": .integer(candidate.bytes.bytes), "goes": .bool(true),
        ])
    }
    if dryRun {
      for staying in outcome.staying {
        listing.items.append(
          .object([
            "subject": .string(staying.key.description),
            "reason": .string(staying.reason.description),
            "allocated_bytes": .integer(staying.bytes.bytes), "goes": .bool(false),
          ]))
      }
    }
    listing.members = ["freed_bytes": .integer(outcome.bytes.bytes), "dry_run": .bool(dryRun)]
    listing.print(as: output.format)
    guard output.format == .table else { return }
    if dryRun {
      for staying in outcome.staying {
        Output.line("stays: \(staying.key), \(staying.reason) (\(staying.bytes))")
      }
    }
    if !outcome.going.isEmpty {
      Output.line("\(dryRun ? "would free" : "freed") \(outcome.bytes)")
    }
  }
}
