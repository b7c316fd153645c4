internal import Catalog
internal import Host
internal import Vocabulary
package import Workspaces

extension Session {
  /// What a VM changed in its copy of the workspace, without taking anything.
  package func changes(of name: String) throws -> WorkspaceChanges {
    let vm = try knownVM(name)
    guard vm.unsynced else { throw PipelineError.noWork(name) }
    let folder = layout.virtualMachine(name)
    guard vm.state == .finished else { throw PipelineError.workNotFetched(name) }
    return try WorkspaceChanges.load(
      path: OutgoingWorkspace.changes(in: folder),
      snapshot: try WorkspaceSnapshot.load(OutgoingWorkspace.snapshot(in: folder)))
  }

  /// Takes or discards what a finished VM changed; the VM goes then.
  package func sync(_ name: String, _ ending: WorkspaceEnding) throws -> WorkspaceChanges {
    let changes = try changes(of: name)
    guard ending != .ask else { return changes }
    let vm = try knownVM(name)
    let lease = try catalog.lease(for: "sync \(name)")
    defer { lease.release() }
    do {
      // Only one process can be at it.
      try catalog.supervise(name, lease)
    } catch CatalogError.virtualMachineInUse {
      throw PipelineError.vmIsRunning(name)
    }
    if ending == .apply {
      guard let directory = vm.workspace else { throw PipelineError.noWork(name) }
      try report.during("apply") { try changes.apply(to: directory) }
      report(.note("applied \(changes.count) to \"\(directory)\""))
    }
    try delete(
      name, reason: ending == .apply ? "its work was taken" : "its work was discarded", lease)
    return changes
  }
}
