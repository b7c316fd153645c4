internal import GRDB
internal import Host
package import Vocabulary

extension Catalog {
  /// Asks for the right to write an object.
  ///
  /// `files` are the paths below the store that it will have; recording them first means that
  /// whatever a crash leaves at them is known to be ours. What a dead process began is taken
  /// over; what is quarantined is written anew. A file that already lies at one of the paths is
  /// garbage when the answer is `.write`: replace it.
  package func beginWriting(
    _ key: ObjectKey, files: [String], _ lease: Lease
  ) throws(CatalogError) -> Turn {
    // Most of what is asked for is there, and keeping it for a lease need not last.
    if try find(key, lease) != nil { return .alreadyReady }
    return try write { database in
      let row = try database.row(
        """
        SELECT object.id, object.state, lease.id, lease.purpose, lease.pid
        FROM object LEFT JOIN lease ON lease.id = object.writer
        WHERE object.kind = ? AND object.key = ?
        """, [key.kind.rawValue, key.id])
      guard let row else {
        let now = clock()
        try database.run(
          """
          INSERT INTO object (kind, key, state, created_at, last_used_at, writer)
          VALUES (?, ?, 'writing', ?, ?, ?)
          """, [key.kind.rawValue, key.id, now, now, lease.id])
        return try take(database.lastInsertedRowID, files, lease, database)
      }
      let id: Int64 = row[0]
      switch ObjectState(rawValue: row[1]) {
      case .ready:
        try refer(lease, to: id, database)
        return .alreadyReady
      case .writing:
        if let writer: String = row[2], writer != lease.id, FileLock.isHeld(lockPath(writer)) {
          return .writtenBy(purpose: row[3], pid: row[4])
        }
      default: break
      }
      try database.run(
        "UPDATE object SET state = 'writing', writer = ? WHERE id = ?",
        [lease.id, id])
      return try take(id, files, lease, database)
    }
  }

  private func take(
    _ object: Int64, _ files: [String], _ lease: Lease, _ database: Database
  ) throws -> Turn {
    try refer(lease, to: object, database)
    for path in files { try claimPath(path, object, encoding: nil, database) }
    return .write
  }

  private func claimPath(
    _ path: String, _ object: Int64, encoding: Int64?, _ database: Database
  ) throws {
    guard Self.isStorePath(path) else { throw CatalogError.badPath(path) }
    let row = try database.row(
      """
      SELECT object.id, object.kind, object.key FROM file JOIN object ON object.id = file.object
      WHERE file.path = ?
      """, [path])
    if let row, row[0] != object, let kind = ObjectKind(rawValue: row[1]) {
      throw CatalogError.pathTaken(path: path, by: ObjectKey(kind, row[2]))
    }
    try database.run(
      """
      INSERT INTO file (path, object, encoding) VALUES (?, ?, ?)
      ON CONFLICT (path) DO UPDATE SET encoding = excluded.encoding
      """, [path, object, encoding])
  }

  /// The schema checks the same, but a NUL would never get there.
  private static func isStorePath(_ path: String) -> Bool {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    return parts.allSatisfy { part in
      !part.isEmpty && part != "." && part != ".."
        && part.utf8.allSatisfy {
          (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
            || [0x2D, 0x2E, 0x5F].contains($0)
        }
    }
  }

  /// Makes an object ready. `rename` moves its finished, synced and verified files into place
  /// and syncs the directory; it runs inside the write transaction, so that no collector and no
  /// other writer sees a file without its row. If it throws, nothing is recorded and the error
  /// passes unchanged.
  package func publish(
    _ key: ObjectKey, _ publication: Publication, _ lease: Lease, rename: () throws -> Void
  ) throws {
    try publish(key, publication, lease) { _ in try rename() }
  }

  /// `finish` runs last in the transaction, when the object's rows are as they will be.
  func publish(
    _ key: ObjectKey, _ publication: Publication, _ lease: Lease,
    finish: (Database) throws -> Void
  ) throws {
    try writeRethrowing { database in
      let id = try writingID(key, lease, database)
      try record(publication, of: id, key, database)
      try finish(database)
    }
  }

  /// Gives up writing. What it left in `ingest` is the caller's to remove.
  package func abandon(_ key: ObjectKey, _ lease: Lease) throws(CatalogError) {
    try write { database in
      let id = try writingID(key, lease, database)
      try database.run("DELETE FROM lease_ref WHERE lease = ? AND object = ?", [lease.id, id])
      try giveUp(id, database)
    }
  }

  private func writingID(_ key: ObjectKey, _ lease: Lease, _ database: Database) throws -> Int64 {
    let id = try database.integer(
      """
      SELECT id FROM object WHERE kind = ? AND key = ? AND state = 'writing' AND writer = ?
      """, [key.kind.rawValue, key.id, lease.id])
    guard let id else { throw CatalogError.notWriting(key) }
    return id
  }

  private func record(
    _ publication: Publication, of id: Int64, _ key: ObjectKey, _ database: Database
  ) throws {
    let now = clock()
    try database.run(
      """
      UPDATE object SET state = 'ready', writer = NULL, digest = ?, architecture = ?, size = ?,
        allocated = ?, derived = ?, rebuild_ms = ?, last_used_at = ?, detail = ?
      WHERE id = ?
      """,
      [
        publication.digest?.description, publication.architecture?.rawValue,
        publication.size.bytes, publication.allocated.bytes, publication.derived,
        publication.rebuildMilliseconds, now, publication.detail, id,
      ])
    if let encoding = publication.encoding {
      try addEncoding(encoding, to: id, database)
    }
    // Written again, an object needs what it needs now.
    try database.run("DELETE FROM edge WHERE holder = ?", [id])
    for edge in publication.edges {
      try database.run(
        "INSERT INTO edge (holder, role, position, needed) VALUES (?, ?, ?, ?)",
        [id, edge.role, edge.position, try requireReady(edge.needed, database)])
    }
    for edge in publication.softEdges { try add(edge, database) }
  }

  private func addEncoding(_ encoding: Encoding, to object: Int64, _ database: Database) throws {
    try database.run(
      """
      INSERT INTO encoding (object, blob, codec, csize) VALUES (?, ?, ?, ?)
      ON CONFLICT (blob) DO UPDATE SET codec = excluded.codec WHERE object = excluded.object
      """,
      [object, encoding.blob.description, encoding.codec, encoding.size.bytes])
    let id = try database.integer(
      "SELECT id FROM encoding WHERE blob = ? AND object = ?",
      [encoding.blob.description, object])
    guard let id else {
      throw CatalogError.database(path: path, code: 19, detail: "blob of another layer")
    }
    try claimPath(encoding.path, object, encoding: id, database)
  }

  /// Records that objects which are there are worth keeping for each other.
  package func want(_ edges: [SoftEdge]) throws(CatalogError) {
    try write { database in
      for edge in edges { try add(edge, database) }
    }
  }

  func add(_ edge: SoftEdge, _ database: Database) throws {
    let holder = try requireReady(edge.holder, database)
    let wanted = try requireReady(edge.wanted, database)
    try database.run(
      "INSERT OR IGNORE INTO soft_edge (holder, role, wanted) VALUES (?, ?, ?)",
      [holder, edge.role, wanted])
  }

  /// Adds another encoding of a layer that is ready, as after a change of compressor. `rename`
  /// is that of `publish`.
  package func addEncoding(
    _ encoding: Encoding, to layer: DiffID, rename: () throws -> Void
  ) throws {
    try writeRethrowing { database in
      try addEncoding(encoding, to: try requireReady(.layer(layer), database), database)
      try rename()
    }
  }
}
