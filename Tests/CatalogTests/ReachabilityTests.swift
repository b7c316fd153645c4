import Catalog
import Testing

@Suite struct ReachabilityTests {
  private func graph(_ count: Int, _ hard: [(Int32, Int32)], _ soft: [(Int32, Int32)] = [])
    -> ReachabilityGraph
  {
    ReachabilityGraph(
      count: count, hard: hard.map { .init(from: $0.0, to: $0.1) },
      soft: soft.map { .init(from: $0.0, to: $0.1) })
  }

  @Test func `roots keep what they need, however far, and nothing else`() {
    let reached = graph(6, [(0, 1), (1, 2), (3, 2), (3, 4)]).reach(roots: [0], softRoots: [])
    #expect(
      reached.marks == [.needed, .needed, .needed, .unreached, .unreached, .unreached])
    #expect(reached.path(to: 2) == [0, 1, 2])
    #expect(reached.path(to: 3) == [])
  }

  @Test func `what is wanted brings what it needs, as wanted`() {
    // 0 needs 1; 1 wants 2; 2 needs 3 and 1; 4 is a soft root that needs 5.
    let reached = graph(6, [(0, 1), (2, 3), (2, 1), (4, 5)], [(1, 2)])
      .reach(roots: [0], softRoots: [4])
    #expect(reached.marks == [.needed, .needed, .wanted, .wanted, .wanted, .wanted])
    #expect(reached.path(to: 3) == [0, 1, 2, 3])
    #expect(reached.path(to: 5) == [4, 5])
  }

  @Test func `a cycle ends`() {
    let cyclic = graph(3, [(0, 1), (1, 2), (2, 0)])
    #expect(cyclic.reach(roots: [1], softRoots: []).marks.allSatisfy { $0 == .needed })
    #expect(cyclic.holdersFirst([true, true, true]).sorted() == [0, 1, 2])
  }

  @Test func `holders come before what they need`() {
    let order = graph(5, [(4, 0), (0, 2), (4, 2), (2, 1)], [(1, 3)])
      .holdersFirst([true, true, true, true, false])
    #expect(order == [0, 2, 1, 3])
  }

  @Test func `an empty graph is fine`() {
    #expect(graph(0, []).reach(roots: [], softRoots: []).marks.isEmpty)
  }

  /// Against the obvious way: repeat until nothing changes.
  @Test(arguments: 0..<50)
  func `it agrees with the definition on random graphs`(_ seed: UInt64) {
    var random = Generator(state: seed)
    let count = 40
    func edges(_ number: Int) -> [(Int32, Int32)] {
      (0..<number).map { _ in
        (Int32.random(in: 0..<40, using: &random), Int32.random(in: 0..<40, using: &random))
      }
    }
    let hard = edges(30)
    let soft = edges(10)
    let roots = (0..<3).map { _ in Int32.random(in: 0..<40, using: &random) }
    let softRoots = [Int32.random(in: 0..<40, using: &random)]
    let reached = graph(count, hard, soft).reach(roots: roots, softRoots: softRoots)
    func closure(_ start: [Int32], _ edges: [(Int32, Int32)]) -> Set<Int32> {
      var closed = Set(start)
      while let next = edges.first(where: { closed.contains($0.0) && !closed.contains($0.1) }) {
        closed.insert(next.1)
      }
      return closed
    }
    let needed = closure(roots, hard)
    let kept = closure(roots + softRoots, hard + soft)
    for node in 0..<Int32(count) {
      let expected: Reachability.Mark =
        needed.contains(node) ? .needed : kept.contains(node) ? .wanted : .unreached
      #expect(reached.marks[Int(node)] == expected)
      #expect(reached.path(to: node).isEmpty == (expected == .unreached))
    }
  }
}

/// SplitMix64: the same graphs every time.
struct Generator: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
