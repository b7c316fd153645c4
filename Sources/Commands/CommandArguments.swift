/// `hutch run IMAGE [options] -- COMMAND…`, where the dashes may be left out if the command does not
/// begin with one: then they are put where they belong, so that what follows is the command's.
enum CommandArguments {
  /// Verbs that end with somebody else's command line.
  private static let verbs: Set<String> = ["run", "exec"]

  /// Options of these verbs that take the next word as their value.
  static let optionsWithValue: Set<String> = [
    "--store", "--progress", "--cpus", "--memory", "--disk", "--workspace", "--name", "--timeout",
    "--env", "-e", "--workdir", "-w", "--user", "-u",
  ]

  /// The words of the whole command line, without the program's name.
  static func completed(_ words: [String]) -> [String] {
    guard let verb = words.first, verbs.contains(verb), !words.contains("--") else { return words }
    var index = 1
    var hasSubject = false
    while index < words.count {
      let word = words[index]
      if word.hasPrefix("-") && word != "-" {
        index += optionsWithValue.contains(word) ? 2 : 1
      } else if hasSubject {
        return words[..<index] + ["--"] + words[index...]
      } else {
        hasSubject = true
        index += 1
      }
    }
    return words
  }
}
