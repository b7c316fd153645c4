internal import Catalog
internal import Host
internal import Inputs
internal import Planning
internal import Recipes
internal import Vocabulary

extension Session {
  /// Debian's package that stands for the kernel of VMs.
  static let kernelPackage = "linux-image-cloud-amd64"
  /// Whose kernel VMs of an image get that does not begin with a suite.
  static let kernelSuite = "trixie"
  /// How old the package lists may be while one lock is completed.
  private static let listsMaximumAge: Int64 = 3600

  /// The recipe's lock with an entry for every step. What is missing or stale is resolved, over
  /// what the steps before it install, and the lock is written; with `isLocked` that is an error.
  func completeLock(
    _ chain: RecipeChain, _ found: RecipeFinder.Found,
    files: [StepID: [Planning.CopiedFile]], isLocked: Bool, _ terms: BuildTerms,
    _ lease: Lease, _ timings: inout Timings
  ) throws -> Lock {
    let before = try readLock(found)
    let basis = before ?? parentLock(of: chain)
    terms.pins.take(basis?.pins ?? [])
    let states = LockCheck.states(of: chain, lock: basis, architecture: .amd64)
    if let before, before.kernel != nil, states.allSatisfy(\.isComplete) {
      // A recipe that asks for the same is still another recipe: whoever builds with the lock
      // alone gets these texts.
      let lock = before.with(LockedRecipe.all(of: chain, isBorrowed: found.isBorrowed))
      if !isLocked, lock != before { try write(lock, to: found.lockPath) }
      return isLocked ? before : lock
    }
    if isLocked { throw staleLock(chain, found, states, hasLock: before != nil) }
    return try report.stage("lock \(found.name)", &timings) {
      let lock = try resolve(
        chain, states, basis, files: files, isBorrowed: found.isBorrowed, terms, lease)
      try write(lock, to: found.lockPath)
      let packages = lock.steps.reduce(0) { $0 + $1.packages.count }
      let files = lock.steps.reduce(0) { $0 + $1.files.count }
      let added = "\(packages) packages" + (files == 0 ? "" : " and \(files) files")
      report(.note("locked \(added) in \"\(found.lockPath)\""))
      return lock
    }
  }

  func write(_ lock: Lock, to path: String) throws {
    try Files.write(path, Array(lock.render().utf8))
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

  /// Steps that are locked stay as they are, but for what is to be renewed; the others are resolved
  /// one after the other, each knowing what the ones before it will have installed.
  func resolve(
    _ chain: RecipeChain, _ states: [LockState], _ before: Lock?,
    renewing renewal: LockRenewal = LockRenewal(),
    files: [StepID: [Planning.CopiedFile]], isBorrowed: Bool, _ terms: BuildTerms,
    _ lease: Lease
  ) throws -> Lock {
    var work = LockWork(
      chain: chain, files: files, archives: SuiteArchives(archiveResolver), terms: terms)
    for (step, state) in zip(chain.steps, states) {
      guard let ask = StepAsk(step.action) else { continue }
      var entry = LockedStep(id: step.id, ask: ask)
      if case .locked(let before) = state {
        entry = LockedStep(
          id: step.id, ask: ask, date: before.date, packages: before.packages,
          files: before.files, environment: before.environment)
      }
      let names = renewal.names[step.id]
      if names != nil || !state.isComplete {
        do {
          entry = try resolveInputs(of: step, entry, renewing: names, work, lease)
        } catch let error as InputsError {
          throw PipelineError.step(step.id, error)
        }
      }
      if ask.takesPackages {
        // Their own control files say what is installed afterwards and how old they are.
        try obtain(entry.packages, lease)
        let summary = try PackageRepository.summary(entry.packages, in: inputStore)
        work.status += summary.status
        entry = LockedStep(
          id: step.id, ask: ask, date: summary.date, packages: entry.packages)
      }
      work.steps.append(entry)
    }
    let archives = work.archives
    if !renewal.names.isEmpty, let suite = chain.suite {
      try archives.resolver(of: suite).requireWhole(work.status)
    }
    let kernel =
      try (renewal.kernel ? nil : before?.kernel)
      ?? lockKernel(archives.resolver(of: chain.suite ?? Self.kernelSuite), lease)
    return Lock(
      architecture: .amd64, recipes: LockedRecipe.all(of: chain, isBorrowed: isBorrowed),
      archives: try archives.all(after: before?.archives ?? [], keepsOthers: chain.suite == nil),
      steps: work.steps, pins: before?.pins ?? [], kernel: kernel)
  }

  /// - Parameters:
  ///   - entry: what the lock has of the step, if anything.
  ///   - names: what of it may become newer while the rest stays; `nil` for all.
  private func resolveInputs(
    of step: ChainStep, _ entry: LockedStep, renewing names: [String]?, _ work: LockWork,
    _ lease: Lease
  ) throws -> LockedStep {
    let ask = entry.ask
    switch step.action {
    case .apt, .bootstrap:
      let packages = try resolvePackages(of: step, entry, renewing: names, work, lease)
      return LockedStep(id: step.id, ask: ask, packages: packages)
    case .npm, .pip:
      // The image's own tools are asked about these.
      let kept = names.map { renewed in
        entry.files.filter { !renewed.contains(WheelName($0.name)?.package ?? "") }
      }
      let found = try resolveFiles(
        of: step, work.chain.based(on: work.lock), over: try layers(below: work, lease),
        keeping: kept ?? [], lease)
      return LockedStep(id: step.id, ask: ask, files: found)
    case .image(let reference):
      return try resolveImage(reference, of: step, in: work.chain, ask, lease)
    case .fetch(let request):
      return LockedStep(id: step.id, ask: ask, files: [try obtain(request, lease)])
    case .copy, .run: return entry
    }
  }

  private func resolvePackages(
    of step: ChainStep, _ entry: LockedStep, renewing names: [String]?, _ work: LockWork,
    _ lease: Lease
  ) throws -> [LockedPackage] {
    var parents = work.status
    let resolver: AptResolver
    if let suite = work.chain.suite {
      resolver = try work.archives.resolver(of: suite)
    } else {
      // Only the layers say what is installed.
      let debian = try debian(in: try layers(below: work, lease), lease)
      parents = debian.status
      resolver = try work.archives.resolver(of: debian.suite)
    }
    if let names {
      try obtain(entry.packages, lease)
      let own = try PackageRepository.summary(entry.packages, in: inputStore).status
      // A version that the recipe asks for stays asked for.
      let wanted = names.map { name in
        entry.ask.names.first { $0.hasPrefix(name + "=") } ?? name
      }
      return try resolver.renew(wanted, of: entry.packages, over: parents, own: own)
    }
    guard case .apt(let request) = step.action else {
      return try resolver.resolveBootstrap().packages
    }
    return try resolver.resolve(
      request.packages, over: parents, recommends: request.recommends,
      allowUpgrades: request.upgrade
    ).packages
  }

  /// Of all steps so far, built if they are missing.
  private func layers(below work: LockWork, _ lease: Lease) throws -> [DiffID] {
    try buildLocked(work.chain, work.lock, files: work.files, work.terms, lease)
  }

  func archiveResolver(for suite: String) throws -> AptResolver {
    let resolver = try AptResolver(
      directory: layout.aptLists, sources: try AptSources.fromHost(), suite: suite,
      architecture: .amd64)
    try resolver.refresh(olderThan: Self.listsMaximumAge, progress: show)
    return resolver
  }

  private func lockKernel(_ resolver: AptResolver, _ lease: Lease) throws -> LockedKernel {
    let packages = try resolver.resolveKernel(Self.kernelPackage).packages
    try obtain(packages, lease)
    return LockedKernel(
      date: try PackageRepository.summary(packages, in: inputStore).date, packages: packages)
  }
}

/// A lock while it is being resolved, with what every step is resolved with.
private struct LockWork {
  let chain: RecipeChain
  let files: [StepID: [Planning.CopiedFile]]
  let archives: SuiteArchives
  let terms: BuildTerms
  /// The packages of the steps so far, as `dpkg` would have them in its status.
  var status: [UInt8] = []
  var steps: [LockedStep] = []

  /// What there is of it so far.
  var lock: Lock {
    Lock(architecture: .amd64, recipes: LockedRecipe.all(of: chain), archives: [], steps: steps)
  }
}
