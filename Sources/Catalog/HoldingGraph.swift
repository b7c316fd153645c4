internal import Vocabulary

/// Objects and VMs in one numbering, and who holds whom: objects first, then VMs.
struct HoldingGraph: Sendable {
  private let inventory: Inventory
  private let objects: Int
  let bytes: [Int64]
  /// Everything that keeps something, whether it needs it or only wants it.
  private let edges: [ReachabilityGraph.Edge]
  private let roots: [Int32]
  /// By node: something that stays holds it, or it is a VM.
  let isHeld: [Bool]
  /// Those that something else, which stays, can't do without.
  private let bound: Set<Int32>
  private let layerSizes: [Int32: Int64]
  private let holders: [Int32: (count: Int, first: [Int32])]
  private let tags: [Int32: [String]]

  init(_ inventory: Inventory) {
    self.inventory = inventory
    objects = inventory.input.nodes.count
    bytes = inventory.input.nodes.map(\.bytes) + inventory.vms.map(\.bytes)
    let input = inventory.input
    var edges = input.hard + input.soft
    var roots: [Int32] = []
    var bound: Set<Int32> = []
    for (index, vm) in inventory.vms.enumerated() {
      let node = Int32(objects + index)
      roots.append(node)
      edges += vm.needed.map { .init(from: node, to: $0) }
      bound.formUnion(vm.needed)
    }
    for root in input.roots {
      switch root.root {
      case .tag: roots.append(root.node)
      case .checkpoint, .pin, .lease:
        roots.append(root.node)
        bound.insert(root.node)
      // The newest boot bundle stays as long as there is a tag or a VM.
      case .newestBoot:
        edges += inventory.tags.map { .init(from: $0.image, to: root.node) }
        edges += inventory.vms.indices.map {
          .init(from: Int32(inventory.input.nodes.count + $0), to: root.node)
        }
      case .vm, .recent, .earlier: break
      }
    }
    let marks = ReachabilityGraph(count: bytes.count, hard: edges, soft: [])
      .reach(roots: roots, softRoots: []).marks
    let isHeld = marks.map { $0 != .unreached }
    bound.formUnion(input.hard.lazy.filter { isHeld[Int($0.from)] }.map(\.to))
    self.edges = edges
    self.roots = roots
    self.isHeld = isHeld
    self.bound = bound
    layerSizes = Self.layerSizes(input)
    holders = Self.holders(input)
    tags = Dictionary(grouping: inventory.tags, by: \.image).mapValues { $0.map(\.name) }
  }

  func isBound(_ node: Int32) -> Bool { bound.contains(node) }

  /// By node. What is garbage is no obstacle to what is not, and the other way round.
  func exclusive() -> [Int64] {
    let kept = Dominators(count: bytes.count, edges: edges, roots: roots).sums(of: bytes)
    let lost = edges.filter { !isHeld[Int($0.from)] && !isHeld[Int($0.to)] }
    var isHead = isHeld.map { !$0 }
    for edge in lost { isHead[Int(edge.to)] = false }
    let heads = bytes.indices.filter { isHead[$0] }.map { Int32($0) }
    let garbage = Dominators(count: bytes.count, edges: lost, roots: heads).sums(of: bytes)
    return bytes.indices.map { isHeld[$0] ? kept[$0] : garbage[$0] }
  }

  /// Sums over all that a node keeps, one node after the other.
  struct Walk {
    let out: Adjacency
    let bytes: [Int64]
    private var visit: [Int32]
    private var stack: [Int32] = []

    init(out: Adjacency, bytes: [Int64]) {
      self.out = out
      self.bytes = bytes
      visit = [Int32](repeating: -1, count: bytes.count)
    }

    mutating func sum(from start: Int32) -> Int64 {
      var sum: Int64 = 0
      visit[Int(start)] = start
      stack.append(start)
      while let node = stack.popLast() {
        sum += bytes[Int(node)]
        for next in out[node] where visit[Int(next)] != start {
          visit[Int(next)] = start
          stack.append(next)
        }
      }
      return sum
    }
  }

  func walk() -> Walk {
    Walk(out: Adjacency(count: bytes.count, edges: edges), bytes: bytes)
  }

  func describe(_ node: Int32) -> (subject: Subject, logical: ByteCount, lastUsedAt: Int64) {
    if Int(node) < objects {
      let object = inventory.input.nodes[Int(node)]
      return (.object(object.key), ByteCount(layerSizes[node] ?? object.size), object.lastUsedAt)
    }
    let vm = inventory.vms[Int(node) - objects]
    return (.vm(vm.name), ByteCount(vm.diskSize), vm.changedAt)
  }

  /// Of an image, its tags; of its parts, the images that have them: the first few of them.
  func images(of node: Int32) -> (count: Int, names: [String]) {
    if let tags = tags[node] { return (1, tags) }
    let holders = holders[node] ?? (0, [])
    return (holders.count, holders.first.map { name(ofImage: $0) })
  }

  private func name(ofImage node: Int32) -> String {
    tags[node]?.first ?? Digest(inventory.input.nodes[Int(node)].key.id)?.short ?? ""
  }

  /// By image: the sum of its layers.
  private static func layerSizes(_ input: MarkInput) -> [Int32: Int64] {
    var sizes: [Int32: Int64] = [:]
    for edge in input.hard where input.nodes[Int(edge.from)].key.kind == .image {
      let needed = input.nodes[Int(edge.to)]
      if needed.key.kind == .layer { sizes[edge.from, default: 0] += needed.size }
    }
    return sizes
  }

  private static func holders(_ input: MarkInput) -> [Int32: (count: Int, first: [Int32])] {
    var holders: [Int32: (count: Int, first: [Int32])] = [:]
    for edge in input.hard + input.soft where input.nodes[Int(edge.from)].key.kind == .image {
      var known = holders[edge.to] ?? (0, [])
      if known.first.contains(edge.from) { continue }
      known.count += 1
      if known.first.count < 3 { known.first.append(edge.from) }
      holders[edge.to] = known
    }
    return holders
  }
}
