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
    var input = try read { try markInput($0).input }
    for index in input.abandoned.indices {
      guard case .vm(let name) = input.abandoned[index].subject else { continue }
      let bytes = try? Files.allocated(below: store + "/" + Self.folder(ofVM: name))
      input.abandoned[index] = input.abandoned[index].taking(bytes ?? .zero)
    }
    return Mark(input, now: now, grace: grace)
  }

  /// On one snapshot: all that a mark and an account are worked out from. Leases of dead processes
  /// are cleaned first, unless nothing is to be changed.
  package func inventory(cleaning: Bool = true) throws(CatalogError) -> Inventory {
    if cleaning { try cleanDeadLeases() }
    let now = clock()
    return try read { database in
      let (input, numbers) = try markInput(database)
      var inventory = Inventory(
        now: now, input: input, vms: try vms(numbers, database), files: [], tags: [], madeBy: [:])
      let files = try Row.fetchCursor(
        database, sql: "SELECT path, object, encoding FROM file ORDER BY path")
      while let row = try files.next() {
        guard let node = numbers[row[1]] else { continue }
        inventory.files.append(.init(path: row[0], node: node, encoding: row[2]))
      }
      for row in try database.rows("SELECT name, image FROM tag ORDER BY name") {
        guard let image = numbers[row[1]] else { continue }
        inventory.tags.append(.init(name: row[0], image: image))
      }
      let steps = try Row.fetchCursor(
        database, sql: "SELECT layer, recipe, ordinal FROM step ORDER BY built_at, rowid")
      while let row = try steps.next() {
        guard let layer = numbers[row[0]] else { continue }
        // Who made it first: later ones only made the same.
        if inventory.madeBy[layer] != nil { continue }
        inventory.madeBy[layer] = "\(row[1] as String) \(row[2] as Int64)"
      }
      return inventory
    }
  }

  private func vms(_ numbers: Numbering, _ database: Database) throws -> [Inventory.VM] {
    let rows = try database.rows(
      """
      SELECT name, state, unsynced, disk_size, changed_at, image, disk, boot, warm, id
      FROM vm ORDER BY name
      """)
    var tools: [Int64: [Int32]] = [:]
    let attached = try Row.fetchCursor(database, sql: "SELECT vm, image, disk FROM vm_tool")
    while let row = try attached.next() {
      for column in 1...2 {
        if let node = numbers[row[column]] { tools[row[0], default: []].append(node) }
      }
    }
    return rows.compactMap { row in
      guard let state = VMState(rawValue: row[1]) else { return nil }
      return Inventory.VM(
        name: row[0], state: state, isUnsynced: row[2], diskSize: row[3], changedAt: row[4],
        needed: (5..<9).compactMap { (row[$0] as Int64?).flatMap { numbers[$0] } }
          + (tools[row[9]] ?? []))
    }
  }

  private func markInput(
    _ database: Database
  ) throws -> (input: MarkInput, numbers: Numbering) {
    var input = MarkInput()
    let nodes = try Row.fetchCursor(
      database,
      sql: """
        SELECT id, kind, key, state, allocated, last_used_at, size, rebuild_ms
        FROM object ORDER BY id
        """)
    while let row = try nodes.next() {
      guard let kind = ObjectKind(rawValue: row[1]), let state = ObjectState(rawValue: row[3])
      else { continue }
      input.nodes.append(
        .init(
          id: row[0], key: ObjectKey(kind, row[2]), state: state, bytes: row[4],
          lastUsedAt: row[5], size: row[6], rebuildMilliseconds: row[7]))
    }
    let numbers = Numbering(input.nodes.map(\.id))
    // A manifest names encodings of layers; what it needs are the layers.
    input.hard =
      try edges("SELECT holder, needed FROM edge ORDER BY holder", numbers, database)
      + edges(
        """
        SELECT manifest, object
        FROM manifest_blob JOIN encoding ON encoding.id = manifest_blob.encoding
        """, numbers, database)
    input.soft = try edges(
      "SELECT holder, wanted FROM soft_edge ORDER BY holder", numbers, database)
    input.abandoned = try abandoned(database)
    input.roots = try roots(numbers, database)
    input.encodings = try surplusEncodings(numbers, database)
    input.history = try history(numbers, database)
    let kernels = try Row.fetchCursor(
      database, sql: "SELECT wanted FROM soft_edge WHERE role = 'kernel'")
    while let row = try kernels.next() {
      if let node = numbers[row[0]] { input.kernels.insert(node) }
    }
    return (input, numbers)
  }

  /// The images that each tag has and had, as far as they are there; the newest first. A name that
  /// was taken away has none: whoever took it away is done with them.
  private func history(
    _ numbers: Numbering, _ database: Database
  ) throws -> [MarkInput.Earlier] {
    let rows = try database.rows(
      """
      SELECT tag_history.name, tag_history.image FROM tag_history
      JOIN tag ON tag.name = tag_history.name
      GROUP BY tag_history.name, tag_history.image
      ORDER BY tag_history.name, MAX(tag_history.id) DESC
      """)
    var found: [MarkInput.Earlier] = []
    for row in rows {
      let name: String = row[0]
      let rank = found.last.map { $0.name == name ? $0.rank + 1 : 0 } ?? 0
      guard let image = numbers[row[1]] else { continue }
      found.append(.init(name: name, image: image, rank: rank))
    }
    return found
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
    _ numbers: Numbering, _ database: Database
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
      try add("SELECT \(column), name FROM vm WHERE \(column) NOT NULL ORDER BY name") {
        .vm($0[1])
      }
    }
    for column in ["image", "disk"] {
      try add(
        """
        SELECT vm_tool.\(column), vm.name FROM vm_tool JOIN vm ON vm.id = vm_tool.vm
        ORDER BY vm.name, position
        """
      ) { .vm($0[1]) }
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

  private func abandoned(_ database: Database) throws -> [Candidate] {
    let rows = try Row.fetchAll(
      database,
      sql: """
        SELECT id, name, changed_at FROM vm
        WHERE ephemeral AND NOT unsynced AND supervisor IS NULL
        ORDER BY name
        """)
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
struct Numbering {
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
