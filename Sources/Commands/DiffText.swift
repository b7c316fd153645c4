internal import Inputs
package import Layers
package import Pipeline
package import Vocabulary

/// A comparison as people read it.
package enum DiffText {
  /// Packages, then files, then a line that sums up.
  ///
  /// - Parameter all: also what is in directories that are new or gone as a whole, and directories
  ///   of which only the time differs.
  package static func text(_ outcome: DiffOutcome, all: Bool = false) -> String {
    let packages = outcome.packages ?? []
    if packages.isEmpty && outcome.files.isEmpty { return "no differences\n" }
    var parts: [String] = []
    if !packages.isEmpty { parts.append(Self.packages(packages)) }
    if !outcome.files.isEmpty { parts.append(files(outcome.files, all: all)) }
    parts.append(summary(outcome))
    return parts.joined(separator: "\n")
  }

  private static func packages(_ packages: [PackageChange]) -> String {
    var listing = Listing(
      kind: "", columns: [.init("package"), .init("change"), .init("before"), .init("after")],
      nothing: "")
    listing.rows = packages.map { package in
      [package.name, package.kind.rawValue, package.before ?? "-", package.after ?? "-"]
        .map(ProgressDisplay.clean)
    }
    return listing.table
  }

  private static func files(_ files: TreeDifference, all: Bool) -> String {
    var listing = Listing(
      kind: "",
      columns: [
        .init("file"), .init("change"), .init("size", alignsRight: true), .init("what"),
      ], nothing: "")
    var hidden = 0
    var rows: [FoldedChange] = []
    if all {
      rows = files.changes.map(FoldedChange.init)
    } else {
      for row in FoldedChange.fold(files.changes) {
        if row.change.isTimeOfDirectory { hidden += 1 } else { rows.append(row) }
      }
    }
    listing.rows = rows.map { row in
      let slash = row.change.entry.kind == .directory ? "/" : ""
      return [
        ProgressDisplay.clean(row.change.entry.path.description + slash),
        row.change.kind.rawValue, row.bytes == .zero ? "" : "\(row.bytes)",
        row.inside > 0
          ? "with \(row.inside) inside"
          : ProgressDisplay.clean(row.change.values(isDetailed: false).joined(separator: ", ")),
      ]
    }
    let note =
      hidden == 0 ? "" : "and the times of \(hidden) directories; --all lists them\n"
    return (rows.isEmpty ? "" : listing.table) + note
  }

  private static func summary(_ outcome: DiffOutcome) -> String {
    var parts: [String] = []
    if let packages = outcome.packages {
      let counts = count(packages.map(\.kind.rawValue))
      parts.append("packages: " + (counts.isEmpty ? "the same" : counts))
    }
    let counts = count(outcome.files.changes.map(\.kind.rawValue))
    parts.append("files: " + (counts.isEmpty ? "the same" : counts))
    parts.append("+\(outcome.files.addedBytes) -\(outcome.files.removedBytes)")
    return parts.joined(separator: "; ") + "\n"
  }

  /// `3 added, 1 removed`.
  private static func count(_ kinds: [String]) -> String {
    ["added", "removed", "upgraded", "downgraded", "changed"].compactMap { kind in
      let count = kinds.count { $0 == kind }
      return count == 0 ? nil : "\(count) \(kind)"
    }.joined(separator: ", ")
  }
}

/// A change, and how much of what was added or removed with it lies inside.
package struct FoldedChange: Sendable {
  package var change: TreeDifference.Change
  package var inside = 0
  package var bytes: ByteCount

  package init(_ change: TreeDifference.Change) {
    self.change = change
    bytes = change.entry.size
  }

  /// What lies in a directory that was added or removed is told by the directory.
  package static func fold(_ changes: [TreeDifference.Change]) -> [FoldedChange] {
    var folded: [FoldedChange] = []
    // The row that tells of a directory, by its path. Directories come before what is in them.
    var rows: [GuestPath: Int] = [:]
    for change in changes {
      let path = change.entry.path
      var row = folded.count
      if change.kind != .changed, let parent = path.parent, let above = rows[parent],
        folded[above].change.kind == change.kind
      {
        row = above
        folded[row].inside += 1
        folded[row].bytes += change.entry.size
      } else {
        folded.append(FoldedChange(change))
      }
      if change.kind != .changed, change.entry.kind == .directory { rows[path] = row }
    }
    return folded
  }
}

extension TreeDifference.Change {
  fileprivate var isTimeOfDirectory: Bool { fields == [.time] && entry.kind == .directory }

  /// What differs, a part for each field: with both values where they are short, or always.
  package func values(isDetailed: Bool) -> [String] {
    guard let before, let after else {
      let entry = entry
      return [entry.kind.target.map { "\(entry.kind.name) to \($0)" } ?? entry.kind.name]
    }
    return fields.map { field in
      switch field {
      case .kind: "\(before.entry.kind.name) -> \(after.entry.kind.name)"
      case .content:
        isDetailed ? "content \(Self.content(before)) -> \(Self.content(after))" : "content"
      case .target:
        "target \(before.entry.kind.target ?? "-") -> \(after.entry.kind.target ?? "-")"
      case .mode: "mode \(before.entry.octalMode) -> \(after.entry.octalMode)"
      case .owner:
        "owner \(before.entry.uid):\(before.entry.gid) -> \(after.entry.uid):\(after.entry.gid)"
      case .attributes:
        isDetailed
          ? "attributes \(Self.attributes(before)) -> \(Self.attributes(after))" : "attributes"
      case .time:
        isDetailed
          ? "time \(SourceDate(before.entry.modified).rfc3339)"
            + " -> \(SourceDate(after.entry.modified).rfc3339)" : "time"
      }
    }
  }

  private static func content(_ item: TableOfContents.Item) -> String {
    "\(item.entry.size) (\(item.digest?.short ?? "-"))"
  }

  private static func attributes(_ item: TableOfContents.Item) -> String {
    let all = item.entry.attributes.map {
      "\(String(decoding: $0.name, as: UTF8.self))=\(Hex.encode($0.value))"
    }
    return all.isEmpty ? "none" : all.joined(separator: " ")
  }
}
