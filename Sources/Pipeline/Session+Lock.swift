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
    let archives = SuiteArchives(archiveResolver)
    var status: [UInt8] = []
    var steps: [LockedStep] = []
    for (step, state) in zip(chain.steps, states) {
      guard let ask = StepAsk(step.action) else { continue }
      var entry = LockedStep(id: step.id, ask: ask)
      let names = renewal.names[step.id]
      if case .locked(let before) = state {
        entry = LockedStep(
          id: step.id, ask: ask, date: before.date, packages: before.packages,
          files: before.files, environment: before.environment)
      }
      if names != nil || !state.isComplete {
        let soFar = Lock(
          architecture: .amd64, recipes: LockedRecipe.all(of: chain), archives: [],
          steps: steps)
        do {
          if StepAsk.toolKinds.contains(ask.kind) {
            let layers = try buildLocked(chain, soFar, files: files, terms, lease)
            let kept = names.map { renewed in
              entry.files.filter { !renewed.contains(WheelName($0.name)?.package ?? "") }
            }
            entry = LockedStep(
              id: step.id, ask: ask,
              files: try resolveFiles(
                of: step, chain.based(on: soFar), over: layers, keeping: kept ?? [], lease))
          } else if let names, ask.takesPackages {
            entry = try renew(
              names, of: entry, ask, over: status,
              with: try archives.resolver(of: chain.suite ?? ""), lease)
          } else if case .image(let reference) = step.action {
            entry = try resolveImage(reference, of: step, in: chain, ask, lease)
          } else if ask.takesPackages, chain.suite == nil {
            // Only the layers say what is installed.
            let layers = try buildLocked(chain, soFar, files: files, terms, lease)
            let debian = try debian(in: layers, lease)
            entry = try resolve(
              step, ask, over: debian.status, with: archives, of: debian.suite, lease)
          } else {
            entry = try resolve(
              step, ask, over: status, with: archives, of: chain.suite ?? "", lease)
          }
        } catch let error as InputsError {
          throw PipelineError.step(step.id, error)
        }
      }
      if ask.takesPackages {
        // Their own control files say what is installed afterwards and how old they are.
        try obtain(entry.packages, lease)
        let summary = try PackageRepository.summary(entry.packages, in: inputStore)
        status += summary.status
        entry = LockedStep(
          id: step.id, ask: ask, date: summary.date, packages: entry.packages)
      }
      steps.append(entry)
    }
    if !renewal.names.isEmpty, let suite = chain.suite {
      try archives.resolver(of: suite).requireWhole(status)
    }
    let kernel =
      try (renewal.kernel ? nil : before?.kernel)
      ?? lockKernel(archives.resolver(of: chain.suite ?? Self.kernelSuite), lease)
    return Lock(
      architecture: .amd64, recipes: LockedRecipe.all(of: chain, isBorrowed: isBorrowed),
      archives: try archives.all(after: before?.archives ?? [], keepsOthers: chain.suite == nil),
      steps: steps, pins: before?.pins ?? [], kernel: kernel)
  }

  /// - Parameter status: what the steps before it install.
  private func renew(
    _ names: [String], of entry: LockedStep, _ ask: StepAsk, over status: [UInt8],
    with resolver: AptResolver, _ lease: Lease
  ) throws -> LockedStep {
    try obtain(entry.packages, lease)
    let own = try PackageRepository.summary(entry.packages, in: inputStore).status
    // A version that the recipe asks for stays asked for.
    let wanted = names.map { name in ask.names.first { $0.hasPrefix(name + "=") } ?? name }
    return LockedStep(
      id: entry.id, ask: ask,
      packages: try resolver.renew(wanted, of: entry.packages, over: status, own: own))
  }

  func archiveResolver(for suite: String) throws -> AptResolver {
    let resolver = try AptResolver(
      directory: layout.aptLists, sources: try AptSources.fromHost(), suite: suite,
      architecture: .amd64)
    try resolver.refresh(olderThan: Self.listsMaximumAge, progress: show)
    return resolver
  }

  /// - Parameter suite: that of the step's packages, if it takes any.
  private func resolve(
    _ step: ChainStep, _ ask: StepAsk, over status: [UInt8], with archives: SuiteArchives,
    of suite: String, _ lease: Lease
  ) throws -> LockedStep {
    var packages: [LockedPackage] = []
    var files: [LockedFile] = []
    switch step.action {
    case .bootstrap: packages = try archives.resolver(of: suite).resolveBootstrap().packages
    case .apt(let request):
      packages =
        try archives.resolver(of: suite).resolve(
          request.packages, over: status, recommends: request.recommends,
          allowUpgrades: request.upgrade
        ).packages
    case .fetch(let request): files = [try obtain(request, lease)]
    // The image's own tools are asked about these.
    case .image, .npm, .pip: break
    case .copy, .run: break
    }
    return LockedStep(id: step.id, ask: ask, packages: packages, files: files)
  }

  private func lockKernel(_ resolver: AptResolver, _ lease: Lease) throws -> LockedKernel {
    let packages = try resolver.resolveKernel(Self.kernelPackage).packages
    try obtain(packages, lease)
    return LockedKernel(
      date: try PackageRepository.summary(packages, in: inputStore).date, packages: packages)
  }
}
