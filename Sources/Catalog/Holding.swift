internal import Vocabulary

/// Why something is in the store, or will not be for long.
package struct Holding: Sendable {
  package let key: ObjectKey
  package let state: ObjectState
  /// The root that holds it and a shortest way from it to the object, which is last.
  package let path: (root: Root, objects: [ObjectKey])?
  /// Whether what holds it can't do without it; else it goes when space is short.
  package let isNeeded: Bool
  /// All roots that lead to it, the one of `path` among them.
  package let roots: [Root]
  /// When it comes to be garbage by the clock, if nothing holds it.
  package let goesAt: Int64?
  /// Of an image: tags that have had it and have another one now.
  package let formerTags: [String]
}

extension Inventory {
  /// Pure. `nil` if there is no such object.
  package func holding(of key: ObjectKey, grace: Int64, keep: Int = 1) -> Holding? {
    guard let index = input.nodes.firstIndex(where: { $0.key == key }) else { return nil }
    let node = Int32(index)
    let mark = mark(grace: nil, keep: keep)
    let holders = Adjacency(
      count: input.nodes.count,
      edges: (input.hard + input.soft).map { .init(from: $0.to, to: $0.from) })
    var above: [Int32] = [node]
    var seen: Set<Int32> = [node]
    var next = 0
    while next < above.count {
      for holder in holders[above[next]] where seen.insert(holder).inserted { above.append(holder) }
      next += 1
    }
    let lastUse = above.map { input.nodes[Int($0)].lastUsedAt }.max() ?? 0
    let why = mark.why(key)
    var roots: [Root] = []
    for root in mark.input.roots where seen.contains(root.node) && !roots.contains(root.root) {
      roots.append(root.root)
    }
    return Holding(
      key: key, state: input.nodes[index].state, path: why.map { ($0.root, $0.path) },
      isNeeded: mark.reachability.marks[index] == .needed, roots: roots,
      goesAt: why == nil ? lastUse + grace : nil,
      formerTags: input.history.filter { $0.image == node && $0.rank > 0 }.map(\.name))
  }
}
