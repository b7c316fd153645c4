package import Vocabulary

/// What a lock says to one step of a chain.
package enum LockState: Sendable, Equatable {
  /// The step takes nothing from outside.
  case notNeeded
  case locked(LockedStep)
  /// There is no lock, or it ends before this step.
  case missing
  /// The lock's entry was made for something else.
  case stale(reason: String)

  /// Whether the step can be built with the lock as it is.
  package var isComplete: Bool {
    switch self {
    case .notNeeded, .locked: true
    case .missing, .stale: false
    }
  }
}

/// Compares a chain with its lock.
///
/// Entries belong to the steps that have inputs, in order. A step is resolved over the packages of
/// those before it, so the first entry that does not fit makes all later ones stale; steps without
/// inputs may come and go.
package enum LockCheck {
  /// One state for each of `chain.steps`.
  package static func states(of chain: RecipeChain, lock: Lock?, architecture: Architecture)
    -> [LockState]
  {
    var rest = (lock?.steps ?? [])[...]
    var broken: String?
    if let lock, lock.architecture != architecture {
      broken = "the lock is for \(lock.architecture.rawValue), not \(architecture.rawValue)"
    }
    return chain.steps.map { step in
      guard let ask = StepAsk(step.action) else { return .notNeeded }
      guard let entry = rest.popFirst() else { return .missing }
      if let broken { return .stale(reason: broken) }
      if let reason = difference(step, ask, entry) {
        broken = "step \(step.id) before it has changed"
        return .stale(reason: reason)
      }
      return .locked(entry)
    }
  }

  private static func difference(_ step: ChainStep, _ ask: StepAsk, _ entry: LockedStep) -> String?
  {
    if step.id.recipe != entry.id.recipe {
      return "the entry is for recipe \"\(entry.id.recipe)\", not \"\(step.id.recipe)\""
    }
    if ask.kind != entry.ask.kind {
      return "the entry is for a \(entry.ask.kind) step, not \(ask.kind)"
    }
    var reasons: [String] = []
    let added = ask.names.filter { !entry.ask.names.contains($0) }
    let removed = entry.ask.names.filter { !ask.names.contains($0) }
    if !added.isEmpty { reasons.append("asks for \(added.joined(separator: ", ")) now") }
    if !removed.isEmpty { reasons.append("asks no more for \(removed.joined(separator: ", "))") }
    let options = ask.options.filter { !entry.ask.options.contains($0) }
    if ask.options != entry.ask.options {
      reasons.append("has other options: \(options.joined(separator: ", "))")
    }
    return reasons.isEmpty ? nil : reasons.joined(separator: ", ")
  }

  /// Recipes of the chain whose text is not the one that the lock was made from, sorted. They need
  /// not make an entry stale: a comment is text, too.
  package static func changedRecipes(of chain: RecipeChain, lock: Lock) -> [String] {
    chain.recipes.filter { recipe in
      !lock.recipes.contains { $0.name == recipe.name && $0.digest == recipe.digest }
    }.map(\.name).sorted()
  }
}
