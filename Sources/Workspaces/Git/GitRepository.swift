internal import Host

/// The host's repository that a workspace lies in, as git itself says.
package struct GitRepository: Sendable {
  /// Top of the work tree; absolute.
  package let top: String
  /// Where the workspace lies below it; empty for the top itself.
  package let prefix: String
  /// What HEAD is; nil where nothing was committed yet.
  package let head: String?
  /// The branch that HEAD names, in full; nil for a detached HEAD.
  package let branch: String?
  /// `sha1` or `sha256`.
  let objectFormat: String
  /// Its list of commits without parents, and its own list of what is ignored.
  let shallowFile: String
  let excludeFile: String

  var tool: GitTool { GitTool(.users(top)) }
  var isShallow: Bool { Files.exists(shallowFile) }

  /// nil if the directory is in no work tree. A repository that git refuses is an error.
  package static func find(_ directory: String) throws -> GitRepository? {
    let tool = GitTool(.users(directory))
    let arguments = [
      "rev-parse", "--path-format=absolute", "--is-inside-work-tree", "--show-toplevel",
      "--show-prefix", "--show-object-format", "--git-path", "shallow", "--git-path",
      "info/exclude",
    ]
    let result = try tool.run(arguments)
    guard result.status.isSuccess else {
      let said = result.errorTail
      if said.contains("not a git repository") || said.contains("must be run in a work tree") {
        return nil
      }
      throw tool.failure(["rev-parse", "--show-toplevel"], said)
    }
    let lines = result.text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
      .map(String.init)
    // Paths with line ends in them can't be told apart.
    guard lines.count == 6, lines[0] == "true", lines[1].hasPrefix("/") else { return nil }
    var prefix = lines[2]
    if prefix.hasSuffix("/") { prefix.removeLast() }
    let head = try tool.line(["rev-parse", "-q", "--verify", "HEAD^{commit}"])
    let branch = try tool.line(["symbolic-ref", "-q", "HEAD"])
    return GitRepository(
      top: lines[1], prefix: prefix, head: head,
      branch: branch.flatMap { $0.hasPrefix("refs/heads/") ? $0 : nil }, objectFormat: lines[3],
      shallowFile: lines[4], excludeFile: lines[5])
  }

  /// Whether the directory is a part of it: its top, or with tracked files. A directory that
  /// merely lies below somebody's work tree (a scratch directory, a project in a home that is a
  /// repository) is not.
  package var holdsWorkspace: Bool {
    get throws {
      if prefix.isEmpty { return true }
      return try !tool.output(["ls-files", "-z", "--", prefix]).isEmpty
    }
  }

  /// Effective values of the user's configuration for these keys.
  func configuration(_ keys: [String]) throws -> [String: String] {
    let pattern = "^(" + keys.map { $0.replacing(".", with: "\\.") }.joined(separator: "|") + ")$"
    let result = try tool.run(["config", "-z", "--get-regexp", pattern])
    var values: [String: String] = [:]
    for entry in result.output.split(separator: 0) {
      let parts = String(decoding: entry, as: UTF8.self)
        .split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
      values[String(parts[0])] = parts.count == 2 ? String(parts[1]) : "true"
    }
    return values
  }
}
