package import Recipes
package import Vocabulary

/// What apt answered.
package struct AptResolution: Sendable, Equatable {
  /// All that has to be fetched, sorted; `packages` of a step in a lock.
  package let packages: [LockedPackage]
  /// The signed lists that were asked: suite, updates, security.
  package let archives: [LockedArchive]
}

/// What a person may want to see while inputs come.
package enum InputProgress: Sendable, Hashable {
  case note(String)
  /// Sums over one call of `fetch`.
  case fetched(bytes: ByteCount, of: ByteCount, files: Int, ofFiles: Int)
}
