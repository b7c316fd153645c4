package import Recipes
package import Vocabulary

/// Why there is no plan.
package enum PlanningError: Failure, Equatable {
  /// The lock does not hold the inputs of the step.
  case notLocked(step: StepID, reason: String)
  /// Nobody read the files of a copy step.
  case filesNotRead(step: StepID, source: String)
  /// There is nothing to copy.
  case nothingToCopy(step: StepID, source: String)

  package var kind: FailureKind { .badInput }

  package var message: String {
    switch self {
    case .notLocked(let step, let reason):
      "the lock does not hold the inputs of step \"\(step)\": \(reason)"
    case .filesNotRead(let step, let source):
      "the files of \"\(source)\", which step \"\(step)\" copies, have not been read"
    case .nothingToCopy(let step, let source):
      "step \"\(step)\" copies \"\(source)\", and there is nothing in it"
    }
  }

  package var hint: String? {
    switch self {
    case .notLocked: "build without --locked to complete the lock"
    case .filesNotRead, .nothingToCopy: nil
    }
  }
}

/// Recipe + lock + what is known → plan.
package struct Planner: Sendable {
  /// Changes when normalisation after a step changes: layers made before are not the same then.
  package let normaliser: Int
  package let architecture: Architecture

  package init(normaliser: Int, architecture: Architecture) {
    self.normaliser = normaliser
    self.architecture = architecture
  }

  /// - Parameters:
  ///   - lock: What `chain` was locked with.
  ///   - files: For each copy step what it copies, in any order.
  ///   - known: The layer of a key that was built before. Asked in order up to the first miss; what
  ///     it throws passes through.
  /// - Throws: `PlanningError` if the lock or the files are not complete.
  package func plan(
    _ chain: RecipeChain, lock: Lock?, files: [StepID: [CopiedFile]],
    known: (StepKey, PlannedStep) throws -> DiffID?
  ) throws -> BuildPlan {
    let steps = try self.steps(chain, lock: lock, files: files)
    var layers: [DiffID] = []
    var records: [StepRecord] = []
    for step in steps {
      let record = step.record(over: ChainID(of: layers))
      guard let layer = try known(record.key, step) else { break }
      layers.append(layer)
      records.append(record)
    }
    return BuildPlan(steps: steps, cachedPrefix: layers, cachedRecords: records)
  }

  /// The steps of a chain as far as the lock goes: those before the first whose inputs it does not
  /// hold. `lock` builds them, since the next step is resolved over them.
  package func lockedSteps(
    _ chain: RecipeChain, lock: Lock?, files: [StepID: [CopiedFile]]
  ) throws(PlanningError) -> [PlannedStep] {
    let states = LockCheck.states(of: chain, lock: lock, architecture: architecture)
    let count = states.firstIndex { !$0.isComplete } ?? states.count
    return try steps(chain.based(on: lock), states: Array(states[..<count]), files: files)
  }

  private func steps(_ chain: RecipeChain, lock: Lock?, files: [StepID: [CopiedFile]])
    throws(PlanningError) -> [PlannedStep]
  {
    let states = LockCheck.states(of: chain, lock: lock, architecture: architecture)
    return try steps(chain.based(on: lock), states: states, files: files)
  }

  /// One planned step for each of `states`, or as many as an image has layers; the date of each is the newest up to it.
  private func steps(
    _ chain: RecipeChain, states: [LockState], files: [StepID: [CopiedFile]]
  ) throws(PlanningError) -> [PlannedStep] {
    var date: SourceDate?
    var steps: [PlannedStep] = []
    for (step, state) in zip(chain.steps, states) {
      let actions = try actions(of: step, in: chain, state: state, files: files[step.id])
      if case .locked(let entry) = state, let own = entry.date { date = max(date ?? own, own) }
      let stepDate = date ?? .constant
      let environment = chain.environment(through: step.recipeIndex)
      let user = chain.machine(through: step.recipeIndex).user
      let allowances = sealAllowances(of: step, in: chain)
      for action in actions {
        steps.append(
          PlannedStep(
            id: step.id, action: action, options: step.options, date: stepDate,
            summary: summary(of: action, step), sealAllowances: allowances,
            values: recordValues(
              action, options: step.options, date: stepDate, environment: environment,
              user: user, sealAllowances: allowances), environment: environment))
      }
    }
    return steps
  }

  private func summary(of action: PlannedAction, _ step: ChainStep) -> String {
    guard case .layer(let image, let index) = action else { return step.action.summary }
    return "\(step.action.summary), layer \(index + 1) of \(image.blobs.layers.count)"
  }

  private func actions(
    of step: ChainStep, in chain: RecipeChain, state: LockState, files: [CopiedFile]?
  ) throws(PlanningError) -> [PlannedAction] {
    guard case .image(let reference) = step.action else {
      return [try action(of: step, state: state, files: files)]
    }
    guard let blobs = ImageBlobs(try entry(of: step, state).files) else {
      throw .notLocked(step: step.id, reason: "its entry has other files")
    }
    let path = chain.recipes[step.recipeIndex].path
    let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    let image = ForeignImage(reference: reference.beside(directory), blobs: blobs)
    return blobs.layers.indices.map { .layer(image, index: $0) }
  }

  /// A recipe answers for what its own steps leave: what a recipe on it allows counts only from
  /// there on. The base is shared by all, so nobody's word counts for it.
  private func sealAllowances(of step: ChainStep, in chain: RecipeChain) -> [GuestPath] {
    switch step.action {
    case .bootstrap, .image: return []
    case .apt, .copy, .fetch, .npm, .pip, .run: break
    }
    return Set(chain.sealAllowances(through: step.recipeIndex).map(\.path)).sorted()
  }

  private func action(of step: ChainStep, state: LockState, files: [CopiedFile]?)
    throws(PlanningError) -> PlannedAction
  {
    switch step.action {
    case .bootstrap(let suite):
      return .bootstrap(suite: suite, packages: try packages(of: step, state))
    case .image: preconditionFailure("an image is as many actions as it has layers")
    case .apt(let request):
      return .apt(request, packages: try packages(of: step, state))
    case .copy(let request):
      guard let files else {
        throw .filesNotRead(step: step.id, source: request.source)
      }
      guard !files.isEmpty else {
        throw .nothingToCopy(step: step.id, source: request.source)
      }
      return .copy(request, files: files.sorted())
    case .fetch(let request):
      let files = try entry(of: step, state).files
      guard files.count == 1, files[0].digest == request.digest else {
        throw .notLocked(step: step.id, reason: "its entry has other files")
      }
      return .fetch(request, file: files[0])
    case .npm(let request):
      return .npm(request, tarballs: try entry(of: step, state).files)
    case .pip(let request):
      return .pip(request, wheels: try entry(of: step, state).files)
    case .run(let request):
      return .run(request)
    }
  }

  private func packages(of step: ChainStep, _ state: LockState) throws(PlanningError)
    -> [LockedPackage]
  {
    try entry(of: step, state).packages
  }

  private func entry(of step: ChainStep, _ state: LockState) throws(PlanningError) -> LockedStep {
    switch state {
    case .locked(let entry): return entry
    case .stale(let reason): throw .notLocked(step: step.id, reason: reason)
    case .missing, .notNeeded: throw .notLocked(step: step.id, reason: "it has no entry")
    }
  }
}
