internal import Catalog
internal import Host
internal import Inputs
internal import Recipes
package import Vocabulary

/// Something that a lock holds and that is there in a newer version.
package struct OutdatedPackage: Sendable, Hashable {
  /// `apt`, `pip`, `npm` or `kernel`.
  package var kind: String
  /// The recipe whose step installs it; empty for the kernel.
  package var recipe: String
  package var name: String
  package var locked: String
  package var available: String
  /// When the locked version was made, where it says so.
  package var date: SourceDate?
  /// The recipes whose locks hold it, sorted.
  package var locks: [String]
}

extension Session {
  /// What has become newer since it was locked. Nothing is changed, and of apt's packages nothing
  /// but lists is fetched; steps that the image's own tools have to be asked about are asked on
  /// their layers, built if they are missing.
  ///
  /// - Parameter references: recipes; all that are locked if there are none: those of the project
  ///   in this directory or, outside one, those that are found by name.
  package func outdated(_ references: [String]) throws -> [OutdatedPackage] {
    let chains =
      try references.isEmpty
      ? everyLockedChain() : references.flatMap { try lockedChains(of: $0) }
    let lease = try catalog.lease(for: "outdated")
    defer { lease.release() }
    let archives = SuiteArchives(archiveResolver)
    var timings = Timings()
    var found: [OutdatedPackage: Set<String>] = [:]
    for chain in chains {
      let rows = try report.stage("look at \(chain.found.name)", &timings) {
        try outdatedPackages(of: chain, archives) + outdatedFiles(of: chain, lease)
      }
      for row in rows { found[row, default: []].insert(chain.found.name) }
    }
    return found.map { row, locks in
      var row = row
      row.locks = locks.sorted()
      return row
    }.sorted { ($0.recipe, $0.kind, $0.name, $0.locked) < ($1.recipe, $1.kind, $1.name, $1.locked) }
  }

  private func everyLockedChain() throws -> [LockedChain] {
    if Files.exists(RecipeFinder.projectFile) { return try lockedChains(of: ".") }
    return try recipes.all().flatMap { recipe -> [LockedChain] in
      let found = try recipes.find(recipe.name)
      return Files.exists(found.lockPath) ? try lockedChains(of: recipe.name) : []
    }
  }

  private func outdatedPackages(
    of locked: LockedChain, _ archives: SuiteArchives
  ) throws -> [OutdatedPackage] {
    let contents = locked.lock.contents
    var rows: [OutdatedPackage] = []
    if let suite = locked.chain.suite {
      let packages = contents.filter { $0.kind == .apt }
      let candidates = try archives.resolver(of: suite).candidates(of: packages.map(\.name))
      for content in packages {
        guard let available = candidates[content.name],
          PackageChange(name: content.name, before: content.version, after: available).isUpgrade
        else { continue }
        rows.append(row(content, available))
      }
    }
    if let kernel = contents.first(where: { $0.kind == .kernel }) {
      let newest = try archives.resolver(of: locked.chain.suite ?? Self.kernelSuite)
        .resolveKernel(Self.kernelPackage).packages
      if let available = newest.first?.version, available != kernel.version {
        rows.append(row(kernel, available))
      }
    }
    return rows
  }

  private func outdatedFiles(
    of locked: LockedChain, _ lease: Lease
  ) throws -> [OutdatedPackage] {
    let (chain, lock) = (locked.chain, locked.lock)
    let states = LockCheck.states(of: chain, lock: lock, architecture: .amd64)
    let terms = BuildTerms()
    terms.pins.take(lock.pins)
    var rows: [OutdatedPackage] = []
    for (index, (step, state)) in zip(chain.steps, states).enumerated() {
      guard case .locked(let entry) = state, StepAsk.toolKinds.contains(entry.ask.kind) else {
        continue
      }
      let layers = try buildLocked(
        chain, lock, files: try CopySources.read(chain), first: index, terms, lease)
      let versions: [String: String]
      do {
        versions = try survey(step, chain.based(on: lock), over: layers, lease)
      } catch let error as InputsError {
        throw PipelineError.step(step.id, error)
      }
      for content in lock.contents where content.step == step.id {
        guard let available = versions[content.name], available != content.version else {
          continue
        }
        rows.append(row(content, available))
      }
    }
    return rows
  }

  private func row(_ content: LockContent, _ available: String) -> OutdatedPackage {
    OutdatedPackage(
      kind: content.kind.rawValue, recipe: content.step?.recipe ?? "", name: content.name,
      locked: content.version, available: available, date: date(of: content), locks: [])
  }

  /// When it was made, where its file is there and says so.
  private func date(of content: LockContent) -> SourceDate? {
    guard let digest = content.input, inputStore.size(of: digest) != nil else { return nil }
    let path = inputStore.path(of: digest)
    switch content.kind {
    case .apt, .kernel: return (try? DebianArchive(path: path))?.date
    case .pip: return WheelArchive.date(of: path)
    // Registries have all times in tarballs be the same one of 1985.
    case .npm, .oci: return nil
    }
  }
}
