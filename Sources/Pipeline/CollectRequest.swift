package import Catalog
package import Vocabulary

/// A limit as a person gives it: a size, or none whatever the settings say.
package enum SizeLimit: Sendable, Hashable {
  case none
  case at(ByteCount)

  var bytes: ByteCount? {
    guard case .at(let bytes) = self else { return nil }
    return bytes
  }
}

/// What is `nil` is as the settings have it.
package struct CollectRequest: Sendable {
  package var isDryRun: Bool
  /// Without the hour of grace for what was just made or used.
  package var immediately: Bool
  /// What the whole store may take.
  package var budget: SizeLimit?
  /// What is to be free on its file system.
  package var minFree: SizeLimit?
  /// What can be made again goes if nobody used it for so long.
  package var olderThan: TimeSpan?
  /// So many of the images that a name had stay.
  package var keep: Int?
  /// Also what images were made from.
  package var takesInputs: Bool

  package init(isDryRun: Bool = false, immediately: Bool = false) {
    self.isDryRun = isDryRun
    self.immediately = immediately
    takesInputs = false
  }
}

package struct CollectOutcome: Sendable {
  package var going: [Candidate]
  /// Needed again between the decision and the deed.
  package var spared: [Candidate]
  /// Of a dry run only.
  package var staying: [Staying]
  package var isDryRun: Bool
  /// What a limit still lacks.
  package var shortfall: ByteCount = .zero
  /// How many images can then no longer be built again from what is in the store.
  package var unbuildable = 0
  /// How many of them were made or used within the last hour.
  package var recent = 0
  /// What would bring the store below its limit, the most helpful first.
  package var help: [CollectHelp] = []

  /// Nanoseconds for which the longest transaction held the catalog's write lock.
  package var longestLock: UInt64 = 0

  package var bytes: ByteCount { going.reduce(.zero) { $0 + $1.bytes } }
}

/// Something that a collection leaves alone, and that a person may give up.
package struct CollectHelp: Sendable, Hashable {
  /// What to type.
  package var command: String
  package var frees: ByteCount
}
