internal import Host

/// The commits of a VM, checked and kept by the host, and what they change all together.
package struct GitChanges: Sendable {
  package struct Commit: Sendable, Equatable {
    /// Its object's name in full.
    package var id: String
    /// From the guest: not to be printed as they are.
    package var author: String
    package var subject: String
  }

  /// The last of them, in full.
  package let tip: String
  /// The newest first; of many only the first.
  package let commits: [Commit]
  package let commitCount: Int
  /// Whether all of it comes after what was sent.
  package let descends: Bool
  package let list: [WorkspaceChange]
  /// Lines added and removed; nil for what has none.
  package let lines: [[UInt8]: LineCount]

  let place: GitPlace

  package struct LineCount: Sendable, Equatable {
    package var added: Int
    package var removed: Int
  }

  private static let mostCommits = 20

  /// What is kept in a VM's folder.
  package static func load(_ path: String) throws -> GitChanges {
    let place = try GitPlace(existing: path)
    guard let tip = try place.tool.line(["rev-parse", "-q", "--verify", GitPlace.resultName])
    else { throw WorkspacesError.gitRefused(.noCommit) }
    return try GitChanges(place, tip: tip)
  }

  init(_ place: GitPlace, tip: String) throws {
    self.place = place
    self.tip = tip
    let tool = place.tool
    let base = try place.comparable()
    let range = [tip] + (place.base.map { ["^" + $0] } ?? [])
    commitCount = try tool.line(["rev-list", "--count"] + range).flatMap { Int($0) } ?? 0
    let log = try tool.output(
      [
        "log", "-z", "--no-show-signature", "--no-color", "--max-count=\(Self.mostCommits)",
        "--format=%H%x1f%an%x1f%s",
      ] + range)
    commits = log.split(separator: 0).compactMap { record in
      let parts = String(decoding: record, as: UTF8.self)
        .split(separator: "\u{1f}", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { return nil }
      return Commit(id: String(parts[0]), author: String(parts[1]), subject: String(parts[2]))
    }
    if let sent = place.base {
      descends = try tool.run(["merge-base", "--is-ancestor", sent, tip]).status.isSuccess
    } else {
      descends = true
    }
    list = try Self.list(tool, from: base, to: tip)
    lines = Self.lines(tool, from: base, to: tip)
  }

  private static let plain = ["--no-ext-diff", "--no-textconv", "--no-renames", "--no-color", "-z"]

  /// One entry of `git diff-tree --raw -z`.
  private struct Raw {
    var newMode: String
    var oldObject: String
    var newObject: String
    var status: Character
    var path: [UInt8]
  }

  private static func raw(_ tool: GitTool, from base: String, to tip: String) throws -> [Raw] {
    let output = try tool.output(
      ["diff-tree", "-r", "--raw", "--no-abbrev"] + plain + [base, tip])
    let fields = output.split(separator: 0)
    return stride(from: 0, to: fields.count - 1, by: 2).compactMap { index in
      let head = String(decoding: fields[index], as: UTF8.self).split(separator: " ")
      guard head.count == 5, let status = head[4].first else { return nil }
      return Raw(
        newMode: String(head[1]), oldObject: String(head[2]), newObject: String(head[3]),
        status: status, path: [UInt8](fields[index + 1]))
    }
  }

  /// A second look at the names, with our own rules beside git's.
  static func checkPaths(_ tool: GitTool, from base: String, to tip: String) throws {
    for entry in try raw(tool, from: base, to: tip) where entry.status != "D" {
      let parts = entry.path.split(separator: Paths.slash, omittingEmptySubsequences: false)
      let isPlain = parts.allSatisfy {
        !$0.isEmpty && !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8)
          && !GitGuard.isGitName($0)
      }
      guard isPlain else { throw WorkspacesError.gitRefused(.gitPath(entry.path)) }
    }
  }

  private static func list(
    _ tool: GitTool, from base: String, to tip: String
  ) throws -> [WorkspaceChange] {
    let entries = try raw(tool, from: base, to: tip)
    let asked = entries.map { ($0.status == "D" ? $0.oldObject : $0.newObject) + "\n" }.joined()
    let answer =
      entries.isEmpty
      ? [] : try tool.output(["cat-file", "--batch-check=%(objectsize)"], input: Array(asked.utf8))
    let sizes = answer.split(separator: 10).map { UInt64(String(decoding: $0, as: UTF8.self)) }
    return try entries.enumerated().map { index, entry in
      let isLink = entry.newMode == "120000"
      var change = WorkspaceChange(
        kind: entry.status == "A" ? .added : entry.status == "D" ? .removed : .changed,
        path: entry.path, node: isLink ? .symbolicLink : .file, formerNode: nil,
        size: isLink ? 0 : (index < sizes.count ? sizes[index] ?? 0 : 0),
        mode: entry.newMode == "100755" ? 0o755 : 0o644, target: [], below: 0, warning: nil)
      guard change.kind != .removed else { return change }
      change.warning = ExecutionHazard.of(entry.path)
      if entry.newMode == "160000" { change.warning = .versionControl }
      if isLink {
        change.target = try target(tool, entry.newObject)
        if case .leadsOut = LinkRule.judge(link: entry.path, target: change.target) {
          change.warning = .linkOut
        }
      }
      return change
    }
  }

  private static func target(_ tool: GitTool, _ object: String) throws -> [UInt8] {
    try [UInt8](tool.output(["cat-file", "blob", object]).prefix(4096))
  }

  /// For people; where comparing takes too long there is none.
  private static func lines(
    _ tool: GitTool, from base: String, to tip: String
  ) -> [[UInt8]: LineCount] {
    let arguments = ["diff-tree", "-r", "--numstat"] + plain + [base, tip]
    guard let result = try? tool.run(arguments, milliseconds: 30_000), result.status.isSuccess
    else { return [:] }
    var counts: [[UInt8]: LineCount] = [:]
    for record in result.output.split(separator: 0) {
      let parts = record.split(separator: 9, maxSplits: 2)
      guard parts.count == 3, let added = Int(String(decoding: parts[0], as: UTF8.self)),
        let removed = Int(String(decoding: parts[1], as: UTF8.self))
      else { continue }
      counts[[UInt8](parts[2])] = LineCount(added: added, removed: removed)
    }
    return counts
  }

  /// Repositories that the guest made inside: only their names are in its commits.
  package func nestedRepositories() throws -> [[UInt8]] {
    try Self.raw(place.tool, from: try place.comparable(), to: tip)
      .filter { $0.newMode == "160000" }.map(\.path)
  }
}
