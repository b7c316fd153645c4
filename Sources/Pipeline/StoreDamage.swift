package import Catalog
package import Vocabulary

/// What is wrong with one file of a store. The raw values are printed.
package enum DamageKind: String, Sendable, CaseIterable {
  case missing
  case wrongSize = "wrong size"
  case wrongDigest = "wrong digest"
  case unreadable
  /// An earlier repair took it away, and it was not made again since.
  case setAside = "set aside"
  /// `index.json` does not say what the tags say.
  case indexDiffers = "differs from the tags"
}

/// One damaged file, and whom it touches.
package struct StoreDamage: Sendable, Hashable {
  package enum Outcome: Sendable, Hashable {
    /// Nothing was tried.
    case found
    /// It is whole again.
    case repaired
    /// Gone from where it was; it is made or fetched again when it is next needed.
    case madeWhenNeeded
    /// It is in use by these VMs, and stays where it is.
    case inUse([String])
    /// It needs something that only a person can give, and why.
    case left(reason: String)
  }

  package var kind: DamageKind
  /// As in `layer sha256:…`; a path for what is no object.
  package var subject: String
  /// Below the store.
  package var path: String
  /// What was expected and what was found.
  package var detail: String
  package var touched: Touched
  package var outcome = Outcome.found
  /// What makes it again; `nil` where nothing is known to.
  package var command: String?

  /// Whether the store is the worse for it still.
  package var isOpen: Bool {
    switch outcome {
    case .repaired, .madeWhenNeeded: false
    case .found, .inUse, .left: true
    }
  }
}

package struct VerifyOutcome: Sendable {
  package var damages: [StoreDamage]
  /// Files that no row knows, by path: in `blobs` those of others, else what the next collection
  /// takes.
  package var unknown: [String]
  package var files: Int
  /// Of what was read.
  package var bytes: ByteCount
  package var isQuick: Bool
  package var isRepair: Bool
  /// Where damaged files were put.
  package var quarantine: String?
  package var milliseconds: Int

  package var isWhole: Bool { !damages.contains(where: \.isOpen) }
}
