internal import Building
internal import Catalog
internal import Host
package import Vocabulary

package struct ResetRequest: Sendable {
  /// Also VMs that run, and work that nobody has taken.
  package var force: Bool
  package var isDryRun: Bool

  package init(force: Bool = false, isDryRun: Bool = false) {
    self.force = force
    self.isDryRun = isDryRun
  }
}

extension Session {
  /// Deletes the whole store. Refused while anybody works in it and, without `force`, while a VM
  /// holds work that nobody has taken.
  ///
  /// - Returns: the bytes that it takes, or took.
  package func reset(_ request: ResetRequest) throws -> ByteCount {
    let vms = try self.vms()
    if let vm = vms.first(where: { $0.unsynced }), !request.force {
      throw PipelineError.holdsWork(vm.name)
    }
    // Where nobody may look into trees of subordinate users, without these.
    let size =
      try (try? measure().total).map { ByteCount($0) } ?? Files.allocated(below: layout.root)
    if request.isDryRun { return size }
    for vm in vms where vm.supervised {
      guard request.force else { throw PipelineError.vmIsRunning(vm.name) }
      try remove(vm.name, force: true)
    }
    try catalog.cleanDeadLeases()
    if let lease = try catalog.leases().first(where: \.alive) {
      throw PipelineError.storeInUse(purpose: lease.purpose, pid: lease.pid)
    }
    try? Files.removeTree(RuntimeDirectory(store: layout.root, environment).path)
    // The catalog first: from then on nobody takes what is left for a store.
    for name in ["catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"] {
      try? Files.remove("\(layout.root)/\(name)")
    }
    for name in try Files.list(layout.root) where isOurs(name) {
      let path = "\(layout.root)/\(name)"
      do {
        try Files.removeTree(path)
      } catch {
        // Trees of a rootless store belong to subordinate users.
        _ = try workers.perform(.remove([path]), onLine: { _ in })
      }
    }
    if try Files.list(layout.root).isEmpty { try Files.removeTree(layout.root) }
    return size
  }

  /// What a person put beside it stays, as the `README.md` of a checkout's own store does.
  private func isOurs(_ name: String) -> Bool {
    StoreLayout.entries.contains(name) || name.hasPrefix("catalog.")
  }
}
