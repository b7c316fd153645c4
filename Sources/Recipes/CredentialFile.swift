/// What `[agent] credentials` may name: files that hold tokens. What an agent runs by itself, or
/// reads as instructions, is each VM's own: shared, one VM could make another do things.
package enum CredentialFile {
  /// More bytes would not fit into the name of one file on the host.
  static let longest = 80

  package static func isOne(_ path: String) -> Bool { refusal(of: path) == nil }

  /// Completes the sentence `PATH in "credentials" …`.
  static func refusal(of path: String) -> String? {
    if !Names.isPlainRelativePath(path) { return "is no plain path below the user's home" }
    if path.utf8.count > longest { return "has more than \(longest) bytes" }
    if directories.contains(path) { return "is a directory" }
    let name = path.split(separator: "/").last.map(String.init) ?? path
    if settings.contains(name) || path.split(separator: "/").contains("hooks") {
      return "holds settings, hooks or a history"
    }
    return nil
  }

  /// Those of the agents that come with Hutch, and where others keep theirs.
  private static let directories: Set<String> = [
    ".claude", ".codex", ".copilot", ".gemini", ".config", ".config/github-copilot", ".cache",
    ".local", ".local/share", ".local/share/opencode", ".local/state", ".opencode", ".ssh",
    ".gnupg", ".aws", ".azure", ".kube", ".docker",
  ]

  private static let settings: Set<String> = [
    ".bash_history", ".bash_login", ".bash_profile", ".bashrc", ".claude.json", ".envrc",
    ".gitconfig", ".mcp.json", ".profile", ".zprofile", ".zsh_history", ".zshenv", ".zshrc",
    "AGENTS.md", "CLAUDE.md", "GEMINI.md", "authorized_keys", "config.toml", "config.yaml",
    "config.yml", "history.jsonl", "hooks.json", "mcp.json", "opencode.json", "settings.json",
    "settings.local.json",
  ]
}
