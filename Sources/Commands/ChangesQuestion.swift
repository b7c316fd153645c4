internal import Glibc
internal import Pipeline
internal import Vocabulary
internal import Workspaces

/// Asks the person in front of the terminal what is to become of a command's changes.
enum ChangesQuestion {
  /// More than a screen of changes says nothing to anybody.
  private static let most = 40

  /// `.ask` where nobody is there to answer: then they are kept.
  static func ask(_ work: WorkspaceWork, _ name: String) -> WorkspaceEnding {
    guard isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1 else { return .ask }
    var question = "apply these changes?"
    if case .branch(let changes) = work {
      for line in commits(changes, name) { Output.talk(line) }
      question = "make the branch \"\(GitChanges.branch(of: name))\"?"
    }
    for change in work.list.prefix(most) { Output.talk("  \(line(change, work))") }
    if work.list.count > most { Output.talk("  and \(work.list.count - most) more") }
    while true {
      Output.write("\(question) [y]es, [n]o: discard, [k]eep for later: ", to: 2)
      guard let answer = readLine() else { return .ask }
      switch answer.lowercased() {
      case "y", "yes": return .apply
      case "n", "no", "discard": return .discard
      case "k", "keep", "": return .ask
      default: continue
      }
    }
  }

  /// A guest chose names, authors and subjects: they must not move the cursor.
  static func line(_ change: WorkspaceChange, _ work: WorkspaceWork) -> String {
    let name = ProgressDisplay.clean(String(decoding: change.path, as: UTF8.self))
    let lines = work.lines(of: change).map { "  +\($0.added) -\($0.removed)" } ?? ""
    let warning = change.warning.map { "   (careful: \($0.explanation))" } ?? ""
    return "\(change.kind.rawValue)  \(name)\(lines)\(warning)"
  }

  /// What will be on the branch, the newest first.
  static func commits(_ changes: GitChanges, _ name: String) -> [String] {
    var lines = changes.commits.map { commit in
      ProgressDisplay.clean("\(commit.id.prefix(10))  \(commit.subject)  (\(commit.author))")
    }
    let rest = changes.commitCount - changes.commits.count
    if rest > 0 { lines.append("and \(rest) more commits") }
    if !changes.descends { lines.append("careful: they do not come after what was sent") }
    return lines
  }
}
