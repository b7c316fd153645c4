internal import Planning
internal import Recipes
internal import Vocabulary

/// What the steps of one command are run with.
struct BuildTerms {
  var secrets = SecretSources.none
  var pins = StepPins(.keep)
  var opensShellOnFailure = false
}

/// What the layers of steps with network have to be, while one command is at work.
final class StepPins {
  enum Policy {
    /// Steps without a pin may make what they like, and are pinned then.
    case keep
    /// A step without a pin is a mistake.
    case require
    /// Steps with network are run again, whatever is known of them, and pinned anew.
    case renew
  }

  let policy: Policy
  private var layers: [StepKey: DiffID] = [:]

  init(_ policy: Policy) { self.policy = policy }

  func take(_ pins: [LockedPin]) {
    if policy == .renew { return }
    for pin in pins { layers[pin.key] = pin.layer }
  }

  subscript(key: StepKey) -> DiffID? { layers[key] }

  /// From now on the same command knows it.
  func made(_ layer: DiffID, by step: PlannedStep, _ key: StepKey) {
    if step.isImpure { layers[key] = layer }
  }

  /// Whether a layer that the step made at some time will do.
  func accepts(_ layer: DiffID, of step: PlannedStep, _ key: StepKey) -> Bool {
    guard step.isImpure else { return true }
    return layers[key].map { $0 == layer } ?? (policy != .renew)
  }

  func require(_ step: PlannedStep, _ key: StepKey) throws {
    guard step.isImpure, policy == .require, layers[key] == nil else { return }
    throw PipelineError.lockIsStale(
      recipe: step.id.recipe,
      reasons: ["step \(step.id) has the network, and no layer is pinned for it as it is now"])
  }
}
