internal import ArgumentParser
internal import Pipeline
internal import Vocabulary

struct DoctorVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Say what this machine lacks, and how to get it.")

  @OptionGroup var common: CommonOptions
  @OptionGroup var output: FormatOption

  func run() throws {
    let findings = Doctor(store: common.store).examine()
    var listing = Listing(
      kind: "findings", columns: [.init("check"), .init("state"), .init("detail")], nothing: "")
    for finding in findings {
      listing.add(
        [finding.check, finding.state.rawValue, finding.detail],
        [
          "check": .string(finding.check), "state": .string(finding.state.rawValue),
          "detail": .string(finding.detail), "hint": .optional(finding.hint),
        ])
    }
    listing.print(as: output.format)
    if output.format == .table {
      for finding in findings {
        if let hint = finding.hint { Output.line("hint: \(hint)") }
      }
    }
    if findings.contains(where: { $0.state == .missing }) {
      throw ExitCode(FailureKind.missingHostTool.rawValue)
    }
  }
}
