import ArgumentParser
import Glibc
import Host
import Testing

// The verbs are nobody's but the executable's, so they stay internal.
@testable import Commands

/// `--help` of every verb, as it is printed 80 columns wide. `HUTCH_ACCEPT=1` writes the files
/// anew; such a run fails, so that it never passes by accident.
@Suite struct HelpTests {
  static let verbs: [any ParsableCommand.Type] = {
    let configuration = HutchCommand.configuration
    let verbs =
      configuration.groupedSubcommands.flatMap(\.subcommands)
      + configuration.ungroupedSubcommands
    return verbs + verbs.flatMap { $0.configuration.subcommands }
  }()

  static let directory: String = {
    let folders = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    return folders.joined(separator: "/") + "/Golden"
  }()

  private func compare(_ text: String, _ name: String) throws {
    let path = "\(Self.directory)/\(name).txt"
    if HostEnvironment.current["HUTCH_ACCEPT"] != nil {
      try Files.write(path, Array(text.utf8), durable: false)
      Issue.record("wrote \(path); run again without HUTCH_ACCEPT")
      return
    }
    let golden = (try? Files.read(path, limit: 1 << 20)) ?? []
    #expect(
      text == String(decoding: golden, as: UTF8.self),
      "help of \(name) changed; HUTCH_ACCEPT=1 takes it over")
  }

  private func name(of verb: any ParsableCommand.Type) -> String {
    verb.configuration.commandName ?? "\(verb)"
  }

  @Test func `help of every verb is as it was`() throws {
    try compare(HutchCommand.helpMessage(columns: 80) + "\n", "hutch")
    for verb in Self.verbs {
      let text = HutchCommand.helpMessage(for: verb, columns: 80) + "\n"
      try compare(text, name(of: verb))
    }
  }

  @Test func `no golden help is of a verb that no longer is`() throws {
    let known = Set(Self.verbs.map { name(of: $0) + ".txt" } + ["hutch.txt"])
    #expect(try Set(Files.list(Self.directory)).subtracting(known).isEmpty)
  }

  @Test func `every verb and every option says what it is for`() {
    for verb in Self.verbs {
      #expect(!verb.configuration.abstract.isEmpty, "\(verb)")
      let text = HutchCommand.helpMessage(for: verb, columns: 400)
      // Where a name is too long for its column, one space is left before the text.
      let bare = text.split(separator: "\n").filter { line in
        guard line.hasPrefix("  -") || line.hasPrefix("  <") else { return false }
        return line.split(separator: " ").allSatisfy { "-<".contains($0.first ?? "-") }
      }
      #expect(bare.isEmpty, "\(verb): \(bare)")
    }
  }
}
