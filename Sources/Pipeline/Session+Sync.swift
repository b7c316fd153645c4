internal import Catalog
internal import Host
internal import Vocabulary
package import Workspaces

extension Session {
  /// What a VM changed in its copy of the workspace, without taking anything.
  package func work(of name: String) throws -> WorkspaceWork {
    let vm = try knownVM(name)
    guard vm.unsynced else { throw PipelineError.noWork(name) }
    let folder = layout.virtualMachine(name)
    guard vm.state == .finished else { throw PipelineError.workNotFetched(name) }
    let repository = OutgoingWorkspace.repository(in: folder)
    if Files.exists(repository) { return .branch(try GitChanges.load(repository)) }
    return .files(
      try WorkspaceChanges.load(
        path: OutgoingWorkspace.changes(in: folder),
        snapshot: try WorkspaceSnapshot.load(OutgoingWorkspace.snapshot(in: folder))))
  }

  /// Takes or discards what a finished VM changed. The VM goes then, unless something stays in it.
  package func sync(_ name: String, _ ending: WorkspaceEnding) throws -> WorkspaceWork {
    let work = try work(of: name)
    guard ending != .ask else { return work }
    let vm = try knownVM(name)
    let lease = try catalog.lease(for: "sync \(name)")
    defer { lease.release() }
    do {
      // Only one process can be at it.
      try catalog.supervise(name, lease)
    } catch CatalogError.virtualMachineInUse {
      throw PipelineError.vmIsRunning(name)
    }
    if ending == .apply { try report.during("apply") { try take(work, of: vm) } }
    if Files.exists(staysMark(name)) {
      forgetWork(of: name)
      try catalog.setState(name, .stopped, unsynced: false)
      report(.note("VM \"\(name)\" is kept for what stays in it"))
      return work
    }
    try delete(
      name, reason: ending == .apply ? "its work was taken" : "its work was discarded", lease)
    return work
  }

  /// Changes the directory, or makes the branch.
  func take(_ work: WorkspaceWork, of vm: VMRecord) throws {
    guard let directory = vm.workspace else { throw PipelineError.noWork(vm.name) }
    switch work {
    case .files(let changes):
      try changes.apply(to: directory)
      report(.note("applied \(work.count) to \"\(directory)\""))
    case .branch(let changes):
      try changes.take(into: directory, as: vm.name)
      let branch = GitChanges.branch(of: vm.name)
      let unrelated = changes.descends ? "" : ", which do not come after what was sent"
      report(.note("branch \"\(branch)\" holds \(work.count)\(unrelated): `git merge \(branch)`"))
    }
  }

  private func staysMark(_ name: String) -> String {
    layout.virtualMachine(name) + "/workspace.stays"
  }

  /// Remembers that the VM holds something that did not come.
  func markStays(_ name: String) throws { try Files.write(staysMark(name), []) }

  /// Removes what was fetched, once it is taken or discarded and the VM stays.
  func forgetWork(of name: String) {
    let folder = layout.virtualMachine(name)
    try? Files.removeTree(OutgoingWorkspace.repository(in: folder))
    try? Files.remove(OutgoingWorkspace.changes(in: folder))
    try? Files.remove(staysMark(name))
  }
}
