internal import Host
internal import Vocabulary

extension WorkspaceChanges {
  /// Makes the directory what the VM left.
  ///
  /// Everything is checked and all content is written aside before anything changes; what is left
  /// then are renames and removals. Whoever applies it again after a failure in the middle goes
  /// on where it stopped.
  ///
  /// - Parameter durable: whether all is on the disk when this returns.
  /// - Throws: `WorkspacesError.incomplete` if something had changed already; every other error
  ///   means that nothing did. `.conflict` names what the host changed too.
  package func apply(to directory: String, durable: Bool = true) throws {
    let tree = try WorkspaceTree(directory)
    let isOurs = try at([]) { () throws(HostError) in try tree.top.descriptor.lock() }
    guard isOurs else { throw WorkspacesError.busy(path: directory) }
    defer { tree.top.descriptor.unlock() }
    let states = try inspect(tree)
    try WorkspacePermissions(tree).check(plan, states)
    let staging = try WorkspaceStaging(tree, file)
    defer { staging.remove() }
    try staging.write(plan, states)
    if durable { try at([]) { () throws(HostError) in try tree.top.descriptor.syncFileSystem() } }
    // Writing took its time; whoever worked in the directory meanwhile is heard.
    let later = try lookAgain(directory, since: states)
    try ChangesApplication(try WorkspaceTree(directory), staging).apply(plan, later)
    if durable {
      try ChangesApplication.step([]) { () throws(HostError) in
        try tree.top.descriptor.syncFileSystem()
      }
    }
  }

  /// How far the directory is now: no step that was done and has nothing written aside is open
  /// again.
  func lookAgain(
    _ directory: String, since states: [WorkspaceInspection.State]
  ) throws -> [WorkspaceInspection.State] {
    let later = try WorkspaceInspection(plan, file, try WorkspaceTree(directory))
    var conflicts = later.conflicts
    for (step, (first, second)) in zip(plan.steps, zip(states, later.states))
    where first == .done && second == .pending {
      conflicts.append(WorkspaceConflict(path: step.path, reason: .changed))
    }
    guard conflicts.isEmpty else { throw WorkspacesError.conflict(conflicts) }
    return later.states
  }

  private func inspect(_ tree: WorkspaceTree) throws -> [WorkspaceInspection.State] {
    let inspection = try WorkspaceInspection(plan, file, tree)
    guard inspection.conflicts.isEmpty else {
      throw WorkspacesError.conflict(inspection.conflicts)
    }
    return inspection.states
  }
}

/// What would stop a plan in the middle, as far as it can be known beforehand.
struct WorkspacePermissions {
  private let tree: WorkspaceTree

  init(_ tree: WorkspaceTree) { self.tree = tree }

  func check(_ plan: ChangePlan, _ states: [WorkspaceInspection.State]) throws {
    var needed: Int64 = 0
    var last: [UInt8]?
    for (step, state) in zip(plan.steps, states) where state == .pending {
      if case .file(let content) = step.action {
        // Whole blocks; the limit of the change set keeps the sum from overflowing.
        needed += Int64(clamping: (content.size + 4095) / 4096 * 4096)
      }
      let parent = Paths.parent(step.path)
      if parent != last, !step.changesModeOnly {
        last = parent
        try checkDirectory(parent)
      }
      guard step.before?.kind == .directory, let status = try tree.status(step.path),
        status.kind == .directory
      else { continue }
      guard try tree.isOnSameMount(step.path) else {
        throw WorkspacesError.otherFileSystem(path: step.path)
      }
      let user = HostEnvironment.current.userID
      if step.action == .directory, user != 0, user != status.uid {
        throw WorkspacesError.notWritable(path: step.path)
      }
    }
    let free = try at([]) { () throws(HostError) in try tree.top.descriptor.freeSpace() }
    guard needed <= free.bytes else {
      throw WorkspacesError.noSpace(needed: ByteCount(needed), free: free)
    }
    // Where the new files are written aside.
    try checkDirectory([])
  }

  /// A directory that is not there yet is made by the plan; one of our own that forbids changes
  /// allows them while it is applied. Not the top, into which everything is written first.
  private func checkDirectory(_ path: [UInt8]) throws {
    guard let folder = try tree.folder(path) else { return }
    guard try tree.isOnSameMount(path) else {
      throw WorkspacesError.otherFileSystem(path: path)
    }
    let mayChange = try at(path) { () throws(HostError) in
      if try folder.descriptor.mayChangeEntries() { return true }
      if path.isEmpty { return false }
      return try folder.descriptor.status().uid == HostEnvironment.current.userID
    }
    guard mayChange else { throw WorkspacesError.notWritable(path: path) }
  }
}
