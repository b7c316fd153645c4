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
    _ steps: some Sequence<PlannedStep>, layers: [DiffID], in lock: Lock, at path: String,
    _ pins: StepPins, _ lease: Lease
  ) throws -> Lock {
    var found: [LockedPin] = []
    for (index, step) in steps.enumerated() where index < layers.count && step.isImpure {
      let record = step.record(over: ChainID(of: layers[..<index]))
      try pins.require(step, record.key)
      found.append(LockedPin(id: step.id, key: record.key, layer: layers[index]))
      if try catalog.knownStep(record.key, lease) == layers[index] { continue }
      // Taken for its digest alone: from now on it is known whose it is.
      try catalog.recordStep(
        RecordedStep(
          key: record.key, record: record.text, layer: layers[index], recipe: step.id.recipe,
          ordinal: step.id.ordinal, impure: true, buildMilliseconds: 0))
    }
    if pins.policy == .require || found == lock.pins { return lock }
    let pinned = lock.pinning(found)
    try write(pinned, to: path)
    report(.note("pinned \(found.count) \(found.count == 1 ? "layer" : "layers") in \"\(path)\""))
    return pinned
  }
}
