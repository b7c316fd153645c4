internal import Catalog
internal import Host
internal import Inputs
internal import Planning
internal import Recipes
internal import Vocabulary

extension Session {
  /// Debian's package that stands for the kernel of VMs.
  private static let kernelPackage = "linux-image-cloud-amd64"
  /// How old the package lists may be while one lock is completed.
  private static let listsMaximumAge: Int64 = 3600

  /// The recipe's lock with an entry for every step. What is missing or stale is resolved, over
  /// what the steps before it install, and the lock is written; with `isLocked` that is an error.
  func completeLock(
    _ chain: RecipeChain, _ found: RecipeFinder.Found,
    files: [StepID: [Planning.CopiedFile]], isLocked: Bool, _ lease: Lease,
    _ timings: inout Timings
  ) throws -> Lock {
    let before = try readLock(found)
    let states = LockCheck.states(
      of: chain, lock: before ?? parentLock(of: chain), architecture: .amd64)
    if let before, before.kernel != nil, states.allSatisfy(\.isComplete) { return before }
    if isLocked { throw staleLock(chain, found, states, hasLock: before != nil) }
    return try report.stage("lock \(found.name)", &timings) {
      let lock = try resolve(chain, states, before ?? parentLock(of: chain), lease)
      try Files.write(found.lockPath, Array(lock.render().utf8))
      let added = lock.steps.flatMap(\.packages).count
      report(.note("locked \(added) packages in \"\(found.lockPath)\""))
      return lock
    }
  }

  func readLock(_ found: RecipeFinder.Found) throws -> Lock? {
    guard Files.exists(found.lockPath) else { return nil }
    let bytes = try Files.read(found.lockPath, limit: Lock.textLimit)
    return try Lock.parse(
      String(decoding: bytes, as: UTF8.self), path: found.lockPath)
  }

  /// A recipe without a lock begins where its parent's ends: then both have the same base.
  private func parentLock(of chain: RecipeChain) -> Lock? {
    guard chain.recipes.count > 1 else { return nil }
    let parent = chain.recipes[chain.recipes.count - 2]
    guard let found = try? recipes.find(parent.path) else { return nil }
    return try? readLock(found)
  }

  private func staleLock(
    _ chain: RecipeChain, _ found: RecipeFinder.Found, _ states: [LockState], hasLock: Bool
  ) -> PipelineError {
    guard hasLock else {
      return .lockIsStale(recipe: found.name, reasons: ["there is none at \"\(found.lockPath)\""])
    }
    var reasons = zip(chain.steps, states).compactMap { step, state -> String? in
      switch state {
      case .stale(let reason): "step \(step.id) \(reason)"
      case .missing: "step \(step.id) has no entry"
      case .locked, .notNeeded: nil
      }
    }
    if reasons.isEmpty { reasons = ["it names no kernel"] }
    return .lockIsStale(recipe: found.name, reasons: reasons)
  }

  /// Steps that are locked stay as they are; apt answers for the others, one after the other,
  /// each knowing what the ones before it will have installed.
  private func resolve(
    _ chain: RecipeChain, _ states: [LockState], _ before: Lock?, _ lease: Lease
  ) throws -> Lock {
    let resolver = try AptResolver(
      directory: layout.aptLists, sources: try AptSources.fromHost(), suite: chain.suite,
      architecture: .amd64)
    try resolver.refresh(olderThan: Self.listsMaximumAge, progress: show)
    let store = inputStore
    var status: [UInt8] = []
    var steps: [LockedStep] = []
    for (step, state) in zip(chain.steps, states) {
      guard let ask = StepAsk(step.action) else { continue }
      var packages: [LockedPackage]
      if case .locked(let entry) = state {
        packages = entry.packages
      } else {
        do {
          packages = try resolve(step.action, over: status, with: resolver)
        } catch let error as InputsError {
          throw PipelineError.step(step.id, error)
        }
      }
      // Their own control files say what is installed afterwards and how old they are.
      try obtain(packages, lease)
      let summary = try PackageRepository.summary(packages, in: store)
      status += summary.status
      steps.append(
        LockedStep(id: step.id, ask: ask, date: summary.date, packages: packages))
    }
    return Lock(
      architecture: .amd64, recipes: LockedRecipe.all(of: chain),
      archives: try resolver.archives(), steps: steps,
      kernel: try before?.kernel ?? lockKernel(resolver, store, lease))
  }

  private func resolve(
    _ action: ChainAction, over status: [UInt8], with resolver: AptResolver
  ) throws -> [LockedPackage] {
    switch action {
    case .bootstrap: return try resolver.resolveBootstrap().packages
    case .apt(let request):
      return try resolver.resolve(
        request.packages, over: status, recommends: request.recommends,
        allowUpgrades: request.upgrade
      ).packages
    case .copy, .run: return []
    }
  }

  private func lockKernel(
    _ resolver: AptResolver, _ store: InputStore, _ lease: Lease
  ) throws -> LockedKernel {
    let packages = try resolver.resolveKernel(Self.kernelPackage).packages
    try obtain(packages, lease)
    return LockedKernel(
      date: try PackageRepository.summary(packages, in: store).date, packages: packages)
  }
}
