package import Vocabulary

/// What a collection may take beyond what nothing holds.
package struct EvictionPolicy: Sendable, Hashable {
  /// How long something stays that was made or used and that nothing holds; `nil` for not at all.
  package var grace: Int64?
  /// How many of the images that a name had stay, the present one included.
  package var keep = 1
  /// What can be made again goes when nobody used it for so many seconds.
  package var unusedFor: Int64?
  /// So much is to be free afterwards that is not now.
  package var wanted: ByteCount?
  /// Also packages and files that images were made from.
  package var takesInputs = false

  package init(grace: Int64? = 3600) { self.grace = grace }

  /// Inputs alone, however new and however much room there is.
  var takesAllInputs: Bool { takesInputs && unusedFor == nil && wanted == nil }
}

/// In which order things go when space is short. Each can be had again: made from what stays, or
/// built, or fetched.
package enum EvictionStage: Int, Sendable, CaseIterable {
  /// Unpacked layers.
  case trees
  case warm
  /// Of no VM.
  case disks
  /// Boot bundles of no VM.
  case boot
  /// What only the grace period keeps: layers of no image, and images without a tag.
  case recent
  case inputs

  /// The kind of what goes; anything for `recent`.
  var kind: ObjectKind? {
    switch self {
    case .trees: .tree
    case .warm: .warm
    case .disks: .disk
    case .boot: .boot
    case .recent: nil
    case .inputs: .input
    }
  }
}

/// What one collection takes, in its order, and what it could not reach.
package struct EvictionPlan: Sendable {
  package let candidates: [Candidate]
  let mark: Mark
  /// Still missing when all that may go has gone.
  package let shortfall: ByteCount
  /// Images that stay and lose inputs that they were made from.
  package let unbuildable: Int
  /// How many of the candidates were made or used within the grace period.
  package let recent: Int

  /// What stays, by key, with one reason each.
  package var staying: [Staying] {
    let taken = Set(candidates.map(\.subject))
    return mark.staying.filter { !taken.contains(.object($0.key)) }
  }
}
