internal import Pipeline
internal import Vocabulary
internal import Workspaces

extension Listing {
  /// - Parameter name: of the VM.
  init(_ work: WorkspaceWork, of name: String) {
    self.init(
      kind: "changes",
      columns: [
        .init("change"), .init("path"), .init("size", alignsRight: true),
        .init("lines", alignsRight: true), .init(""),
      ],
      nothing: "no changes")
    for change in work.list {
      let path = String(decoding: change.path, as: UTF8.self)
      let lines = work.lines(of: change)
      add(
        [
          change.kind.rawValue, ProgressDisplay.clean(path),
          change.kind == .removed ? "" : "\(ByteCount(Int64(clamping: change.size)))",
          lines.map { "+\($0.added) -\($0.removed)" } ?? "",
          change.warning.map { "careful: \($0.explanation)" } ?? "",
        ],
        [
          "change": .string(change.kind.rawValue), "path": .string(path),
          "size_bytes": .integer(Int64(clamping: change.size)),
          "lines_added": lines.map { .integer(Int64($0.added)) } ?? .null,
          "lines_removed": lines.map { .integer(Int64($0.removed)) } ?? .null,
          "warning": .optional(change.warning?.rawValue),
        ])
    }
    members = [
      "left_out": .array(
        work.leftOut.map {
          .object([
            "path": .string(String(decoding: $0.path, as: UTF8.self)),
            "reason": .string($0.reason.rawValue), "count": .integer(Int64($0.count)),
          ])
        }),
      "branch": .null,
    ]
    guard case .branch(let changes) = work else {
      columns.remove(at: 3)
      for index in rows.indices { rows[index].remove(at: 3) }
      return
    }
    members["branch"] = .object([
      "name": .string(GitChanges.branch(of: name)), "tip": .string(changes.tip),
      "commit_count": .integer(Int64(changes.commitCount)),
      "descends": .bool(changes.descends),
      "commits": .array(
        changes.commits.map {
          .object([
            "commit": .string($0.id), "author": .string($0.author), "subject": .string($0.subject),
          ])
        }),
    ])
  }
}

extension WorkspaceWork {
  func lines(of change: WorkspaceChange) -> GitChanges.LineCount? {
    guard case .branch(let changes) = self else { return nil }
    return changes.lines[change.path]
  }
}
