internal import Catalog
internal import Planning
internal import Recipes
internal import Vocabulary

package struct LockingRequest: Sendable {
  /// A recipe's name or path.
  package var recipe: String
  /// Only says whether the lock holds all that a build needs.
  package var isLocked: Bool
  /// Runs steps with network again and pins what they make now.
  package var repins: Bool
  /// `NAME=FILE` or `NAME=env:VARIABLE`, for steps that have to be run.
  package var secrets: [String]

  package init(
    recipe: String, isLocked: Bool = false, repins: Bool = false, secrets: [String] = []
  ) {
    self.recipe = recipe
    self.isLocked = isLocked
    self.repins = repins
    self.secrets = secrets
  }
}

package struct LockOutcome: Sendable {
  package var name: String
  /// Of the lock.
  package var path: String
  package var packages: Int
  package var files: Int
  /// Layers of steps with network.
  package var pins: Int
  package var timings: Timings
}

extension Session {
  /// Recipe → a lock that a build with `--locked` takes. Of the steps, only those are run that
  /// have to be: the ones below packages that the image's own tools resolve, and those with
  /// network, whose layers are pinned.
  package func lock(_ request: LockingRequest) throws -> LockOutcome {
    var timings = Timings()
    let terms = BuildTerms(
      secrets: try SecretSources(request.secrets, environment: environment),
      pins: StepPins(request.isLocked ? .require : request.repins ? .renew : .keep))
    let (chain, found) = try loadChain(request.recipe, isLocked: request.isLocked)
    let lease = try catalog.lease(for: "lock \(found.name)")
    defer { lease.release() }
    let files = try CopySources.read(chain)
    var locked = try completeLock(
      chain, found, files: files, isLocked: request.isLocked, terms, lease, &timings)
    if let last = chain.steps.lastIndex(where: \.options.network) {
      let layers = try buildLocked(chain, locked, files: files, first: last + 1, terms, lease)
      let steps = try planner.lockedSteps(chain, lock: locked, files: files)
      locked = try pin(steps, layers: layers, in: locked, at: found.lockPath, terms.pins, lease)
    }
    return LockOutcome(
      name: found.name, path: found.lockPath,
      packages: locked.steps.reduce(0) { $0 + $1.packages.count },
      files: locked.steps.reduce(0) { $0 + $1.files.count }, pins: locked.pins.count,
      timings: timings)
  }
}
