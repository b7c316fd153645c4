/// Through whom alone each node is reached: what would be lost with it, and with nothing else.
///
/// A node dominates another if every way from a root to the other leads through it (Cooper, Harvey,
/// Kennedy, "A Simple, Fast Dominance Algorithm"). One pass over the edges where there are no
/// cycles; memory is linear.
struct Dominators {
  /// By node: its nearest dominator, `count` if there is none but the roots together, -1 if the
  /// node is not reached.
  let immediate: [Int32]
  /// The reached nodes, each before all that it dominates.
  private let order: [Int32]

  init(count: Int, edges: [ReachabilityGraph.Edge], roots: [Int32]) {
    let out = Adjacency(count: count, edges: edges)
    order = Self.reversePostorder(count: count, out, roots)
    var position = [Int32](repeating: -1, count: count + 1)
    // The root of roots comes before everything.
    position[count] = 0
    for (index, node) in order.enumerated() { position[Int(node)] = Int32(index + 1) }
    let reached = edges.filter { position[Int($0.from)] >= 0 }
    let into = Adjacency(
      count: count, edges: reached.map { .init(from: $0.to, to: $0.from) })
    var immediate = [Int32](repeating: -1, count: count)
    for root in roots { immediate[Int(root)] = Int32(count) }
    func common(_ one: Int32, _ other: Int32) -> Int32 {
      var (one, other) = (one, other)
      while one != other {
        if position[Int(one)] > position[Int(other)] {
          one = immediate[Int(one)]
        } else {
          other = immediate[Int(other)]
        }
      }
      return one
    }
    var isStable = false
    while !isStable {
      isStable = true
      for node in order where immediate[Int(node)] != Int32(count) {
        var found: Int32 = -1
        for holder in into[node] where immediate[Int(holder)] >= 0 {
          found = found < 0 ? holder : common(found, holder)
        }
        if immediate[Int(node)] != found {
          immediate[Int(node)] = found
          isStable = false
        }
      }
    }
    self.immediate = immediate
  }

  /// By node: its own and that of all that it dominates; 0 for what is not reached.
  func sums(of bytes: [Int64]) -> [Int64] {
    var sums = [Int64](repeating: 0, count: bytes.count)
    for node in order.reversed() {
      sums[Int(node)] += bytes[Int(node)]
      let above = immediate[Int(node)]
      if above >= 0 && Int(above) < bytes.count { sums[Int(above)] += sums[Int(node)] }
    }
    return sums
  }

  private static func reversePostorder(
    count: Int, _ out: Adjacency, _ roots: [Int32]
  ) -> [Int32] {
    var state = [UInt8](repeating: 0, count: count)
    var order: [Int32] = []
    var stack: [(node: Int32, rest: ArraySlice<Int32>)] = []
    for root in roots where state[Int(root)] == 0 {
      state[Int(root)] = 1
      stack.append((root, out[root]))
      while let top = stack.last {
        if let next = top.rest.first {
          stack[stack.count - 1].rest = top.rest.dropFirst()
          if state[Int(next)] == 0 {
            state[Int(next)] = 1
            stack.append((next, out[next]))
          }
        } else {
          order.append(top.node)
          stack.removeLast()
        }
      }
    }
    return order.reversed()
  }
}
