/// Who needs whom, by number: the mark phase in its purest form.
///
/// Numbers run from 0 to `count` - 1; edges and roots outside of that are a mistake of the
/// caller's. Time and memory are linear in nodes and edges: everything is an array of integers.
package struct ReachabilityGraph: Sendable {
  package struct Edge: Sendable {
    package let from: Int32
    package let to: Int32

    package init(from: Int32, to: Int32) {
      self.from = from
      self.to = to
    }
  }

  package let count: Int
  /// `from` cannot do without `to`.
  package let hard: [Edge]
  /// `to` is worth keeping while `from` is there.
  package let soft: [Edge]

  package init(count: Int, hard: [Edge], soft: [Edge]) {
    self.count = count
    self.hard = hard
    self.soft = soft
  }

  /// Marks what `roots` need, and then what is worth keeping beside it or for `softRoots`.
  package func reach(roots: [Int32], softRoots: [Int32]) -> Reachability {
    let needs = Adjacency(count: count, edges: hard)
    let wants = Adjacency(count: count, edges: soft)
    var marks = [Reachability.Mark](repeating: .unreached, count: count)
    var via = [Int32](repeating: -1, count: count)
    var queue: [Int32] = []
    queue.reserveCapacity(count)

    func visit(_ node: Int32, from holder: Int32, as mark: Reachability.Mark) {
      guard marks[Int(node)] == .unreached else { return }
      marks[Int(node)] = mark
      via[Int(node)] = holder
      queue.append(node)
    }
    for root in roots { visit(root, from: -1, as: .needed) }
    var next = 0
    while next < queue.count {
      let node = queue[next]
      next += 1
      for target in needs[node] { visit(target, from: node, as: .needed) }
    }
    for root in softRoots { visit(root, from: -1, as: .wanted) }
    // Everything reached so far may want something; what is wanted needs what it needs.
    next = 0
    while next < queue.count {
      let node = queue[next]
      next += 1
      for target in wants[node] { visit(target, from: node, as: .wanted) }
      for target in needs[node] { visit(target, from: node, as: .wanted) }
    }
    return Reachability(marks: marks, via: via)
  }

  /// The nodes for which `included` holds, each before those that it needs or wants. Nodes on a
  /// cycle come last.
  package func holdersFirst(_ included: [Bool]) -> [Int32] {
    let all = Adjacency(count: count, edges: hard + soft)
    var holders = [Int32](repeating: 0, count: count)
    for edge in hard + soft where included[Int(edge.from)] && included[Int(edge.to)] {
      holders[Int(edge.to)] += 1
    }
    var order: [Int32] = []
    for node in 0..<count where included[node] && holders[node] == 0 {
      order.append(Int32(node))
    }
    var done = [Bool](repeating: false, count: count)
    var next = 0
    while next < order.count {
      let node = order[next]
      next += 1
      done[Int(node)] = true
      for target in all[node] where included[Int(target)] {
        holders[Int(target)] -= 1
        if holders[Int(target)] == 0 { order.append(target) }
      }
    }
    for node in 0..<count where included[node] && !done[node] { order.append(Int32(node)) }
    return order
  }
}

/// What a mark phase found.
package struct Reachability: Sendable {
  package enum Mark: UInt8, Sendable {
    case unreached
    /// Kept for convenience: losing it costs time.
    case wanted
    /// A root cannot do without it.
    case needed
  }

  /// By node.
  package let marks: [Mark]
  /// The node through which it was reached; -1 for roots and for what was not reached.
  let via: [Int32]

  /// A shortest way from a root to the node, both included; empty if it was not reached.
  package func path(to node: Int32) -> [Int32] {
    guard marks[Int(node)] != .unreached else { return [] }
    var path = [node]
    while let last = path.last, via[Int(last)] >= 0 { path.append(via[Int(last)]) }
    return path.reversed()
  }
}

/// Edges by their origin, in two arrays (compressed sparse rows).
struct Adjacency {
  private var starts: [Int32]
  private var targets: [Int32]

  init(count: Int, edges: [ReachabilityGraph.Edge]) {
    starts = [Int32](repeating: 0, count: count + 1)
    for edge in edges { starts[Int(edge.from) + 1] += 1 }
    for node in 0..<count { starts[node + 1] += starts[node] }
    targets = [Int32](repeating: 0, count: edges.count)
    var free = starts
    for edge in edges {
      targets[Int(free[Int(edge.from)])] = edge.to
      free[Int(edge.from)] += 1
    }
  }

  subscript(node: Int32) -> ArraySlice<Int32> {
    targets[Int(starts[Int(node)])..<Int(starts[Int(node) + 1])]
  }
}
