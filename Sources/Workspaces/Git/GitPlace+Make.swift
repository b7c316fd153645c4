internal import Host

extension GitPlace {
  /// What of the user's configuration goes in: who they are, and how git is to read the bytes of
  /// the work tree.
  private static let carried = [
    "user.name", "user.email", "core.autocrlf", "core.eol", "core.filemode", "core.symlinks",
  ]

  /// Makes one out of the user's repository: the history of HEAD, HEAD on a branch of the same
  /// name, the index as HEAD has it.
  package static func make(
    at path: String, from repository: GitRepository,
    history: GitHistory = GitHistory()
  ) throws -> GitPlace {
    try Files.removeTree(path)
    try Files.makeDirectories(path, mode: 0o700)
    let place = GitPlace(path: path, base: repository.head)
    try place.tool.output([
      "init", "-q", "--bare", "--template=", "--object-format=\(repository.objectFormat)", path,
    ])
    try place.configure(repository)
    if let head = repository.head {
      try place.takeHistory(of: head, repository, history)
      if let branch = repository.branch {
        try place.tool.output(["update-ref", branch, head])
        try place.tool.output(["symbolic-ref", "HEAD", branch])
      } else {
        try place.tool.output(["update-ref", "--no-deref", "HEAD", head])
      }
      try place.tool.output(["read-tree", head])
    } else if let branch = repository.branch {
      try place.tool.output(["symbolic-ref", "HEAD", branch])
    }
    return place
  }

  private func configure(_ repository: GitRepository) throws {
    let values = try repository.configuration(Self.carried)
    for key in Self.carried {
      guard let value = values[key] else { continue }
      try tool.output(["config", "--file", path + "/config", key, value])
    }
    try tool.output(["config", "--file", path + "/config", "core.bare", "false"])
    var ignored: [UInt8] = []
    for file in [repository.excludeFile, try globalExcludes(repository)] {
      guard let bytes = try? Files.read(file, limit: 1 << 20) else { continue }
      ignored += bytes + (bytes.last == 10 ? [] : [10])
    }
    try Files.makeDirectories(path + "/info")
    try Files.write(path + "/info/exclude", ignored, durable: false)
  }

  private func globalExcludes(_ repository: GitRepository) throws -> String {
    if let named = try repository.tool.line(["config", "--path", "--get", "core.excludesFile"]) {
      return named
    }
    let user = HostEnvironment.current
    return (user["XDG_CONFIG_HOME"] ?? user.home + "/.config") + "/git/ignore"
  }

  /// The commits with all that they hold, as one pack.
  private func takeHistory(
    of head: String, _ repository: GitRepository, _ history: GitHistory
  ) throws {
    let ends = try self.ends(of: head, repository, history)
    let asked = ends.map { "--shallow \($0)\n" }.joined() + head + "\n"
    let directory = path + "/objects/pack"
    try Files.makeDirectories(directory)
    try repository.tool.output(
      ["pack-objects", "--revs", "--delta-base-offset", "-q", directory + "/pack"],
      input: Array(asked.utf8))
    if !ends.isEmpty {
      let text = ends.map { $0 + "\n" }.joined()
      try Files.write(path + "/shallow", Array(text.utf8), durable: false)
    }
  }

  /// The commits whose parents stay behind, sorted; empty where all of it goes in.
  private func ends(
    of head: String, _ repository: GitRepository, _ history: GitHistory
  ) throws -> [String] {
    var most = history.commits ?? 0
    if history.commits == nil, try repository.size > GitHistory.wholeBelow {
      most = GitHistory.commitsOfLarge
    }
    guard most > 0 || repository.isShallow else { return [] }
    let limit = most > 0 ? ["--max-count=\(most)"] : []
    let listed = try repository.tool.output(["rev-list", "--parents"] + limit + [head])
    let lines = String(decoding: listed, as: UTF8.self).split(separator: "\n")
      .map { $0.split(separator: " ") }
    let sent = Set(lines.compactMap(\.first))
    var ends = Set(
      lines.filter { $0.dropFirst().contains { !sent.contains($0) } }.compactMap(\.first))
    // In the user's own shallow repository the last commits seem to have no parents.
    if let bytes = try? Files.read(repository.shallowFile, limit: 16 << 20) {
      let known = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
      ends.formUnion(known.filter(sent.contains))
    }
    return ends.map(String.init).sorted()
  }

  /// Makes git inside leave these alone, as far as HEAD has them.
  package func unwatch(_ paths: Set<[UInt8]>) throws {
    guard !paths.isEmpty else { return }
    let known = Set(try tool.output(["ls-files", "-z"]).split(separator: 0).map { [UInt8]($0) })
    let named: [UInt8] = paths.intersection(known).flatMap { path -> [UInt8] in path + [0] }
    guard !named.isEmpty else { return }
    try tool.output(["update-index", "--skip-worktree", "-z", "--stdin"], input: named)
  }

  /// Writes down what was sent; before, so that the copy does not have it, nothing is there.
  package func remember() throws {
    guard let base else { return }
    try tool.output(["update-ref", Self.baseName, base])
  }
}

extension GitRepository {
  /// Bytes of its objects.
  var size: Int {
    get throws {
      let counted = try tool.output(["count-objects", "-v"])
      var kibibytes = 0
      for line in String(decoding: counted, as: UTF8.self).split(separator: "\n")
      where line.hasPrefix("size: ") || line.hasPrefix("size-pack: ") {
        kibibytes += Int(line.split(separator: " ").last ?? "") ?? 0
      }
      return kibibytes << 10
    }
  }
}
