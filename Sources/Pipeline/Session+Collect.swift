internal import Building
package import Catalog
internal import Host
package import Vocabulary

package struct CollectRequest: Sendable {
  package var isDryRun: Bool
  /// Without the hour of grace for what was just made or used.
  package var immediately: Bool

  package init(isDryRun: Bool = false, immediately: Bool = false) {
    self.isDryRun = isDryRun
    self.immediately = immediately
  }
}

package struct CollectOutcome: Sendable {
  package var going: [Candidate]
  /// Needed again between the decision and the deed.
  package var spared: [Candidate]
  package var staying: [Staying]
  package var isDryRun: Bool

  package var bytes: ByteCount { going.reduce(.zero) { $0 + $1.bytes } }
}

extension Session {
  /// An hour: what was just made may be about to be used.
  private static let grace: Int64 = 3600

  /// Removes what nothing needs: unreferenced layers, disks and inputs, VMs whose throwaway run
  /// was cut short, and what unfinished work left behind.
  package func collect(_ request: CollectRequest) throws -> CollectOutcome {
    let mark = try catalog.markSnapshot(grace: request.immediately ? nil : Self.grace)
    let candidates = mark.candidates + (try catalog.unknownFiles(try leftovers(request)))
    if request.isDryRun {
      return CollectOutcome(
        going: candidates, spared: [], staying: mark.staying, isDryRun: true)
    }
    let collection = try catalog.collect(candidates)
    let left = try catalog.recoverTrash()
    try catalog.empty(left) { try removeForSure($0) }
    sweepIngest()
    sweepSockets()
    return CollectOutcome(
      going: collection.deleted, spared: collection.spared, staying: mark.staying,
      isDryRun: false)
  }

  /// Files in folders that are wholly ours and that no row knows, by their place in the store.
  private func leftovers(_ request: CollectRequest) throws -> [String] {
    var found: [String] = []
    for folder in ["trees", "disks", "boot", "inputs/sha256", "vms"] {
      let names = try Files.list("\(layout.root)/\(folder)").filter { $0 != "CACHEDIR.TAG" }
      found += names.map { "\(folder)/\($0)" }
    }
    // Written aside under the catalog's write lock, under which these are moved away too.
    found += try Files.list("\(layout.root)/blobs/sha256").filter { $0.hasSuffix(".tmp") }
      .map { "blobs/sha256/\($0)" }
    return found
  }

  private func removeForSure(_ path: String) throws {
    do {
      try Files.removeTree(path)
    } catch {
      _ = try workers.perform(.remove([path]), onLine: { _ in })
    }
  }

  /// Unfinished writes: garbage once their writer no longer holds the lock beside them.
  private func sweepIngest() {
    guard let names = try? Files.list(layout.ingest) else { return }
    for name in names where name.hasSuffix(".lock") {
      let path = "\(layout.ingest)/\(name)"
      guard let lock = try? FileLock.exclusive(path, wait: false) else { continue }
      removeTree(String(path.dropLast(".lock".count)))
      try? Files.remove(path)
      withExtendedLifetime(lock.descriptor) {}
    }
    for name in names where !name.hasSuffix(".lock") && name != "CACHEDIR.TAG" {
      let path = "\(layout.ingest)/\(name)"
      if !Files.exists(path + ".lock") && name != "apt" && name != "apt.lock" { removeTree(path) }
    }
  }

  /// Sockets of supervisors that are gone.
  private func sweepSockets() {
    let runtime = RuntimeDirectory(store: layout.root, environment)
    guard let names = try? Files.list(runtime.path), let vms = try? catalog.vms() else { return }
    let alive = Set(vms.filter(\.supervised).compactMap(\.socket))
    for name in names where !alive.contains("\(runtime.path)/\(name)") {
      try? Files.remove("\(runtime.path)/\(name)")
    }
  }
}
