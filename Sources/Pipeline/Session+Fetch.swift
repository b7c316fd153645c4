internal import Catalog
internal import Host
internal import Inputs
internal import Planning
internal import Recipes
package import Vocabulary

package struct FetchingRequest: Sendable {
  /// A recipe's name or path.
  package var recipe: String
  /// Refuses to change the lock.
  package var isLocked: Bool
  /// `NAME=FILE` or `NAME=env:VARIABLE`, for steps that have to be run.
  package var secrets: [String]

  package init(recipe: String, isLocked: Bool = false, secrets: [String] = []) {
    self.recipe = recipe
    self.isLocked = isLocked
    self.secrets = secrets
  }
}

package struct FetchOutcome: Sendable {
  package var name: String
  /// All that the lock names, each once, and their bytes.
  package var inputs: Int
  package var bytes: ByteCount
  /// How many of them were not in the store before.
  package var fetched: Int
  package var timings: Timings
}

extension Session {
  /// Recipe → lock → every input of it in the store: the build afterwards needs no network.
  package func fetch(_ request: FetchingRequest) throws -> FetchOutcome {
    var timings = Timings()
    let terms = BuildTerms(
      secrets: try SecretSources(request.secrets, environment: environment),
      pins: StepPins(request.isLocked ? .require : .keep))
    let (chain, found) = try loadChain(request.recipe, isLocked: request.isLocked)
    let lease = try catalog.lease(for: "fetch \(found.name)")
    defer { lease.release() }
    let files = try CopySources.read(chain)
    let before = try Set(Files.list(layout.inputs))
    let locked = try completeLock(
      chain, found, files: files, isLocked: request.isLocked, terms, lease, &timings)
    try fetchAll(of: locked, chain, files: files, terms, lease, &timings)
    let inputs = locked.inputs
    return FetchOutcome(
      name: found.name, inputs: inputs.count, bytes: inputs.reduce(.zero) { $0 + $1.size },
      fetched: inputs.count { !before.contains($0.digest.hex) }, timings: timings)
  }

  /// Everything that a lock names is in the store afterwards, and kept for the lease.
  func fetchAll(
    of lock: Lock, _ chain: RecipeChain, files: [StepID: [Planning.CopiedFile]],
    _ terms: BuildTerms, _ lease: Lease, _ timings: inout Timings
  ) throws {
    let steps = try planner.lockedSteps(chain, lock: lock, files: files)
    try fetchInputs(of: steps, lease, &timings)
    if let kernel = lock.kernel { try fetch(kernel.packages, lease, &timings) }
    try fetchByTools(of: steps, chain, terms, lease, &timings)
  }

  /// What the image's own tools bring: where some of it is missing, the steps before are built.
  private func fetchByTools(
    of steps: [PlannedStep], _ chain: RecipeChain, _ terms: BuildTerms, _ lease: Lease,
    _ timings: inout Timings
  ) throws {
    let missing = steps.lastIndex { step in
      guard let files = step.toolFiles else { return false }
      return !files.allSatisfy { inputStore.holds($0.digest, size: $0.size) }
    }
    var layers: [DiffID] = []
    for (index, step) in steps.enumerated() {
      if let files = step.toolFiles {
        if let missing, index <= missing {
          try fetch(files, step, of: chain, over: layers, lease)
        } else {
          try obtain(files.map(WantedInput.init), lease, bring: { _ in })
        }
      }
      guard let missing, index < missing else { continue }
      try terms.secrets.require(for: [step])
      let key = step.record(over: ChainID(of: layers)).key
      layers.append(
        try known(step, key, terms.pins, lease)
          ?? run(step, among: steps, of: chain, over: layers, terms, lease, &timings))
    }
  }
}

extension Lock {
  /// All that it names, each once, in the order of their digests.
  var inputs: [WantedInput] {
    let all =
      steps.flatMap { $0.packages.map(WantedInput.init) + $0.files.map(WantedInput.init) }
      + (kernel?.packages ?? []).map(WantedInput.init)
    return Dictionary(all.map { ($0.digest, $0) }) { first, _ in first }.values
      .sorted { $0.digest < $1.digest }
  }
}
