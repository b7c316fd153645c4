package import Vocabulary

/// What keeps things.
package enum Root: Sendable, Hashable, CustomStringConvertible {
  case tag(String)
  case vm(String)
  case checkpoint(String)
  case pin(reason: String)
  case lease(purpose: String)
  /// The boot bundle that the next VM will start with.
  case newestBoot
  /// One of the newest images that this name had, and that are to be kept.
  case earlier(tag: String)
  /// Made or used within the grace period.
  case recent

  package var description: String {
    switch self {
    case .tag(let name): "tag \(name)"
    case .vm(let name): "vm \(name)"
    case .checkpoint(let name): "checkpoint \(name)"
    case .pin(let reason): "pin (\(reason))"
    case .lease(let purpose): "lease (\(purpose))"
    case .newestBoot: "newest boot bundle"
    case .earlier(let name): "an earlier image of tag \(name)"
    case .recent: "used within the grace period"
    }
  }

  /// Whether what it keeps may still go when space is short.
  var isSoft: Bool {
    switch self {
    case .newestBoot, .recent, .earlier: true
    case .tag, .vm, .checkpoint, .pin, .lease: false
    }
  }
}

/// Why something goes. The raw values are printed and stand in the event log.
package enum GoingReason: String, Sendable, CaseIterable {
  /// No root needs it.
  case unreferenced
  /// Its writer died before finishing it.
  case leftover
  /// A throwaway VM whose supervisor is gone and that holds no unsynced work.
  case abandoned
  /// A newer encoding of the same layer is there, and no manifest names this one.
  case superseded
  /// A file below the store that no row knows.
  case unknownFile = "unknown-file"
  /// Can be made again, and nobody has used it for as long as was said.
  case unused
  /// Can be made again, and the store is to take less.
  case space
  /// Can be fetched again, and its going was asked for.
  case asked = "asked-for"
}

/// Why something stays.
package enum StayingReason: Sendable, Hashable, CustomStringConvertible {
  case root(Root)
  /// A root cannot do without it.
  case needed(by: ObjectKey)
  /// Worth keeping beside something that stays.
  case wanted(by: ObjectKey)

  package var description: String {
    switch self {
    case .root(let root): root.description
    case .needed(let key): "needed by \(key)"
    case .wanted(let key): "wanted by \(key)"
    }
  }
}

package enum Subject: Sendable, Hashable, CustomStringConvertible {
  case object(ObjectKey)
  case vm(String)
  case encoding(blob: Digest, layer: DiffID)
  case file(String)

  /// Of an object.
  package var kind: ObjectKind? {
    guard case .object(let key) = self else { return nil }
    return key.kind
  }

  package var description: String {
    switch self {
    case .object(let key): key.description
    case .vm(let name): "vm \(name)"
    case .encoding(let blob, _): "encoding \(blob)"
    case .file(let path): path
    }
  }
}

/// Something that the collector may delete, if nothing has come to need it in the meantime.
package struct Candidate: Sendable, Hashable {
  package let subject: Subject
  package let reason: GoingReason
  /// Allocated bytes that go with it and with nothing else.
  package let bytes: ByteCount
  let id: Int64
  /// As the mark saw it; a later use saves it.
  let lastUsedAt: Int64
  /// It goes although something that stays would like to have it beside itself.
  var isWanted = false

  init(
    subject: Subject, reason: GoingReason, bytes: ByteCount, id: Int64, lastUsedAt: Int64,
    isWanted: Bool = false
  ) {
    self.subject = subject
    self.reason = reason
    self.bytes = bytes
    self.id = id
    self.lastUsedAt = lastUsedAt
    self.isWanted = isWanted
  }

  /// What a writer that died left in `ingest`, by its path in the store: its lock is the judge,
  /// the catalog knows nothing of it.
  package static func leftover(_ path: String, _ bytes: ByteCount) -> Candidate {
    Candidate(subject: .file(path), reason: .leftover, bytes: bytes, id: 0, lastUsedAt: 0)
  }
}

/// One line of a dry run about what stays.
package struct Staying: Sendable, Hashable {
  package let key: ObjectKey
  package let bytes: ByteCount
  package let reason: StayingReason
}

/// The decision about everything in the store at one moment.
package struct Mark: Sendable {
  /// What goes, in the order in which it can go: holders before what they need.
  package let candidates: [Candidate]
  let input: MarkInput
  let graph: ReachabilityGraph
  let reachability: Reachability
  /// By node; -1 for none.
  private let rootOf: [Int32]

  /// Pure. What was used after `now - grace` stays; no `grace`, no mercy. Of every name the newest
  /// `keep` images stay.
  package init(_ input: MarkInput, now: Int64, grace: Int64?, keep: Int = 1) {
    var input = input
    let count = input.nodes.count
    input.abandoned.removeAll { vm in grace.map { vm.lastUsedAt > now - $0 } ?? false }
    let lost = Set(input.abandoned.map(\.subject))
    input.roots.removeAll { root in
      if case .vm(let name) = root.root { lost.contains(.vm(name)) } else { false }
    }
    for entry in input.history where entry.rank > 0 && entry.rank < keep {
      input.roots.append(.init(root: .earlier(tag: entry.name), node: entry.image))
    }
    if let grace {
      for (index, node) in input.nodes.enumerated()
      where node.state != .writing && node.lastUsedAt > now - grace {
        input.roots.append(.init(root: .recent, node: Int32(index)))
      }
    }
    let graph = ReachabilityGraph(count: count, hard: input.hard, soft: input.soft)
    let reachability = graph.reach(
      roots: input.roots.filter { !$0.root.isSoft }.map(\.node),
      softRoots: input.roots.filter(\.root.isSoft).map(\.node))
    var rootOf = [Int32](repeating: -1, count: count)
    for (index, root) in input.roots.enumerated().reversed() {
      rootOf[Int(root.node)] = Int32(index)
    }
    let going = reachability.marks.map { $0 == .unreached }
    var candidates = input.abandoned
    for index in graph.holdersFirst(going) {
      let node = input.nodes[Int(index)]
      candidates.append(
        Candidate(
          subject: .object(node.key), reason: node.state == .writing ? .leftover : .unreferenced,
          bytes: ByteCount(node.bytes), id: node.id, lastUsedAt: node.lastUsedAt))
    }
    candidates += Self.superseded(input, going)
    self.candidates = candidates
    self.input = input
    self.graph = graph
    self.reachability = reachability
    self.rootOf = rootOf
  }

  /// The newest encoding of a layer always stays with it.
  private static func superseded(_ input: MarkInput, _ going: [Bool]) -> [Candidate] {
    var found: [Candidate] = []
    for (index, encoding) in input.encodings.enumerated() {
      let isNewest =
        index + 1 == input.encodings.count || input.encodings[index + 1].layer != encoding.layer
      if isNewest || going[Int(encoding.layer)] { continue }
      guard encoding.manifests.allSatisfy({ going[Int($0)] }),
        let layer = DiffID(input.nodes[Int(encoding.layer)].key.id)
      else { continue }
      found.append(
        Candidate(
          subject: .encoding(blob: encoding.blob, layer: layer), reason: .superseded,
          bytes: ByteCount(encoding.size), id: encoding.id, lastUsedAt: 0))
    }
    return found
  }

  /// What stays, by key, with one reason each.
  package var staying: [Staying] {
    input.nodes.indices.compactMap { index -> Staying? in
      guard let reason = reason(Int32(index)) else { return nil }
      let node = input.nodes[index]
      return Staying(key: node.key, bytes: ByteCount(node.bytes), reason: reason)
    }.sorted { $0.key < $1.key }
  }

  private func reason(_ node: Int32) -> StayingReason? {
    let mark = reachability.marks[Int(node)]
    guard mark != .unreached else { return nil }
    let path = reachability.path(to: node)
    if path.count == 1 {
      return .root(input.roots[Int(rootOf[Int(node)])].root)
    }
    let holder = input.nodes[Int(path[path.count - 2])].key
    return mark == .needed ? .needed(by: holder) : .wanted(by: holder)
  }

  /// Why an object stays: the root, and the way from it to the object, which is last. `nil` if
  /// it goes or is not known.
  package func why(_ key: ObjectKey) -> (root: Root, path: [ObjectKey])? {
    guard let index = input.nodes.firstIndex(where: { $0.key == key }) else { return nil }
    let path = reachability.path(to: Int32(index))
    guard let first = path.first else { return nil }
    return (input.roots[Int(rootOf[Int(first)])].root, path.map { input.nodes[Int($0)].key })
  }
}
