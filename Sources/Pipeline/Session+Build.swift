internal import Building
internal import Catalog
internal import Disks
internal import Host
internal import Inputs
internal import Layers
internal import Planning
internal import Recipes
package import Vocabulary

package struct BuildRequest: Sendable {
  /// A recipe's name or path.
  package var recipe: String
  /// Refuses to change the lock.
  package var isLocked: Bool
  /// Only say what would be done.
  package var explains: Bool
  package var opensShellOnFailure: Bool
  /// Runs steps with network again and pins what they make now.
  package var repins: Bool
  /// `NAME=FILE` or `NAME=env:VARIABLE`.
  package var secrets: [String]
  /// Secrets that another process of ours hands over, as `SecretSources.json` has them.
  package var handedSecrets: [UInt8]?
  /// The recipe for which a tool is built.
  var user: RecipeFinder.Found?

  package init(
    recipe: String, isLocked: Bool = false, explains: Bool = false,
    opensShellOnFailure: Bool = false, repins: Bool = false, secrets: [String] = [],
    handedSecrets: [UInt8]? = nil
  ) {
    self.recipe = recipe
    self.isLocked = isLocked
    self.explains = explains
    self.opensShellOnFailure = opensShellOnFailure
    self.repins = repins
    self.secrets = secrets
    self.handedSecrets = handedSecrets
  }
}

package struct BuildOutcome: Sendable {
  package var name: String
  /// `nil` after an explanation.
  package var image: ImageID?
  /// One of its steps has the network.
  package var impure: Bool
  package var stepsRun: Int
  package var stepsCached: Int
  /// What `--explain` prints.
  package var explanation: String
  package var timings: Timings
  /// Of the tools that VMs of the image get.
  package var tools: [BuildOutcome] = []
}

extension Session {
  /// Recipe → lock → plan → the steps that are not known yet → image, under its name.
  package func build(_ request: BuildRequest) throws -> BuildOutcome {
    var timings = Timings()
    let terms = try self.terms(request)
    let (chain, found) = try loadChain(
      request.recipe, for: request.user, isLocked: request.isLocked)
    // Before looking at anything: what we see from now on can't be collected.
    let lease = try catalog.lease(for: "build \(found.name)")
    defer { lease.release() }
    let files = try CopySources.read(chain)
    var locked = try completeLock(
      chain, found, files: files, isLocked: request.isLocked || request.explains, terms, lease,
      &timings)
    let plan = try planner.plan(chain, lock: locked, files: files) { key, step in
      try known(step, key, terms.pins, lease)
    }
    if request.explains { return try explain(plan, found) }
    if !plan.stepsToRun.isEmpty {
      try terms.secrets.require(for: plan.stepsToRun)
      try requireRoom(for: plan.stepsToRun)
      try fetchInputs(of: Array(plan.stepsToRun), lease, &timings)
    }
    var layers = plan.cachedPrefix
    for step in plan.stepsToRun {
      let layer = try run(
        step, among: plan.steps, of: chain, over: layers, terms, lease, &timings)
      layers.append(layer)
    }
    locked = try pin(plan.steps, layers: layers, in: locked, at: found.lockPath, terms.pins, lease)
    if let kernel = locked.kernel { try fetch(kernel.packages, lease, &timings) }
    try checkContents(ofTool: chain, layers: layers, lease)
    let image = try record(chain, layers: layers, date: plan.date, lock: locked, lease)
    try recordKernel(of: locked, for: image, lease)
    // Whoever builds it again may stand elsewhere.
    try catalog.tag(
      tag(of: found, request), image, recipe: Files.canonical(found.path) ?? found.path,
      recipeDigest: chain.leaf.digest,
      lockDigest: Digest.of(locked.render()))
    try writeIndex()
    var outcome = BuildOutcome(
      name: tag(of: found, request), image: image, impure: plan.isImpure,
      stepsRun: plan.stepsToRun.count, stepsCached: plan.cachedPrefix.count, explanation: "",
      timings: timings)
    outcome.tools = try buildTools(of: chain, found, request)
    try recordTools(of: chain, outcome.tools, for: image, lease)
    return outcome
  }

  private func terms(_ request: BuildRequest) throws -> BuildTerms {
    BuildTerms(
      secrets: try SecretSources(
        request.secrets, handed: request.handedSecrets, environment: environment),
      pins: StepPins(request.isLocked ? .require : request.repins ? .renew : .keep),
      opensShellOnFailure: request.opensShellOnFailure)
  }

  var planner: Planner {
    Planner(normaliser: Normalisation.version, architecture: .amd64)
  }

  /// The recipe with all that it stands on, root first. With `isLocked` its parents are as the lock
  /// has them, whatever became of their files meanwhile.
  ///
  /// - Parameter user: the recipe for which `reference` is a tool.
  func loadChain(
    _ reference: String, for user: RecipeFinder.Found? = nil, isLocked: Bool
  ) throws -> (RecipeChain, RecipeFinder.Found) {
    let found = try user.map { try findTool(reference, of: $0) } ?? recipes.find(reference)
    let lock = isLocked ? try readLock(found) : nil
    var text = found.text
    if found.isBorrowed, case .found(let locked, _)? = lock?.lookup(found.name) { text = locked }
    let leaf = try RecipeParser.parse(text: text, path: found.path, name: found.name)
    return (try recipes.chain(of: leaf, lock: lock), found)
  }

  private func explain(_ plan: BuildPlan, _ found: RecipeFinder.Found) throws -> BuildOutcome {
    var lines = [plan.description]
    if let miss = plan.firstMiss, let step = plan.stepsToRun.first,
      let before = try catalog.nearestRecord(recipe: step.id.recipe, ordinal: step.id.ordinal),
      let old = StepRecord(text: before.record)
    {
      lines += StepRecord.missExplanation(new: miss, old: old).map { "  " + $0 }
    }
    return BuildOutcome(
      name: found.name, image: nil, impure: plan.isImpure, stepsRun: plan.stepsToRun.count,
      stepsCached: plan.cachedPrefix.count, explanation: lines.joined(separator: "\n"),
      timings: Timings())
  }

  /// Before the first byte is written: what a step may leave, and room to leave it in, above what
  /// is to stay free.
  func requireRoom(for steps: some Sequence<PlannedStep>) throws {
    try requireFloor()
    let floor = try settings().floor
    var needed: Int64 = 64 << 20
    for step in steps {
      // A package takes about four times its size unpacked, once as a tree, once in the disk.
      needed += step.inputs.reduce(0) { $0 + $1.size.bytes } * 9 + (32 << 20)
    }
    let free = try Files.freeSpace(layout.root)
    if free.bytes - floor.bytes < needed {
      throw PipelineError.noRoom(
        needed: ByteCount(needed) + floor, free: free, collectable: try collectable(),
        path: layout.root)
    }
  }
}

extension PlannedStep {
  /// What it takes from Debian's archive.
  var packages: [LockedPackage] {
    switch action {
    case .bootstrap(_, let packages), .apt(_, let packages): packages
    case .copy, .fetch, .layer, .npm, .pip, .run: []
    }
  }

  /// What only the image's own tools can bring; `nil` for a step that takes nothing by them.
  var toolFiles: [LockedFile]? {
    switch action {
    case .npm(_, let files), .pip(_, let files): files
    case .apt, .bootstrap, .copy, .fetch, .layer, .run: nil
    }
  }

  /// All that it takes from outside.
  var inputs: [WantedInput] {
    switch action {
    case .bootstrap, .apt: packages.map(WantedInput.init)
    case .fetch(_, let file): [WantedInput(file)]
    case .layer(let image, let index):
      [image.blobs.manifest, image.blobs.config, image.layer(index).file].map(WantedInput.init)
    case .npm(_, let files), .pip(_, let files): files.map(WantedInput.init)
    case .copy, .run: []
    }
  }
}
