internal import Catalog
internal import Planning
internal import Recipes
internal import Vocabulary

extension Session {
  /// The layer of a step, if it is there and will do.
  func known(
    _ step: PlannedStep, _ key: StepKey, _ pins: StepPins, _ lease: Lease
  ) throws -> DiffID? {
    if step.isImpure, let pinned = pins[key] {
      // Whoever made it: the pin says what it has to be, and a layer is what its digest says.
      return try catalog.find(.layer(pinned), lease) == nil ? nil : pinned
    }
    guard let layer = try catalog.knownStep(key, lease) else { return nil }
    return pins.accepts(layer, of: step, key) ? layer : nil
  }

  /// The lock with the layers of all steps with network, written if it says something new. A lock
  /// that must not change has to say it already.
  func pin(
    _ steps: some Sequence<PlannedStep>, layers: [DiffID], in lock: Lock,
    _ found: RecipeFinder.Found, _ pins: StepPins
  ) throws -> Lock {
    var found = (pins: [LockedPin](), path: found.lockPath)
    for (index, step) in steps.enumerated() where index < layers.count && step.isImpure {
      let key = step.record(over: ChainID(of: layers[..<index])).key
      try pins.require(step, key)
      found.pins.append(LockedPin(id: step.id, key: key, layer: layers[index]))
    }
    if pins.policy == .require || found.pins == lock.pins { return lock }
    let pinned = lock.pinning(found.pins)
    try write(pinned, to: found.path)
    let count = found.pins.count
    report(.note("pinned \(count) \(count == 1 ? "layer" : "layers") in \"\(found.path)\""))
    return pinned
  }
}
