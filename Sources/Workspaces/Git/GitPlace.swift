internal import Host

/// The repository of ours that a VM gets a copy of, and that takes what comes back: a directory in
/// the VM's folder, with no hooks, no remotes and a configuration that we wrote.
package struct GitPlace: Sendable {
  /// The git directory.
  package let path: String
  /// What was sent as HEAD; nil if nothing was committed.
  package let base: String?

  /// The names of our own marks, written once the copy is out.
  static let baseName = "refs/hutch/base"
  static let resultName = "refs/hutch/result"

  var tool: GitTool { GitTool(.ours(path)) }
  var isShallow: Bool { Files.exists(path + "/shallow") }

  init(path: String, base: String?) {
    self.path = path
    self.base = base
  }

  /// One that is there already.
  package init(existing path: String) throws {
    self.path = path
    base = try GitTool(.ours(path)).line(["rev-parse", "-q", "--verify", Self.baseName])
  }

  /// An identifier as git writes it, and nothing that could be an option or a name.
  static func isObject(_ text: some StringProtocol) -> Bool {
    (text.utf8.count == 40 || text.utf8.count == 64)
      && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
  }

  /// `base` or the tree that holds nothing, to compare with.
  func comparable() throws -> String {
    if let base { return base }
    guard let empty = try tool.line(["hash-object", "-t", "tree", "/dev/null"]) else {
      throw tool.failure(["hash-object"], "")
    }
    return empty
  }
}

/// How much of the history goes into a VM.
package struct GitHistory: Sendable, Equatable {
  /// Commits, the newest first; nil for what the size of the repository suggests, 0 for all.
  package var commits: Int?

  package init(commits: Int? = nil) { self.commits = commits }

  /// Up to this size all of it goes in.
  static let wholeBelow = 256 << 20
  static let commitsOfLarge = 100
}
