internal import Catalog
internal import Host
internal import Inputs
internal import Recipes
package import Vocabulary

package struct FetchRequest: Sendable {
  /// A recipe's name or path.
  package var recipe: String
  /// Refuses to change the lock.
  package var isLocked: Bool

  package init(recipe: String, isLocked: Bool = false) {
    self.recipe = recipe
    self.isLocked = isLocked
  }
}

package struct FetchOutcome: Sendable {
  package var name: String
  /// All that the lock names, each once, and their bytes.
  package var inputs: Int
  package var bytes: ByteCount
  /// How many of them were not in the store before.
  package var fetched: Int
  package var timings: Timings
}

extension Session {
  /// Recipe → lock → every input of it in the store: the build afterwards needs no network.
  package func fetch(_ request: FetchRequest) throws -> FetchOutcome {
    var timings = Timings()
    let (chain, found) = try loadChain(request.recipe, isLocked: request.isLocked)
    let lease = try catalog.lease(for: "fetch \(found.name)")
    defer { lease.release() }
    let files = try CopySources.read(chain)
    let before = try Set(Files.list(layout.inputs))
    let locked = try completeLock(
      chain, found, files: files, isLocked: request.isLocked, lease, &timings)
    let packages = locked.inputs
    try fetch(packages, lease, &timings)
    return FetchOutcome(
      name: found.name, inputs: packages.count,
      bytes: packages.reduce(.zero) { $0 + $1.size },
      fetched: packages.count { !before.contains($0.digest.hex) }, timings: timings)
  }
}

extension Lock {
  /// All that it names, each once, in the order of their digests.
  var inputs: [LockedPackage] {
    Set(steps.flatMap(\.packages) + (kernel?.packages ?? [])).sorted { $0.digest < $1.digest }
  }
}
