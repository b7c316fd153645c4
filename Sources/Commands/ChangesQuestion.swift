internal import Glibc
internal import Pipeline
internal import Vocabulary
internal import Workspaces

/// Asks the person in front of the terminal what is to become of a command's changes.
enum ChangesQuestion {
  /// More than a screen of changes says nothing to anybody.
  private static let most = 40

  /// `.ask` where nobody is there to answer: then they are kept.
  static func ask(_ changes: WorkspaceChanges) -> WorkspaceEnding {
    guard isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1 else { return .ask }
    for change in changes.list.prefix(most) { Output.talk("  \(line(change))") }
    if changes.list.count > most { Output.talk("  and \(changes.list.count - most) more") }
    while true {
      Output.write("apply these changes? [y]es, [n]o: discard, [k]eep for later: ", to: 2)
      guard let answer = readLine() else { return .ask }
      switch answer.lowercased() {
      case "y", "yes": return .apply
      case "n", "no", "discard": return .discard
      case "k", "keep", "": return .ask
      default: continue
      }
    }
  }

  /// A guest chose the name: it must not move the cursor.
  static func line(_ change: WorkspaceChange) -> String {
    let name = ProgressDisplay.clean(String(decoding: change.path, as: UTF8.self))
    let warning = change.warning.map { "   (careful: \($0.explanation))" } ?? ""
    return "\(change.kind.rawValue)  \(name)\(warning)"
  }
}
