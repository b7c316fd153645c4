internal import Host

/// What a VM changed in its workspace: stored, checked, and ready to be looked at or applied.
///
/// Everything in it comes from the guest and is taken for hostile: `docs/formats/workspace.md`
/// lists what is refused and what is left out.
package struct WorkspaceChanges: Sendable {
  /// What applying does, in the order of a walk. A directory that goes stands for all below it.
  package let list: [WorkspaceChange]
  /// What the guest changed and applying leaves alone.
  package let leftOut: [WorkspaceLeftOut]

  let plan: ChangePlan
  let file: ChangesFile

  /// Reads what `ChangesWriter` stored and works out what it means for the workspace.
  ///
  /// - Parameter snapshot: of the archive that the VM got.
  package static func load(
    path: String, snapshot: WorkspaceSnapshot, limits: ChangesLimits = ChangesLimits()
  ) throws -> WorkspaceChanges {
    let file = try ChangesFile(path)
    let plan = try ChangePlan(try file.members(limits), on: snapshot)
    return WorkspaceChanges(list: plan.list, leftOut: plan.leftOut, plan: plan, file: file)
  }

  /// Nothing to apply; something may still be left out.
  package var isEmpty: Bool { list.isEmpty }

  /// The content of an added or changed file, for showing it.
  ///
  /// - Returns: its first `limit` bytes; nil for everything but files with content of their own.
  package func content(of path: [UInt8], limit: Int) throws -> [UInt8]? {
    guard let step = plan.steps.first(where: { $0.path == path }) else { return nil }
    let content: ChangeContent
    switch step.action {
    case .file(let found): content = found
    case .hardLink(_, let found?): content = found
    default: return nil
    }
    var bytes: [UInt8] = []
    try file.read(
      ChangeContent(offset: content.offset, size: min(content.size, UInt64(clamping: limit)))
    ) { piece in
      bytes += piece
      return true
    }
    return bytes
  }

  /// What the host changed too since the workspace was sent, among the paths that would be
  /// changed. A path that is on the host as it would be made is no conflict.
  package func conflicts(in directory: String) throws -> [WorkspaceConflict] {
    try WorkspaceInspection(plan, file, try WorkspaceTree(directory)).conflicts
  }
}
