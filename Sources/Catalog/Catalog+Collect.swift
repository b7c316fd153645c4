internal import GRDB
internal import Host
package import Vocabulary

/// What a collection did.
package struct Collection: Sendable {
  /// In the order of deletion.
  package var deleted: [Candidate] = []
  /// What something came to need or used since the mark.
  package var spared: [Candidate] = []
  /// To be removed with `empty`; none without files.
  package var batches: [TrashBatch] = []
  /// The longest time for which a transaction held the write lock, its commit included.
  package var longestLock: UInt64 = 0

  package init() {}

  package var bytes: ByteCount { deleted.reduce(.zero) { $0 + $1.bytes } }
}

/// How much one deleting transaction may do.
package struct CollectionLimits: Sendable {
  package var candidates = 200
  /// After this long it commits what it has; the commit's own sync comes on top.
  package var nanoseconds: UInt64 = 10_000_000

  package init() {}
}

extension Catalog {
  /// Deletes candidates of a mark, in its order, in short write transactions: each candidate is
  /// looked at again, its files are moved to the trash, its row is deleted, then the transaction
  /// commits. Nothing is unlinked; give the batches to `empty` afterwards.
  ///
  /// Between any two steps the process may die: what was not committed is put back by the next
  /// `open`, what was committed is removed by the next collection.
  package func collect(
    _ candidates: [Candidate], limits: CollectionLimits = CollectionLimits(),
    trash: TrashMover = .host
  ) throws -> Collection {
    var collection = Collection()
    var rest = candidates[...]
    while !rest.isEmpty {
      let batch = TrashBatch.new(in: store)
      var deleted: [Candidate] = []
      var spared: [Candidate] = []
      var begin: UInt64 = 0
      try moving(batch) { database in
        begin = Clock.monotonic()
        for candidate in rest.prefix(limits.candidates) {
          if try delete(candidate, batch, trash, database) {
            deleted.append(candidate)
          } else {
            spared.append(candidate)
          }
          if Clock.monotonic() - begin > limits.nanoseconds { break }
        }
      }
      collection.longestLock = max(collection.longestLock, Clock.monotonic() - begin)
      rest = rest.dropFirst(deleted.count + spared.count)
      collection.deleted += deleted
      collection.spared += spared
      if Files.exists(batch.directory) { collection.batches.append(batch) }
      // Whoever waits for the write lock looks every millisecond: let them.
      if !rest.isEmpty { pause(milliseconds: 3) }
    }
    return collection
  }

  /// Under the write lock. False if it is to stay after all.
  private func delete(
    _ candidate: Candidate, _ batch: TrashBatch, _ trash: TrashMover, _ database: Database
  ) throws -> Bool {
    switch candidate.subject {
    case .object:
      guard try isStillGarbage(candidate, database) else { return false }
      let paths = try database.texts(
        "SELECT path FROM file WHERE object = ? ORDER BY path",
        [candidate.id])
      for path in paths { try trash.move(path, store, batch) }
      try database.run("DELETE FROM object WHERE id = ?", [candidate.id])
    case .vm(let name):
      let isSame = try database.truth(
        """
        SELECT ephemeral AND NOT unsynced AND supervisor IS NULL AND changed_at = ?
        FROM vm WHERE id = ?
        """, [candidate.lastUsedAt, candidate.id])
      guard isSame == true else { return false }
      try remove(
        vm: candidate.id, named: name, reason: candidate.reason.rawValue,
        bytes: candidate.bytes.bytes, actor: "gc", batch, trash, database)
      return true
    case .encoding:
      guard try isStillSuperseded(candidate.id, database) else { return false }
      let paths = try database.texts(
        "SELECT path FROM file WHERE encoding = ? ORDER BY path",
        [candidate.id])
      for path in paths { try trash.move(path, store, batch) }
      try database.run("DELETE FROM encoding WHERE id = ?", [candidate.id])
    case .file(let path):
      guard try !isKnown(path, database) else { return false }
      try trash.move(path, store, batch)
    }
    try log(
      "delete", candidate.subject.description, reason: candidate.reason.rawValue,
      bytes: candidate.bytes.bytes, actor: "gc", database)
    return true
  }

  /// Direct references are enough: its holders, if they went, went before it.
  private func isStillGarbage(_ candidate: Candidate, _ database: Database) throws -> Bool {
    let row = try database.row(
      """
      SELECT last_used_at, EXISTS (SELECT 1 FROM soft_edge WHERE wanted = object.id)
      FROM object WHERE id = ?
      """, [candidate.id])
    guard let row, row[0] == candidate.lastUsedAt, candidate.isWanted || row[1] == false else {
      return false
    }
    return try !isReferred(candidate.id, database)
  }

  private func isStillSuperseded(_ encoding: Int64, _ database: Database) throws -> Bool {
    try database.truth(
      """
      SELECT NOT EXISTS (SELECT 1 FROM manifest_blob WHERE encoding = this.id)
        AND EXISTS (SELECT 1 FROM encoding AS newer
                    WHERE newer.object = this.object AND newer.id > this.id)
      FROM encoding AS this WHERE this.id = ?
      """, [encoding]) ?? false
  }

  /// Those of the paths, relative to the store, that no row knows: as candidates for `collect`,
  /// which asks again under the write lock. Only ask about folders that are wholly Hutch's:
  /// in `blobs` there may be files of others.
  package func unknownFiles(_ paths: [String]) throws(CatalogError) -> [Candidate] {
    let unknown = try read { database in
      try paths.filter { try !isKnown($0, database) }
    }
    return unknown.sorted().map { path in
      Candidate(
        subject: .file(path), reason: .unknownFile,
        bytes: (try? Files.allocated(below: store + "/" + path)) ?? .zero, id: 0, lastUsedAt: 0)
    }
  }

  /// A VM's folder is known by the VM's name, everything else by its path.
  private func isKnown(_ path: String, _ database: Database) throws -> Bool {
    let parts = path.split(separator: "/")
    if parts.count == 2, parts[0] == "vms" {
      return try database.truth(
        "SELECT EXISTS (SELECT 1 FROM vm WHERE name = ?)",
        [String(parts[1])]) ?? true
    }
    return try database.truth("SELECT EXISTS (SELECT 1 FROM file WHERE path = ?)", [path])
      ?? true
  }
}
