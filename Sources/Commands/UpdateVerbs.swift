internal import ArgumentParser
internal import Glibc
internal import Pipeline
internal import Vocabulary

struct OutdatedVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "outdated", abstract: "List what has become newer since it was locked.",
    discussion: """
      Without a RECIPE: the project's in this directory with its tools or, where there is none, every \
      recipe that has a lock. AGE is that of the locked version, where it has a date; LOCKS are the \
      recipes whose locks hold it. pip and npm are asked in the image before their step, which is built \
      if it is missing. No lock is changed: `hutch update` does that.
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var output: FormatOption
  @Argument(help: "A recipe's name or the path of a .toml file.") var recipe: [String] = []

  func run() throws {
    var listing = Listing(
      kind: "outdated",
      columns: [
        .init("recipe"), .init("package"), .init("locked"), .init("available"), .init("age"),
        .init("locks"),
      ], nothing: "everything is as new as where it comes from")
    for package in try common.session().outdated(recipe) {
      listing.add(
        [
          package.recipe.isEmpty ? "-" : package.recipe, package.name, package.locked,
          package.available, package.date.map { Age.text(of: $0.seconds) } ?? "-",
          package.locks.joined(separator: " "),
        ],
        [
          "recipe": .optional(package.recipe.isEmpty ? nil : package.recipe),
          "kind": .string(package.kind), "package": .string(package.name),
          "locked": .string(package.locked), "available": .string(package.available),
          "locked_date": .optional(package.date?.rfc3339),
          "locks": .array(package.locks.map(JSON.string)),
        ])
    }
    listing.print(as: output.format)
  }
}

struct UpdateVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "update", abstract: "Lock newer versions, and show what changes.",
    discussion: """
      Resolves NAME again, and what it needs; all else in the lock stays. NAME is a package of apt's, \
      pip's or npm's, a tool of the recipe, or `kernel`; of an npm step all packages are resolved \
      again. Without a NAME everything is. Images stay as they are until `hutch build`.
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var output: FormatOption
  @Option(
    name: [.short, .long],
    help: "A recipe's name or path; several times for more. (default: the project's here)")
  var recipe: [String] = []
  @Argument(help: "What may become newer.") var name: [String] = []
  @Flag(name: .long, help: "Only show what would change.") var dryRun = false
  @OptionGroup var secrets: SecretOptions

  func run() throws {
    let session = try common.session()
    var listing = Listing(
      kind: "updates",
      columns: [
        .init("lock"), .init("recipe"), .init("package"), .init("before"), .init("after"),
      ], nothing: "nothing is newer")
    var changed: [String] = []
    for reference in recipe.isEmpty ? [try RecipeFinder.projectHere()] : recipe {
      let outcomes = try session.update(
        UpdateRequest(recipe: reference, names: name, isDry: dryRun, secrets: secrets.secret))
      for outcome in outcomes {
        for change in outcome.changes { add(change, of: outcome, to: &listing) }
      }
      if outcomes.contains(where: { !$0.changes.isEmpty }) { changed.append(reference) }
    }
    listing.print(as: output.format)
    if !dryRun, !changed.isEmpty, output.format == .table, isatty(1) == 1 {
      print("`hutch build \(changed.joined(separator: " "))` builds with it")
    }
  }

  private func add(_ change: LockChange, of outcome: UpdateOutcome, to listing: inout Listing) {
    listing.add(
      [
        outcome.name, change.recipe.isEmpty ? "-" : change.recipe, change.name,
        change.before ?? "-", change.after ?? "-",
      ],
      [
        "lock": .string(outcome.path), "name": .string(outcome.name),
        "recipe": .optional(change.recipe.isEmpty ? nil : change.recipe),
        "kind": .string(change.kind), "package": .string(change.name),
        "before": .optional(change.before), "after": .optional(change.after),
      ])
  }
}
