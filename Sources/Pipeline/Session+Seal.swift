internal import Building
internal import Catalog
internal import Inputs
internal import Planning
internal import Recipes
internal import Vocabulary

extension Session {
  /// Before a layer is published: refuses it if something in it looks like a secret that neither
  /// the recipe allows nor Debian or a registry publishes.
  func requireSealed(
    _ findings: [SealFinding], of step: PlannedStep, among steps: [PlannedStep],
    _ lease: Lease
  ) throws {
    let refused = findings.filter { finding in
      finding.isHandedIn || !step.sealAllowances.contains { finding.path.isWithin($0) }
    }
    if refused.isEmpty { return }
    let published = try published(refused, through: step, among: steps, lease)
    let left = refused.filter { $0.isHandedIn || !published.contains($0.path) }
    if !left.isEmpty { throw PipelineError.step(step.id, BuildingError.holdsSecrets(left)) }
  }

  /// The step's own packages first, as they are the likeliest, then those of the steps before it.
  private func published(
    _ findings: [SealFinding], through step: PlannedStep, among steps: [PlannedStep],
    _ lease: Lease
  ) throws -> Set<GuestPath> {
    var files: [GuestPath: Digest] = [:]
    for finding in findings where !finding.isHandedIn { files[finding.path] = finding.digest }
    let end = steps.firstIndex { $0.id == step.id } ?? steps.endIndex - 1
    let packages = steps[...end].reversed().flatMap(\.packages)
    let store = InputStore(directory: layout.inputs, ingest: layout.ingest)
    var found = try PublishedFiles.among(files, of: packages, in: store)
    // Private registries hold what is private; but what is locked is in each image that asks for it.
    if case .npm(_, let tarballs) = step.action {
      let left = files.filter { !found.contains($0.key) }
      try found.formUnion(PublishedFiles.among(left, ofTarballs: tarballs, in: store))
    }
    let missing = packages.filter { !store.holds($0.digest, size: $0.size) }
    if missing.isEmpty || found.count == files.count { return found }
    // Inputs of steps that ran long ago may be gone. What no source has any more can't speak for
    // a file, and the error is about that file.
    do {
      report(.line("fetching \(missing.count) packages, to compare with what looks like a secret"))
      try obtain(missing, lease)
    } catch is InputsError {
      return found
    }
    let rest = files.filter { !found.contains($0.key) }
    return try found.union(PublishedFiles.among(rest, of: missing, in: store))
  }
}
