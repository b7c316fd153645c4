internal import GuestProtocol
internal import Host

/// What applying a change set does, worked out from the change set and the snapshot alone.
struct ChangePlan: Sendable {
  struct Step: Sendable {
    enum Action: Sendable, Equatable {
      case remove
      /// Makes it, or sets the mode of one that was there.
      case directory
      case file(ChangeContent)
      case symbolicLink(target: [UInt8])
      /// `content` is what the file of that path has in the end; nil where `to` stays as it was.
      case hardLink(to: [UInt8], content: ChangeContent?)
    }

    var path: [UInt8]
    /// What was sent.
    var before: WorkspaceSnapshot.Entry?
    var action: Action
    /// As it is to be on the host.
    var mode: UInt32
    var modified: Int64
    var modifiedNanoseconds: UInt32

    /// Whether a whole directory makes place for something else.
    var replacesDirectory: Bool {
      before?.kind == .directory && action != .directory && action != .remove
    }

    /// Whether a directory that is there may be one that applying made and could not finish: its
    /// owner may still do what the owner may not in the end.
    func isUnfinished(_ now: FileStatus) -> Bool {
      action == .directory && now.kind == .directory && now.mode & ~mode & 0o700 != 0
    }

    var changesModeOnly: Bool { before?.kind == .directory && action == .directory }
  }

  /// In the order of `Paths.precedes`: parents first.
  var steps: [Step] = []
  var leftOut: [WorkspaceLeftOut] = []
  /// Files that stay as they were sent and get a further name, by their paths.
  var shared: [[UInt8]: WorkspaceSnapshot.Entry] = [:]

  /// - Parameter members: as `ChangesScan.finish` gives them.
  init(_ members: [ChangeMember], on snapshot: WorkspaceSnapshot) throws(WorkspacesError) {
    var view = ChangeView(members, snapshot)
    try view.merge()
    view.guardRepositories()
    try view.judgeLinks()
    view.keepParentsOfKept()
    leftOut = view.leftOut
    for node in view.nodes {
      guard let step = view.step(node) else { continue }
      steps.append(step)
      if case .hardLink(let path, nil) = step.action {
        shared[path] = snapshot.index(of: path).map { snapshot.entries[$0] }
      }
    }
  }

  /// Permission bits that a file gets on the host.
  ///
  /// Group and others get the right to write only where they had it: the guest's umask is not the
  /// user's, and a file that others may write is not theirs to give. A directory stays passable for
  /// its owner, and keeps the set-id and sticky bits that the host gave it.
  static func mode(_ wanted: UInt32, before: WorkspaceSnapshot.Entry?, _ kind: TarKind) -> UInt32 {
    let former = before.map { ($0.kind == .directory) == (kind == .directory) ? $0.mode : 0 } ?? 0
    let bits = wanted & 0o777 & ~(0o022 & ~former)
    return kind == .directory ? bits | 0o500 | former & 0o7000 : bits
  }
}

extension ChangePlan {
  /// The steps as a person sees them.
  var list: [WorkspaceChange] {
    var list: [WorkspaceChange] = []
    for step in steps {
      if step.action == .remove, let last = list.last, Paths.isBelow(step.path, last.path),
        last.kind == .removed || last.formerNode == .directory
      {
        list[list.count - 1].below += 1
        continue
      }
      list.append(step.change)
    }
    return list
  }
}

extension ChangePlan.Step {
  fileprivate var change: WorkspaceChange {
    var change = WorkspaceChange(
      kind: before == nil ? .added : .changed, path: path, node: .file, formerNode: nil, size: 0,
      mode: mode, target: [], below: 0, warning: ExecutionHazard.of(path))
    switch action {
    case .remove:
      change.kind = .removed
      change.warning = nil
    case .directory: change.node = .directory
    case .file(let content): change.size = content.size
    case .symbolicLink(let target):
      change.node = .symbolicLink
      change.target = target
    case .hardLink(let target, let content):
      change.size = content?.size ?? 0
      change.target = target
    }
    guard let before else { return change }
    if action == .remove {
      change.node = before.kind
      change.size = before.size
      change.mode = before.mode & 0o777
    } else if before.kind != change.node {
      change.formerNode = before.kind
    }
    return change
  }
}
