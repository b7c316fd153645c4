internal import Vocabulary

extension Inventory {
  /// Pure: what goes under a policy. What nothing holds goes first, then stage after stage until
  /// enough is free. Within a stage, the most bytes for the least work of making them again, and
  /// the longer unused the sooner.
  ///
  /// - Parameter leftovers: unfinished work of dead writers; it goes before everything.
  package func plan(
    _ policy: EvictionPolicy, leftovers: [Candidate] = []
  ) -> EvictionPlan {
    let mark = mark(grace: policy.grace, keep: policy.keep)
    var choice = EvictionChoice(self, mark, policy)
    choice.begin(with: leftovers + mark.candidates)
    for stage in EvictionStage.allCases { choice.evict(stage) }
    return choice.plan
  }
}

/// The store while things are taken out of it, in thought.
private struct EvictionChoice {
  private let inventory: Inventory
  private let mark: Mark
  private let policy: EvictionPolicy
  private let needs: Adjacency
  private let wants: Adjacency
  private var isGone: [Bool]
  /// How many of those that stay can't do without a node; roots count.
  private var needed: [Int32]
  /// How many of those that stay want it beside themselves.
  private var wanted: [Int32]
  /// What nothing but the grace period keeps.
  private let isRecent: [Bool]
  private var candidates: [Candidate] = []
  private var freed: Int64 = 0

  init(_ inventory: Inventory, _ mark: Mark, _ policy: EvictionPolicy) {
    self.inventory = inventory
    self.mark = mark
    self.policy = policy
    let count = inventory.input.nodes.count
    let (hard, soft) = (mark.input.hard, mark.input.soft)
    needs = Adjacency(count: count, edges: hard)
    wants = Adjacency(count: count, edges: soft)
    isGone = mark.reachability.marks.map { $0 == .unreached }
    needed = [Int32](repeating: 0, count: count)
    wanted = needed
    for root in mark.input.roots where !root.root.isSoft { needed[Int(root.node)] += 1 }
    for edge in hard where !isGone[Int(edge.from)] { needed[Int(edge.to)] += 1 }
    for edge in soft where !isGone[Int(edge.from)] { wanted[Int(edge.to)] += 1 }
    let bare = mark.graph.reach(
      roots: mark.input.roots.filter { !$0.root.isSoft }.map(\.node),
      softRoots: mark.input.roots.filter { $0.root.isSoft && $0.root != .recent }.map(\.node))
    isRecent = zip(isGone, bare.marks).map { !$0 && $1 == .unreached }
  }

  var isShort: Bool { policy.wanted.map { freed < $0.bytes } ?? false }

  mutating func begin(with garbage: [Candidate]) {
    candidates = garbage
    freed = garbage.reduce(0) { $0 + $1.bytes.bytes }
  }

  mutating func evict(_ stage: EvictionStage) {
    if stage == .recent { return evictRecent() }
    if stage == .inputs && !policy.takesInputs { return }
    if stage == .inputs && policy.takesAllInputs {
      return pass(stage, .asked) { _ in true }
    }
    if let age = policy.unusedFor {
      let limit = inventory.now - age
      pass(stage, .unused) { $0.lastUsedAt <= limit }
    }
    if policy.wanted != nil { pass(stage, .space, whileShort: true) { _ in true } }
  }

  /// Those of a stage that nothing needs, the best bargains first; then those that the first ones
  /// needed, and so on.
  private mutating func pass(
    _ stage: EvictionStage, _ reason: GoingReason, whileShort: Bool = false,
    where isMeant: (MarkInput.Node) -> Bool
  ) {
    while true {
      if whileShort && !isShort { return }
      let free = inventory.input.nodes.indices.filter { index in
        let node = inventory.input.nodes[index]
        guard node.key.kind == stage.kind, !isGone[index], needed[index] == 0,
          node.state == .ready || node.state == .quarantined
        else { return false }
        return isMeant(node) && !inventory.input.kernels.contains(Int32(index))
      }
      if free.isEmpty { return }
      for index in sorted(free, by: { worth($0, bytes: inventory.input.nodes[$0].bytes) }) {
        if whileShort && !isShort { return }
        take(index, reason)
      }
    }
  }

  /// Whole families: an image without a tag, and with it what only it needs or wants.
  private mutating func evictRecent() {
    guard isShort else { return }
    let heads = isRecent.indices.filter { isFreeOfHolders($0) }
    for head in sorted(heads, by: { worth($0, bytes: familyBytes($0)) }) {
      var queue = [head]
      while isShort, let index = queue.popLast() {
        guard isFreeOfHolders(index) else { continue }
        take(index, .space)
        queue += (needs[Int32(index)] + wants[Int32(index)]).map(Int.init)
      }
    }
  }

  private func isFreeOfHolders(_ index: Int) -> Bool {
    isRecent[index] && !isGone[index] && needed[index] == 0 && wanted[index] == 0
  }

  private func familyBytes(_ head: Int) -> Int64 {
    var sum: Int64 = 0
    var seen: Set<Int> = [head]
    var queue = [head]
    while let index = queue.popLast() {
      sum += inventory.input.nodes[index].bytes
      for next in needs[Int32(index)] + wants[Int32(index)]
      where isRecent[Int(next)] && !isGone[Int(next)] && seen.insert(Int(next)).inserted {
        queue.append(Int(next))
      }
    }
    return sum
  }

  /// Bytes × seconds unused ÷ milliseconds to make it again; a second where nobody knows.
  private func worth(_ index: Int, bytes: Int64) -> Double {
    let node = inventory.input.nodes[index]
    let idle = max(1, inventory.now - node.lastUsedAt)
    return Double(bytes) * Double(idle) / Double(max(1, node.rebuildMilliseconds ?? 1000))
  }

  private func sorted(_ indices: [Int], by worth: (Int) -> Double) -> [Int] {
    indices.map { (index: $0, worth: worth($0)) }
      .sorted { ($0.worth, $1.index) > ($1.worth, $0.index) }.map(\.index)
  }

  private mutating func take(_ index: Int, _ reason: GoingReason) {
    let node = inventory.input.nodes[index]
    isGone[index] = true
    freed += node.bytes
    for edge in needs[Int32(index)] { needed[Int(edge)] -= 1 }
    for edge in wants[Int32(index)] { wanted[Int(edge)] -= 1 }
    candidates.append(
      Candidate(
        subject: .object(node.key), reason: reason, bytes: ByteCount(node.bytes), id: node.id,
        lastUsedAt: node.lastUsedAt, isWanted: true))
  }

  var plan: EvictionPlan {
    let nodes = inventory.input.nodes
    var unbuildable: Set<Int32> = []
    for edge in mark.input.soft where isGone[Int(edge.to)] && !isGone[Int(edge.from)] {
      if nodes[Int(edge.to)].key.kind == .input, nodes[Int(edge.from)].key.kind == .image {
        unbuildable.insert(edge.from)
      }
    }
    let limit = inventory.now - 3600
    return EvictionPlan(
      candidates: candidates, mark: mark,
      shortfall: ByteCount(max(0, (policy.wanted?.bytes ?? 0) - freed)),
      unbuildable: unbuildable.count,
      recent: candidates.count { candidate in
        guard case .object = candidate.subject else { return false }
        return candidate.lastUsedAt > limit && candidate.reason != .leftover
      })
  }
}
