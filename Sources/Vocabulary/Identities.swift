/// Digests that mean different things must not be mistaken for each other: one type each.

/// Identity of a layer: SHA-256 of its uncompressed canonical tar
/// (OCI Image Specification, "Image Configuration: Layer DiffID").
package struct DiffID: Hashable, Sendable, Comparable, CustomStringConvertible {
  package let digest: Digest
  package init(_ digest: Digest) { self.digest = digest }
  package init?(_ text: some StringProtocol) {
    guard let digest = Digest(text) else { return nil }
    self.digest = digest
  }
  package var description: String { digest.description }
  package static func < (left: DiffID, right: DiffID) -> Bool { left.digest < right.digest }
}

/// Identity of the first *n* layers of an image, in order
/// (OCI Image Specification, "Image Configuration: Layer ChainID").
package struct ChainID: Hashable, Sendable, Comparable, CustomStringConvertible {
  package let digest: Digest
  package init(_ digest: Digest) { self.digest = digest }
  package init?(_ text: some StringProtocol) {
    guard let digest = Digest(text) else { return nil }
    self.digest = digest
  }
  package var description: String { digest.description }
  package static func < (left: ChainID, right: ChainID) -> Bool { left.digest < right.digest }

  /// `ChainID(L₀) = DiffID(L₀)`, `ChainID(L₀|…|Lₙ) = Digest(ChainID(L₀|…|Lₙ₋₁) + " " + DiffID(Lₙ))`.
  /// `nil` for no layers: an empty chain has no identity.
  package init?(of layers: some Sequence<DiffID>) {
    var chain: Digest?
    for layer in layers {
      chain = chain.map { Digest.of("\($0) \(layer)") } ?? layer.digest
    }
    guard let chain else { return nil }
    self.digest = chain
  }
}

/// Identity of an image: the digest of its OCI configuration, which holds the diffIDs and the
/// configuration and nothing else. Two encodings of one image have the same `ImageID`.
package struct ImageID: Hashable, Sendable, Comparable, CustomStringConvertible {
  package let digest: Digest
  package init(_ digest: Digest) { self.digest = digest }
  package init?(_ text: some StringProtocol) {
    guard let digest = Digest(text) else { return nil }
    self.digest = digest
  }
  package var description: String { digest.description }
  package static func < (left: ImageID, right: ImageID) -> Bool { left.digest < right.digest }
}

/// What a build step depends on, as one digest of its readable record. Same key, same layer.
package struct StepKey: Hashable, Sendable, Comparable, CustomStringConvertible {
  package let digest: Digest
  package init(_ digest: Digest) { self.digest = digest }
  package init?(_ text: some StringProtocol) {
    guard let digest = Digest(text) else { return nil }
    self.digest = digest
  }
  package var description: String { digest.description }
  package static func < (left: StepKey, right: StepKey) -> Bool { left.digest < right.digest }
}
