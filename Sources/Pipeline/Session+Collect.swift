internal import Building
package import Catalog
internal import Host
internal import Recipes
internal import Vocabulary

extension Session {
  /// An hour: what was just made may be about to be used.
  static let grace: Int64 = 3600

  /// Removes what nothing needs: unreferenced layers, disks and inputs, VMs whose throwaway run
  /// was cut short, what unfinished work left behind; then, as far as a limit asks for it, what can
  /// be made again.
  package func collect(_ request: CollectRequest) throws -> CollectOutcome {
    let settings = try settings()
    let inventory = try catalog.inventory()
    let (measured, plan) = try plan(request, settings.collection, inventory)
    var outcome = CollectOutcome(
      going: plan.candidates, spared: [], staying: request.isDryRun ? plan.staying : [],
      isDryRun: request.isDryRun)
    outcome.shortfall = plan.shortfall
    outcome.unbuildable = plan.unbuildable
    outcome.recent = plan.recent
    if plan.shortfall > .zero {
      outcome.help = help(
        measured, without: plan.candidates, takesInputs: request.takesInputs,
        keep: request.keep ?? settings.collection.keep ?? 1)
    }
    if request.isDryRun { return outcome }
    let unfinished = plan.candidates.filter { Self.isUnfinished($0) }
    let swept = try sweepIngest(unfinished)
    let collection = try catalog.collect(plan.candidates.filter { !Self.isUnfinished($0) })
    let left = try catalog.recoverTrash()
    try catalog.empty(left) { try removeForSure($0) }
    sweepSockets()
    outcome.going = swept + collection.deleted
    outcome.spared = collection.spared
    outcome.longestLock = collection.longestLock
    return outcome
  }

  /// What a collection would do. Everything is measured only where a limit needs it.
  private func plan(
    _ request: CollectRequest, _ defaults: Settings.Collection, _ inventory: Inventory
  ) throws -> (measured: Inventory, plan: EvictionPlan) {
    var policy = EvictionPolicy(grace: request.immediately ? nil : Self.grace)
    policy.keep = request.keep ?? defaults.keep ?? 1
    policy.unusedFor = (request.olderThan ?? defaults.olderThan)?.seconds
    policy.takesInputs = request.takesInputs
    let budget = request.budget.map(\.bytes) ?? defaults.budget
    let minFree = request.minFree.map(\.bytes) ?? defaults.minFree
    if budget == nil && minFree == nil {
      let leftovers = try leftovers()
      let first = inventory.plan(policy, leftovers: leftovers)
      // What can't be measured goes all the same.
      let usage = (try? measure(paths: inventory.paths(of: first.candidates))) ?? DiskUsage()
      let measured = inventory.measured(usage.bytes, isWhole: false)
      return (
        measured,
        measured.plan(
          policy,
          leftovers: leftovers.map { $0.taking(bytes: usage.bytes[$0.subject.description] ?? 0) })
      )
    }
    let usage = try measure()
    let measured = inventory.measured(usage.bytes, isWhole: true)
    let tooMuch = budget.map { usage.total - $0.bytes } ?? 0
    let missing = try minFree.map { $0.bytes - (try Files.freeSpace(layout.root)).bytes } ?? 0
    policy.wanted = ByteCount(max(0, tooMuch, missing))
    let leftovers = try leftovers().map {
      $0.taking(bytes: usage.bytes[$0.subject.description] ?? 0)
    }
    return (measured, measured.plan(policy, leftovers: leftovers))
  }

  /// What a person could give up: earlier images, inputs, VMs without work, tags.
  private func help(
    _ inventory: Inventory, without gone: [Candidate], takesInputs: Bool, keep: Int
  ) -> [CollectHelp] {
    let gone = Set(gone.map(\.subject))
    let inventory = inventory.without(gone)
    let entries = Account(inventory).entries.filter { !gone.contains($0.subject) }
    var help: [CollectHelp] = []
    if keep > 1 {
      let earlier = inventory.mark(grace: nil, keep: 1).candidates
      help.append(
        CollectHelp(
          command: "hutch gc --now --keep 1",
          frees: earlier.reduce(.zero) { $0 + (gone.contains($1.subject) ? .zero : $1.bytes) }))
    }
    if !takesInputs {
      let inputs = entries.filter { $0.subject.kind == .input && $0.frees > .zero }
      let bytes = inputs.reduce(ByteCount.zero) { $0 + $1.frees }
      help.append(CollectHelp(command: "hutch gc --inputs", frees: bytes))
    }
    let unsynced = Set(inventory.vms.filter(\.isUnsynced).map(\.name))
    for entry in entries where entry.frees > .zero {
      if case .vm(let name) = entry.subject, !unsynced.contains(name) {
        help.append(CollectHelp(command: "hutch rm \(name)", frees: entry.frees))
      }
      if entry.subject.kind == .image, !entry.images.isEmpty {
        let names = entry.images.joined(separator: " ")
        help.append(CollectHelp(command: "hutch untag \(names)", frees: entry.frees))
      }
    }
    return Array(
      help.filter { $0.frees > .zero }
        .sorted { ($1.frees, $0.command) < ($0.frees, $1.command) }.prefix(5))
  }

  // MARK: What no row knows

  /// Unfinished writes whose writers are gone, then files in folders that are wholly ours.
  private func leftovers() throws -> [Candidate] {
    var unknown: [String] = []
    for folder in ["trees", "disks", "boot", "inputs/sha256", "vms"] {
      let names = try Files.list("\(layout.root)/\(folder)").filter { $0 != "CACHEDIR.TAG" }
      unknown += names.map { "\(folder)/\($0)" }
    }
    // Written aside under the catalog's write lock, under which these are moved away too.
    unknown += try Files.list("\(layout.root)/blobs/sha256").filter { $0.hasSuffix(".tmp") }
      .map { "blobs/sha256/\($0)" }
    return unfinished() + (try catalog.unknownFiles(unknown))
  }

  private func removeForSure(_ path: String) throws {
    do {
      try Files.removeTree(path)
    } catch {
      _ = try workers.perform(.remove([path]), onLine: { _ in })
    }
  }

  private static func isUnfinished(_ candidate: Candidate) -> Bool {
    guard case .file(let path) = candidate.subject else { return false }
    return path.hasPrefix("ingest/")
  }

  /// Garbage once its writer no longer holds the lock beside it.
  private func unfinished() -> [Candidate] {
    guard let names = try? Files.list(layout.ingest) else { return [] }
    let kept: Set = ["CACHEDIR.TAG", "apt", "apt.lock"]
    let stems = Set(names.map { $0.hasSuffix(".lock") ? String($0.dropLast(5)) : $0 })
    return stems.subtracting(kept).sorted().filter { stem in
      !FileLock.isHeld("\(layout.ingest)/\(stem).lock")
    }.map { .leftover("ingest/\($0)", .zero) }
  }

  /// Returns those whose writers were gone indeed.
  private func sweepIngest(_ unfinished: [Candidate]) throws -> [Candidate] {
    var swept: [Candidate] = []
    for candidate in unfinished where sweep("\(layout.root)/\(candidate.subject)") {
      try catalog.recordDeletion(of: candidate)
      swept.append(candidate)
    }
    return swept
  }

  private func sweep(_ path: String) -> Bool {
    let lockPath = path + ".lock"
    guard Files.exists(lockPath) else {
      removeTree(path)
      return true
    }
    guard let lock = try? FileLock.exclusive(lockPath, wait: false) else { return false }
    removeTree(path)
    try? Files.remove(lockPath)
    withExtendedLifetime(lock.descriptor) {}
    return true
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

  /// What was deleted, untagged or put aside, newest first.
  package func history(limit: Int) throws -> [EventRecord] { try catalog.events(limit: limit) }
}
