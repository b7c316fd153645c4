internal import GRDB
package import Vocabulary

extension Catalog {
  /// What the catalog knows of an object, whatever its state. Keeps nothing: for showing only.
  package func object(_ key: ObjectKey) throws(CatalogError) -> ObjectRecord? {
    try read { try record(key, $0) }
  }

  /// A ready object, kept for the lease from this moment on.
  package func find(_ key: ObjectKey, _ lease: Lease) throws(CatalogError) -> ObjectRecord? {
    try find([key], lease)[key]
  }

  /// Those of them that are ready, in one transaction, kept for the lease from this moment on.
  package func find(
    _ keys: [ObjectKey], _ lease: Lease
  ) throws(CatalogError) -> [ObjectKey: ObjectRecord] {
    try writeFleeting { database in
      var found: [ObjectKey: ObjectRecord] = [:]
      for key in keys {
        guard let id = try readyID(key, database) else { continue }
        try refer(lease, to: id, database)
        found[key] = try record(key, database)
      }
      return found
    }
  }

  /// All objects of a kind, by key.
  package func objects(_ kind: ObjectKind) throws(CatalogError) -> [ObjectRecord] {
    try read { database in
      let keys = try database.texts(
        "SELECT key FROM object WHERE kind = ? ORDER BY key",
        [kind.rawValue])
      return try keys.compactMap { try record(ObjectKey(kind, $0), database) }
    }
  }

  /// The content was compared with its digest and is right.
  package func markVerified(_ key: ObjectKey) throws(CatalogError) {
    try write { database in
      try database.run(
        "UPDATE object SET last_verified_at = ? WHERE kind = ? AND key = ?",
        [clock(), key.kind.rawValue, key.id])
    }
  }

  /// The content was found damaged: it is handed out to nobody until it is written again.
  package func quarantine(_ key: ObjectKey, reason: String) throws(CatalogError) {
    try write { database in
      try database.run(
        """
        UPDATE object SET state = 'quarantined' WHERE kind = ? AND key = ? AND state = 'ready'
        """, [key.kind.rawValue, key.id])
      guard database.changesCount > 0 else { throw CatalogError.unknownObject(key) }
      try log("quarantine", key.description, reason: reason, bytes: 0, database)
    }
  }

  /// Keeps an object until it is unpinned. Pinning again changes the reason.
  package func pin(_ key: ObjectKey, reason: String) throws(CatalogError) {
    try write { database in
      let id = try requireReady(key, database)
      try database.run(
        """
        INSERT INTO pin (object, reason, created_at) VALUES (?, ?, ?)
        ON CONFLICT (object) DO UPDATE SET reason = excluded.reason
        """, [id, reason, clock()])
    }
  }

  /// Whether there was a pin to take away.
  @discardableResult
  package func unpin(_ key: ObjectKey) throws(CatalogError) -> Bool {
    try write { database in
      try database.run(
        """
        DELETE FROM pin WHERE object = (SELECT id FROM object WHERE kind = ? AND key = ?)
        """, [key.kind.rawValue, key.id])
      return database.changesCount > 0
    }
  }

  /// Encodings of a layer, newest first.
  package func encodings(of layer: DiffID) throws(CatalogError) -> [Encoding] {
    try read { database in
      let rows = try database.rows(
        """
        SELECT blob, codec, csize, (SELECT path FROM file WHERE encoding = encoding.id LIMIT 1)
        FROM encoding JOIN object ON object.id = encoding.object
        WHERE object.kind = 'layer' AND object.key = ? AND object.state = 'ready'
        ORDER BY encoding.id DESC
        """, [layer.description])
      return rows.compactMap { row in
        Digest(row[0] as String).map {
          Encoding(
            blob: $0, codec: row[1], size: ByteCount(row[2] as Int64), path: row[3] ?? "")
        }
      }
    }
  }

  /// The encoding of a layer that counts where one is wanted: the newest whose file is there.
  package func newestEncoding(of layer: DiffID) throws(CatalogError) -> Encoding {
    guard let newest = try encodings(of: layer).first(where: { !$0.path.isEmpty }) else {
      throw .unknownObject(.layer(layer))
    }
    return newest
  }

  // The helpers below run inside a transaction of their caller's.

  func readyID(_ key: ObjectKey, _ database: Database) throws -> Int64? {
    try database.integer(
      "SELECT id FROM object WHERE kind = ? AND key = ? AND state = 'ready'",
      [key.kind.rawValue, key.id])
  }

  func requireReady(_ key: ObjectKey, _ database: Database) throws -> Int64 {
    if let id = try readyID(key, database) { return id }
    let state = try database.texts(
      "SELECT state FROM object WHERE kind = ? AND key = ?", [key.kind.rawValue, key.id]
    ).first
    guard let state = state.flatMap(ObjectState.init) else {
      throw CatalogError.unknownObject(key)
    }
    throw CatalogError.notReady(key, state)
  }

  func record(_ key: ObjectKey, _ database: Database) throws -> ObjectRecord? {
    let row = try database.row(
      """
      SELECT id, state, digest, architecture, size, allocated, derived, rebuild_ms, created_at,
        last_used_at, last_verified_at, detail
      FROM object WHERE kind = ? AND key = ?
      """, [key.kind.rawValue, key.id])
    guard let row, let state = ObjectState(rawValue: row[1]) else { return nil }
    let id: Int64 = row[0]
    let digest: String? = row[2]
    return ObjectRecord(
      key: key, state: state, digest: digest.flatMap { Digest($0) }, architecture: row[3],
      size: ByteCount(row[4] as Int64), allocated: ByteCount(row[5] as Int64), derived: row[6],
      rebuildMilliseconds: row[7], createdAt: row[8], lastUsedAt: row[9],
      lastVerifiedAt: row[10], detail: row[11],
      files: try database.texts("SELECT path FROM file WHERE object = ? ORDER BY path", [id]))
  }

  /// Whether anything that SQLite would defend refers to the object.
  func isReferred(_ object: Int64, _ database: Database) throws -> Bool {
    try database.truth(
      """
      SELECT EXISTS (SELECT 1 FROM edge WHERE needed = ?1)
        OR EXISTS (SELECT 1 FROM lease_ref WHERE object = ?1)
        OR EXISTS (SELECT 1 FROM tag WHERE image = ?1)
        OR EXISTS (SELECT 1 FROM pin WHERE object = ?1)
        OR EXISTS (SELECT 1 FROM checkpoint WHERE object = ?1)
        OR EXISTS (SELECT 1 FROM vm WHERE image = ?1)
        OR EXISTS (SELECT 1 FROM vm WHERE disk = ?1)
        OR EXISTS (SELECT 1 FROM vm WHERE boot = ?1)
        OR EXISTS (SELECT 1 FROM vm WHERE warm = ?1)
        OR EXISTS (SELECT 1 FROM vm_tool WHERE image = ?1)
        OR EXISTS (SELECT 1 FROM vm_tool WHERE disk = ?1)
        OR EXISTS (
          SELECT 1 FROM encoding JOIN manifest_blob ON manifest_blob.encoding = encoding.id
          WHERE encoding.object = ?1)
      """, [object]) ?? true
  }
}
