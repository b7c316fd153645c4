internal import Host

/// A plan held against the host's directory as it is now.
struct WorkspaceInspection {
  enum State: Equatable { case pending, done }

  /// One for each step. Without conflicts, `done` is what the host already has.
  private(set) var states: [State] = []
  private(set) var conflicts: [WorkspaceConflict] = []

  private let plan: ChangePlan
  private let file: ChangesFile
  private let tree: WorkspaceTree
  private let planned: Set<[UInt8]>
  /// A directory that is missing, for all that is below it.
  private var missing: (path: [UInt8], isPlanned: Bool)?

  private enum Finding {
    case pending, done
    case conflict(WorkspaceConflict.Reason)
  }

  init(_ plan: ChangePlan, _ file: ChangesFile, _ tree: WorkspaceTree) throws {
    self.plan = plan
    self.file = file
    self.tree = tree
    planned = Set(plan.steps.map(\.path))
    for step in plan.steps { try inspect(step) }
  }

  private mutating func inspect(_ step: ChangePlan.Step) throws {
    states.append(.pending)
    let parent = Paths.parent(step.path)
    var status: FileStatus?
    if try tree.folder(parent) == nil {
      // A step of its own says what becomes of a directory of the plan; others had to be there.
      guard try isPlannedAway(parent) else { return }
    } else {
      status = try tree.status(step.path)
    }
    switch try judge(step, status) {
    case .pending: break
    case .done: states[states.count - 1] = .done
    case .conflict(let reason): conflicts.append(WorkspaceConflict(path: step.path, reason: reason))
    }
    if status?.kind == .directory, step.action == .remove || step.replacesDirectory {
      try lookForNewcomers(step.path)
    }
  }

  /// Finds the first directory on the way that is missing, and notes a conflict if the plan does
  /// not know about it.
  private mutating func isPlannedAway(_ parent: [UInt8]) throws -> Bool {
    if let missing, missing.path == parent || Paths.isBelow(parent, missing.path) {
      return missing.isPlanned
    }
    var end = 0
    while end < parent.count {
      end = parent[(end + 1)...].firstIndex(of: Paths.slash) ?? parent.count
      let path = [UInt8](parent[..<end])
      let status = try tree.status(path)
      if status?.kind == .directory { continue }
      let isPlanned = planned.contains(path)
      missing = (path, isPlanned)
      if !isPlanned {
        conflicts.append(
          WorkspaceConflict(path: path, reason: status == nil ? .vanished : .otherKind))
      }
      return isPlanned
    }
    // It came back between two looks; the next look, before anything is changed, will tell.
    return true
  }

  /// What the host put into a directory that goes was never seen by the guest.
  private mutating func lookForNewcomers(_ directory: [UInt8]) throws {
    for name in try tree.names(directory) {
      let path = Paths.join(directory, name)
      if !planned.contains(path) {
        conflicts.append(WorkspaceConflict(path: path, reason: .appeared))
      }
    }
  }

  private func judge(_ step: ChangePlan.Step, _ now: FileStatus?) throws -> Finding {
    guard let now else { return judgeAbsent(step) }
    let asSent = try isAsSent(step, now)
    if case .directory = step.action, now.kind == .directory {
      guard let before = step.before, before.kind == .directory else {
        return step.isUnfinished(now) ? .pending : .done
      }
      if now.mode == step.mode { return .done }
      // An application that was killed leaves directories writable for their owner.
      return now.mode == before.mode || now.mode == before.mode | 0o300
        ? .pending : .conflict(.changed)
    }
    if asSent { return .pending }
    if try isAsWanted(step, now) { return .done }
    guard let before = step.before else { return .conflict(.appeared) }
    return .conflict(kind(of: now) == before.kind ? .changed : .otherKind)
  }

  private func judgeAbsent(_ step: ChangePlan.Step) -> Finding {
    guard let before = step.before else { return .pending }
    switch step.action {
    case .remove: return .done
    // Where one kind makes place for another, the old one goes first; without it there is
    // nothing to lose.
    case .directory: return before.kind == .directory ? .conflict(.vanished) : .pending
    default: return before.kind == .directory ? .pending : .conflict(.vanished)
    }
  }

  private func kind(of status: FileStatus) -> WorkspaceKind? {
    switch status.kind {
    case .regular: .file
    case .directory: .directory
    case .symlink: .symbolicLink
    default: nil
    }
  }

  private func isAsSent(_ step: ChangePlan.Step, _ now: FileStatus) throws -> Bool {
    guard let before = step.before, before.isUnchanged(now) else { return false }
    return try before.kind != .symbolicLink || tree.target(step.path) == before.target
  }

  private func isAsWanted(_ step: ChangePlan.Step, _ now: FileStatus) throws -> Bool {
    switch step.action {
    case .remove, .directory: return false
    case .file(let content): return try holds(step.path, now, content)
    case .symbolicLink(let target):
      return try now.kind == .symlink && tree.target(step.path) == target
    case .hardLink(_, let content?): return try holds(step.path, now, content)
    case .hardLink(let path, nil):
      guard now.kind == .regular, let shared = try tree.status(path) else { return false }
      return shared.kind == .regular && shared.inode == now.inode && shared.device == now.device
    }
  }

  /// Whether the host's file has exactly this content.
  private func holds(
    _ path: [UInt8], _ now: FileStatus, _ content: ChangeContent
  ) throws -> Bool {
    guard now.kind == .regular, UInt64(clamping: now.size) == content.size,
      let folder = try tree.folder(Paths.parent(path))
    else { return false }
    let open = try at(path) { () throws(HostError) in
      try folder.descriptor.openBeneath(Paths.name(path), .readWithoutWaiting)
    }
    var offset: Int64 = 0
    var isSame = true
    try file.read(content) { piece in
      let there = try at(path) { () throws(HostError) in
        try open.pread(at: offset, count: piece.count)
      }
      offset += Int64(piece.count)
      isSame = there == piece
      return isSame
    }
    return isSame
  }
}
