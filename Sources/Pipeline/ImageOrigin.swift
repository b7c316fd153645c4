internal import Catalog
internal import Host
internal import Planning
internal import Recipes
internal import Vocabulary

/// What an image was built from, found again.
struct ImageOrigin {
  var found: RecipeFinder.Found
  var chain: RecipeChain
  var lock: Lock
  var plan: BuildPlan
  /// What its `copy` steps bring along.
  var files: [StepID: [Planning.CopiedFile]]
}

extension Session {
  /// Recipe and lock of an image, if they are still what gives this very image: else a difference
  /// would say nothing about its steps.
  func origin(of image: ImageRecord, named name: String, _ lease: Lease) throws -> ImageOrigin {
    let path = try recipe(of: image, named: name)
    guard Files.exists(path) else { throw RebuildError.recipeGone(image: name, path: path) }
    let (chain, found) = try loadChain(path, isLocked: true)
    guard let lock = try readLock(found) else {
      throw RebuildError.lockGone(image: name, path: found.lockPath)
    }
    let files = try CopySources.read(chain)
    let plan: BuildPlan
    do {
      plan = try planner.plan(chain, lock: lock, files: files) { key, _ in
        try catalog.knownStep(key, lease)
      }
    } catch let error as PlanningError {
      throw RebuildError.imageIsOlder(image: name, recipe: path, reason: error.message)
    }
    if let reason = difference(of: image, from: plan, chain) {
      throw RebuildError.imageIsOlder(image: name, recipe: path, reason: reason)
    }
    let impure = plan.steps.filter(\.isImpure).map(\.id)
    if !impure.isEmpty { throw RebuildError.impure(image: name, steps: impure) }
    return ImageOrigin(found: found, chain: chain, lock: lock, plan: plan, files: files)
  }

  /// Of the tags that a build gave it, the one asked for, else any.
  private func recipe(of image: ImageRecord, named name: String) throws -> String {
    let tags = try catalog.tags().filter { $0.image == image.id && $0.recipe != nil }
    guard let recipe = (tags.first { $0.name == name } ?? tags.first)?.recipe else {
      throw RebuildError.recipeUnknown(image: name)
    }
    return recipe
  }

  private func difference(
    of image: ImageRecord, from plan: BuildPlan, _ chain: RecipeChain
  ) -> String? {
    if let step = plan.stepsToRun.first { return "step \(step.id) is not what it was" }
    if plan.cachedPrefix != image.layers { return "its steps have been run again since" }
    let configuration = ImageConfiguration(
      chain, layers: image.layers, architecture: .amd64, created: plan.date)
    return configuration.imageID == image.id ? nil : "its settings are not what they were"
  }
}
