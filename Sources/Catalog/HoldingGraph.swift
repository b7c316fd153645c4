internal import Vocabulary

/// Objects and VMs in one numbering, and who holds whom: objects first, then VMs.
struct HoldingGraph: Sendable {
  private let inventory: Inventory
  private let objects: Int
  let bytes: [Int64]
  /// Everything that keeps something, whether it needs it or only wants it.
  private let edges: [ReachabilityGraph.Edge]
  private let roots: [Int32]
  /// By node: something that stays holds it, or it is a VM that stays.
  let isHeld: [Bool]
  /// Those that something else, which stays, can't do without.
  private let bound: [Bool]
  /// By node: of an image, the sum of its layers.
  private let layerSizes: [Int64]
  private let holders: ImageHolders
  private let tags: [Int32: [String]]

  init(_ inventory: Inventory) {
    self.inventory = inventory
    objects = inventory.input.nodes.count
    bytes = inventory.input.nodes.map(\.bytes) + inventory.vms.map(\.bytes)
    let input = inventory.input
    var edges = input.hard + input.soft
    var roots: [Int32] = []
    var bound = [Bool](repeating: false, count: bytes.count)
    let abandoned = Set(input.abandoned.map(\.subject))
    for (index, vm) in inventory.vms.enumerated() {
      let node = Int32(objects + index)
      edges += vm.needed.map { .init(from: node, to: $0) }
      if abandoned.contains(.vm(vm.name)) { continue }
      roots.append(node)
      for needed in vm.needed { bound[Int(needed)] = true }
    }
    for root in input.roots {
      switch root.root {
      case .tag: roots.append(root.node)
      case .checkpoint, .pin, .lease:
        roots.append(root.node)
        bound[Int(root.node)] = true
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
    for edge in input.hard where isHeld[Int(edge.from)] { bound[Int(edge.to)] = true }
    self.edges = edges
    self.roots = roots
    self.isHeld = isHeld
    self.bound = bound
    layerSizes = Self.layerSizes(input)
    holders = ImageHolders(input)
    tags = Dictionary(grouping: inventory.tags, by: \.image).mapValues { $0.map(\.name) }
  }

  func isBound(_ node: Int32) -> Bool { bound[Int(node)] }

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
      return (
        .object(object.key),
        ByteCount(object.key.kind == .image ? layerSizes[Int(node)] : object.size),
        object.lastUsedAt
      )
    }
    let vm = inventory.vms[Int(node) - objects]
    return (.vm(vm.name), ByteCount(vm.diskSize), vm.changedAt)
  }

  /// Of an image, its tags; of its parts, the images that have them: the first few of them.
  func images(of node: Int32) -> (count: Int, names: [String]) {
    if let tags = tags[node] { return (1, tags) }
    if Int(node) >= objects { return (0, []) }
    return (holders.count(of: node), holders.first(of: node).map { name(ofImage: $0) })
  }

  private func name(ofImage node: Int32) -> String {
    tags[node]?.first ?? Digest(inventory.input.nodes[Int(node)].key.id)?.short ?? ""
  }

  private static func layerSizes(_ input: MarkInput) -> [Int64] {
    var sizes = [Int64](repeating: 0, count: input.nodes.count)
    for edge in input.hard where input.nodes[Int(edge.to)].key.kind == .layer {
      sizes[Int(edge.from)] += input.nodes[Int(edge.to)].size
    }
    return sizes
  }
}

/// By node: how many images have it, and the first few of them.
private struct ImageHolders {
  private static let shown = 3
  private var counts: [Int32]
  /// Three places for each node.
  private var places: [Int32]

  init(_ input: MarkInput) {
    counts = [Int32](repeating: 0, count: input.nodes.count)
    places = [Int32](repeating: -1, count: input.nodes.count * Self.shown)
    let isImage = input.nodes.map { $0.key.kind == .image }
    var last = [Int32](repeating: -1, count: input.nodes.count)
    for edges in [input.hard, input.soft] {
      for edge in edges where isImage[Int(edge.from)] {
        let count = Int(counts[Int(edge.to)])
        // One image may want a thing in several roles; its edges come together.
        if last[Int(edge.to)] == edge.from { continue }
        last[Int(edge.to)] = edge.from
        if count < Self.shown { places[Int(edge.to) * Self.shown + count] = edge.from }
        counts[Int(edge.to)] += 1
      }
    }
  }

  func count(of node: Int32) -> Int { Int(counts[Int(node)]) }

  func first(of node: Int32) -> ArraySlice<Int32> {
    let start = Int(node) * Self.shown
    return places[start..<(start + min(Self.shown, count(of: node)))]
  }
}
