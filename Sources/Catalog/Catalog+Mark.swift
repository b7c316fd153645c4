internal import GRDB
internal import Host
import Vocabulary

extension Catalog {
  /// Decides, on one snapshot and without holding up any writer, what could go. Nothing is
  /// deleted; leases of dead processes are cleaned first, so that they keep nothing.
  ///
  /// `grace`, in seconds, is how long something unreferenced stays after its last use; `nil` for
  /// not at all.
  package func markSnapshot(grace: Int64? = 3600) throws(CatalogError) -> Mark {
    try cleanDeadLeases()
    let now = clock()
    var input = try read { try markInput($0, now: now, grace: grace) }
    for index in input.abandoned.indices {
      let vm = input.abandoned[index]
      guard case .vm(let name) = vm.subject else { continue }
      let bytes = try? Files.allocated(below: store + "/" + Self.folder(ofVM: name))
      input.abandoned[index] = Candidate(
        subject: vm.subject, reason: vm.reason, bytes: bytes ?? .zero, id: vm.id,
        lastUsedAt: vm.lastUsedAt)
    }
    return Mark(input, now: now, grace: grace)
  }

  private func markInput(
    _ database: Database, now: Int64, grace: Int64?
  ) throws -> MarkInput {
    var input = MarkInput()
    let nodes = try Row.fetchCursor(
      database,
      sql: "SELECT id, kind, key, state, allocated, last_used_at FROM object ORDER BY id")
    while let row = try nodes.next() {
      guard let kind = ObjectKind(rawValue: row[1]), let state = ObjectState(rawValue: row[3])
      else { continue }
      input.nodes.append(
        .init(
          id: row[0], key: ObjectKey(kind, row[2]), state: state, bytes: row[4],
          lastUsedAt: row[5]))
    }
    let numbers = Numbering(input.nodes.map(\.id))
    // A manifest names encodings of layers; what it needs are the layers.
    input.hard =
      try edges("SELECT holder, needed FROM edge", numbers, database)
      + edges(
        """
        SELECT manifest, object
        FROM manifest_blob JOIN encoding ON encoding.id = manifest_blob.encoding
        """, numbers, database)
    input.soft = try edges("SELECT holder, wanted FROM soft_edge", numbers, database)
    input.abandoned = try abandoned(database, now: now, grace: grace)
    input.roots = try roots(numbers, leavingOut: Set(input.abandoned.map(\.id)), database)
    input.encodings = try surplusEncodings(numbers, database)
    return input
  }

  private func edges(
    _ query: String, _ numbers: Numbering, _ database: Database
  ) throws -> [ReachabilityGraph.Edge] {
    var edges: [ReachabilityGraph.Edge] = []
    let cursor = try Row.fetchCursor(database, sql: query)
    while let row = try cursor.next() {
      guard let from = numbers[row[0]], let to = numbers[row[1]] else { continue }
      edges.append(.init(from: from, to: to))
    }
    return edges
  }

  private func roots(
    _ numbers: Numbering, leavingOut vms: Set<Int64>, _ database: Database
  ) throws -> [MarkInput.RootedNode] {
    var roots: [MarkInput.RootedNode] = []
    func add(_ query: String, _ root: (Row) -> Root?) throws {
      let cursor = try Row.fetchCursor(database, sql: query)
      while let row = try cursor.next() {
        guard let root = root(row), let node = numbers[row[0]] else { continue }
        roots.append(.init(root: root, node: node))
      }
    }
    try add("SELECT image, name FROM tag ORDER BY name") { .tag($0[1]) }
    for column in ["image", "disk", "boot", "warm"] {
      try add("SELECT \(column), name, id FROM vm WHERE \(column) NOT NULL ORDER BY name") {
        vms.contains($0[2]) ? nil : .vm($0[1])
      }
    }
    try add("SELECT object, vm || '/' || name FROM checkpoint ORDER BY vm, name") {
      .checkpoint($0[1])
    }
    try add("SELECT object, reason FROM pin ORDER BY object") { .pin(reason: $0[1]) }
    try add(
      """
      SELECT object, purpose FROM lease_ref JOIN lease ON lease.id = lease_ref.lease
      ORDER BY object, purpose
      """
    ) { .lease(purpose: $0[1]) }
    try add(
      """
      SELECT id FROM object WHERE kind = 'boot' AND state = 'ready'
        AND (EXISTS (SELECT 1 FROM tag) OR EXISTS (SELECT 1 FROM vm))
      ORDER BY last_used_at DESC, id DESC LIMIT 1
      """
    ) { _ in .newestBoot }
    return roots
  }

  private func abandoned(
    _ database: Database, now: Int64, grace: Int64?
  ) throws -> [Candidate] {
    let rows = try Row.fetchAll(
      database,
      sql: """
        SELECT id, name, changed_at FROM vm
        WHERE ephemeral AND NOT unsynced AND supervisor IS NULL AND changed_at <= ?
        ORDER BY name
        """, arguments: [grace.map { now - $0 } ?? Int64.max])
    return rows.map {
      Candidate(
        subject: .vm($0[1]), reason: .abandoned, bytes: .zero, id: $0[0], lastUsedAt: $0[2])
    }
  }

  private func surplusEncodings(
    _ numbers: Numbering, _ database: Database
  ) throws -> [MarkInput.EncodingRow] {
    let rows = try Row.fetchAll(
      database,
      sql: """
        SELECT encoding.id, blob, csize, object, manifest
        FROM encoding LEFT JOIN manifest_blob ON manifest_blob.encoding = encoding.id
        WHERE object IN (SELECT object FROM encoding GROUP BY object HAVING COUNT(*) > 1)
        ORDER BY object, encoding.id, manifest
        """)
    var found: [MarkInput.EncodingRow] = []
    for row in rows {
      guard let layer = numbers[row[3]], let blob = Digest(row[1] as String) else { continue }
      if found.last?.id != row[0] {
        found.append(.init(id: row[0], blob: blob, size: row[2], layer: layer, manifests: []))
      }
      if let manifest = (row[4] as Int64?).flatMap({ numbers[$0] }) {
        found[found.count - 1].manifests.append(manifest)
      }
    }
    return found
  }
}

/// Row ids to consecutive numbers.
private struct Numbering {
  /// Ascending.
  private let ids: [Int64]
  /// By id, where ids are dense enough for an array; empty otherwise.
  private var direct: [Int32] = []

  init(_ ids: [Int64]) {
    self.ids = ids
    if let last = ids.last, last < Int64(ids.count) * 8 + 1024 {
      direct = [Int32](repeating: -1, count: Int(last) + 1)
      for (number, id) in ids.enumerated() { direct[Int(id)] = Int32(number) }
    }
  }

  subscript(id: Int64) -> Int32? {
    if !direct.isEmpty {
      guard id >= 0, id < Int64(direct.count), direct[Int(id)] >= 0 else { return nil }
      return direct[Int(id)]
    }
    var low = 0
    var high = ids.count
    while low < high {
      let middle = (low + high) / 2
      if ids[middle] < id { low = middle + 1 } else { high = middle }
    }
    return low < ids.count && ids[low] == id ? Int32(low) : nil
  }
}
