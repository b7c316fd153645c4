internal import ArgumentParser

/// A verb whose last words are somebody else's command line.
protocol TakesCommand: ParsableCommand {
  /// The image or VM that stands before the command.
  var subject: String { get }
  var command: CommandOptions { get }
}

/// `hutch run python --apply -- make test`: options of ours may also stand behind the image, up to
/// `--`. ArgumentParser takes everything behind the image for the command.
enum CommandWords {
  static func parse(_ arguments: [String]) throws -> any ParsableCommand {
    let parsed = try HutchCommand.parseAsRoot(arguments)
    guard let verb = parsed as? any TakesCommand else { return parsed }
    let words = verb.command.command
    // No program's name begins with a dash.
    guard let first = words.first, first.hasPrefix("-"), first != "--" else { return parsed }
    let end = words.firstIndex(of: "--") ?? words.endIndex
    let before = arguments.dropLast(words.count)
    let moved = before.dropLast() + words[..<end] + [verb.subject] + words[end...]
    let again = try HutchCommand.parseAsRoot(Array(moved))
    // Else a word of the command was taken for the image.
    if let found = again as? any TakesCommand, found.subject != verb.subject {
      throw ValidationError(
        "write `--` before the command, or the options before \"\(verb.subject)\"")
    }
    return again
  }
}
