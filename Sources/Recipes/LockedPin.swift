package import Vocabulary

/// The layer that a step with network made. What it takes from there is fixed nowhere else, so a
/// later build has to make the same layer, or somebody has to say that another one is meant.
package struct LockedPin: Sendable, Hashable {
  package let id: StepID
  /// Of the step's record: about a step that is another now, or stands on other layers, the pin
  /// says nothing.
  package let key: StepKey
  package let layer: DiffID

  package init(id: StepID, key: StepKey, layer: DiffID) {
    self.id = id
    self.key = key
    self.layer = layer
  }
}

extension Lock {
  /// The same inputs with other pins.
  package func pinning(_ pins: [LockedPin]) -> Lock {
    Lock(
      architecture: architecture, recipes: recipes, archives: archives, steps: steps, pins: pins,
      kernel: kernel)
  }
}
