internal import ArgumentParser
internal import Layers
internal import Pipeline
internal import Vocabulary

struct VerifyVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Check that the store is whole, or an image what its recipe gives.",
    discussion: """
      Every file that the catalog knows is read and compared with its digest, and whatever is \
      missing or damaged is named, with the images and VMs that it touches. Nothing is changed. \
      The exit status is 10 if anything is damaged. With --repair, damaged files are moved to \
      `quarantine` in the store and had again: from what else is there, from where they were \
      fetched, from recipe and lock; then only what is still damaged counts.

      With --rebuild, the image is built from nothing in a store of its own, which is removed \
      afterwards, with another home, time zone, locale, umask, number of processors and, as far as \
      the machine lets it, host name and user ids. If a layer differs, the first files that do are \
      shown, and the exit status is 6. Secrets that its steps name are needed again. The network is not needed while the store has the inputs.
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var output: FormatOption
  @Flag(help: "Set damaged files aside and have them again.") var repair = false
  @Flag(help: "Only look whether files are there and how long they are.") var quick = false
  @Option(help: ArgumentHelp("Build this image again and compare.", valueName: "image"))
  var rebuild: String?
  @OptionGroup var secrets: SecretOptions

  func validate() throws {
    if rebuild != nil, repair || quick {
      throw ValidationError("--rebuild is about an image, --repair and --quick about the store")
    }
    if rebuild == nil, !secrets.secret.isEmpty {
      throw ValidationError("--secret is for --rebuild")
    }
  }

  func run() throws {
    guard let rebuild else { return try verify() }
    let outcome = try common.session().rebuild(rebuild, secrets: secrets.secret)
    switch output.format {
    case .json: Listing(outcome).print(as: .json)
    case .table: Output.write(RebuildText.text(outcome))
    }
    if !outcome.matched { throw ExitCode(FailureKind.verificationDiffers.rawValue) }
  }

  private func verify() throws {
    let outcome = try common.session().verify(VerifyRequest(isQuick: quick, repairs: repair))
    switch output.format {
    case .json: Listing(outcome).print(as: .json)
    case .table: Output.write(VerifyText.text(outcome))
    }
    if !outcome.isWhole { throw ExitCode(FailureKind.storeDamaged.rawValue) }
  }
}

extension Listing {
  fileprivate init(_ outcome: RebuildOutcome) {
    self.init(kind: "rebuild", columns: [], nothing: "")
    items = outcome.layers.map { layer in
      .object([
        "step": .string("\(layer.step)"), "before": .string(layer.before.description),
        "after": .string(layer.after.description), "same": .bool(layer.isSame),
      ])
    }
    members = [
      "before": .string(outcome.before.description), "after": .string(outcome.after.description),
      "same": .bool(outcome.matched), "varied": .array(outcome.varied.map(JSON.string)),
      "differences": .array(
        outcome.findings.map { finding in
          let lines = finding.lines.map { JSON.array($0.map(JSON.string)) } ?? .null
          return .object(
            (JSON(finding.change).object ?? [:]).merging(["lines": lines]) { first, _ in first })
        }), "difference_count": .integer(Int64(outcome.findingCount)),
      "milliseconds": .integer(Int64(outcome.milliseconds)),
    ]
  }
}

/// A rebuild as people read it.
enum RebuildText {
  static func text(_ outcome: RebuildOutcome) -> String {
    let varied = "built with another " + outcome.varied.joined(separator: ", ")
    let name = ProgressDisplay.clean(outcome.name)
    if outcome.matched {
      return "\"\(name)\" is the same again: \(outcome.layers.count) layers, \(varied)\n"
    }
    var lines = outcome.layers.map { layer in
      let what = layer.isSame ? "same" : "differs"
      let digests =
        layer.isSame
        ? layer.before.digest.short
        : "\(layer.before.digest.short) -> \(layer.after.digest.short)"
      return "\(what)\(layer.isSame ? "   " : "")  \(layer.step)  \(layer.summary)  [\(digests)]"
    }
    if let layer = outcome.layers.first(where: { !$0.isSame }) {
      lines += ["", "step \(layer.step) gave other files:"]
      lines += outcome.findings.flatMap(Self.lines)
      let more = outcome.findingCount - outcome.findings.count
      if more > 0 { lines.append("  and \(more) more") }
    }
    lines += ["", "\"\(name)\" is not the same again: \(varied)"]
    return ProgressDisplay.cleanLines(lines.joined(separator: "\n") + "\n")
  }

  private static func lines(_ finding: RebuildOutcome.Finding) -> [String] {
    let change = finding.change
    // Names out of a layer may hold line ends, texts what moves a cursor.
    let path = ProgressDisplay.clean(change.entry.path.description)
    let values = change.values(isDetailed: true).map(ProgressDisplay.clean)
    return ["  \(path)  \(change.kind.rawValue): \(values.joined(separator: ", "))"]
      + (finding.lines ?? []).map { "    \(ProgressDisplay.clean($0))" }
  }
}
