package import Layers
package import Recipes
package import Vocabulary

package struct RebuildOutcome: Sendable {
  /// One layer as it was and as it became.
  package struct Layer: Sendable {
    package var step: StepID
    /// What the step does, for people.
    package var summary: String
    package var before: DiffID
    package var after: DiffID

    package var isSame: Bool { before == after }
  }

  /// One path that differs in the first layer that does.
  package struct Finding: Sendable {
    package var change: TreeDifference.Change
    /// Of a small text: the lines that differ.
    package var lines: [String]?
  }

  /// What the person called it.
  package var name: String
  package var before: ImageID
  package var after: ImageID
  /// The lowest first.
  package var layers: [Layer]
  /// The first paths.
  package var findings: [Finding]
  /// How many there are.
  package var findingCount: Int
  /// What was other than usual, for people.
  package var varied: [String]
  package var milliseconds: Int

  package var matched: Bool { before == after }
}
