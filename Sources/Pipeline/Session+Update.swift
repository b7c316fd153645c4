internal import Catalog
internal import Host
internal import Inputs
internal import Planning
internal import Recipes
internal import Vocabulary

package struct UpdateRequest: Sendable {
  /// A recipe's name or path.
  package var recipe: String
  /// What may become newer: packages, or tools of the recipe's; all of it if there are none.
  package var names: [String]
  /// Only says what would change.
  package var isDry: Bool
  /// `NAME=FILE` or `NAME=env:VARIABLE`, for steps that have to be run.
  package var secrets: [String]

  package init(recipe: String, names: [String] = [], isDry: Bool = false, secrets: [String] = []) {
    self.recipe = recipe
    self.names = names
    self.isDry = isDry
    self.secrets = secrets
  }
}

/// Something that a lock holds in another version than before.
package struct LockChange: Sendable, Hashable {
  /// `apt`, `pip`, `npm`, `oci` or `kernel`.
  package var kind: String
  /// The recipe whose step installs it; empty for the kernel.
  package var recipe: String
  package var name: String
  /// `nil` if the lock did not hold it.
  package var before: String?
  package var after: String?
}

package struct UpdateOutcome: Sendable {
  package var name: String
  /// Of the lock.
  package var path: String
  package var changes: [LockChange]
}

/// A recipe with its lock, or a tool with the lock that another recipe has of it.
struct LockedChain {
  var chain: RecipeChain
  var found: RecipeFinder.Found
  var lock: Lock
}

extension Session {
  /// Locks with newer versions: of all that they hold, or of what is named and what that needs; of
  /// the recipe, and of its tools. Nothing is built but what `pip` and `npm` steps have to be asked
  /// on. All is resolved before the first lock is written.
  package func update(_ request: UpdateRequest) throws -> [UpdateOutcome] {
    let secrets = try SecretSources(request.secrets, environment: environment)
    let chains = try lockedChains(of: request.recipe)
    let parts = try Self.assign(request.names, to: chains)
    let lease = try catalog.lease(for: "update \(chains[0].found.name)")
    defer { lease.release() }
    let renewed = try zip(chains, parts).compactMap { chain, names in
      try names.map { names in
        let terms = BuildTerms(secrets: secrets, pins: StepPins(.keep))
        return (before: chain, after: try self.renewed(chain, names: names, terms, lease))
      }
    }
    return try renewed.map { before, after in
      if !request.isDry, after != before.lock { try write(after, to: before.found.lockPath) }
      return UpdateOutcome(
        name: before.found.name, path: before.found.lockPath,
        changes: Self.changes(from: before.lock, to: after))
    }
  }

  /// The recipe, then those of its tools that are locked.
  func lockedChains(of reference: String) throws -> [LockedChain] {
    let (chain, found) = try loadChain(reference, isLocked: false)
    guard let lock = try readLock(found) else {
      throw PipelineError.noLock(found.name, path: found.lockPath)
    }
    return try [LockedChain(chain: chain, found: found, lock: lock)]
      + chain.tools.compactMap { name in
        let (chain, found) = try loadChain(name, for: found, isLocked: false)
        return try readLock(found).map { LockedChain(chain: chain, found: found, lock: $0) }
      }
  }

  /// Which names each of the locks is asked for: `nil` to leave it alone, none for all it holds.
  private static func assign(
    _ names: [String], to chains: [LockedChain]
  ) throws -> [[String]?] {
    if names.isEmpty { return chains.map { _ in [] } }
    var parts: [[String]?] = chains.map { _ in nil }
    for name in names {
      var isKnown = false
      for (index, chain) in chains.enumerated() {
        if index > 0, chain.found.name == name {
          parts[index] = []
        } else if chain.lock.holds(name) {
          if parts[index] != [] { parts[index] = (parts[index] ?? []) + [name] }
        } else {
          continue
        }
        isKnown = true
      }
      if isKnown { continue }
      let known = chains.flatMap { $0.lock.contents.map(\.name) + [$0.found.name] }
      throw PipelineError.notInLock(
        name, recipes: chains.map(\.found.name), near: NearNames.of(name, in: known.map { $0[...] })
      )
    }
    return parts
  }

  /// What is named may need newer packages of steps before it: those are renewed as well then.
  private func renewed(
    _ locked: LockedChain, names: [String], _ terms: BuildTerms, _ lease: Lease
  ) throws -> Lock {
    var timings = Timings()
    terms.pins.take(locked.lock.pins)
    return try report.stage("resolve \(locked.found.name)", &timings) {
      var names = names
      while true {
        do {
          return try resolveAgain(locked, names: names, terms, lease)
        } catch PipelineError.step(let step, let error as InputsError) {
          guard case .wouldUpgrade(let package, _, _) = error, locked.lock.holds(package),
            !names.isEmpty, !names.contains(package)
          else { throw PipelineError.step(step, error) }
          names.append(package)
        }
      }
    }
  }

  private func resolveAgain(
    _ locked: LockedChain, names: [String], _ terms: BuildTerms, _ lease: Lease
  ) throws -> Lock {
    let (chain, before) = (locked.chain, locked.lock)
    var states = LockCheck.states(of: chain, lock: before, architecture: .amd64)
    var renewal = LockRenewal(of: names, in: before)
    if names.isEmpty {
      renewal.kernel = true
      // What a recipe says to the bit has nothing newer.
      states = zip(chain.steps, states).map { step, state in
        if case .fetch = step.action { return state }
        return state == .notNeeded ? state : .missing
      }
    }
    return try resolve(
      chain, states, before, renewing: renewal, files: try CopySources.read(chain),
      isBorrowed: locked.found.isBorrowed, terms, lease)
  }

  /// In the order of steps, then by name.
  static func changes(from before: Lock, to after: Lock) -> [LockChange] {
    struct Key: Hashable {
      var kind: LockContent.Kind
      var recipe: String
      var name: String
    }
    func key(_ content: LockContent) -> Key {
      Key(kind: content.kind, recipe: content.step?.recipe ?? "", name: content.name)
    }
    let old = Dictionary(before.contents.map { (key($0), $0.version) }) { first, _ in first }
    let new = Dictionary(after.contents.map { (key($0), $0.version) }) { first, _ in first }
    var seen: Set<Key> = []
    return (after.contents + before.contents).compactMap { content in
      let key = key(content)
      guard seen.insert(key).inserted, old[key] != new[key] else { return nil }
      return LockChange(
        kind: key.kind.rawValue, recipe: key.recipe, name: key.name, before: old[key],
        after: new[key])
    }
  }
}
