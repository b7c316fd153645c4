internal import GRDB
package import Vocabulary

/// A file that the catalog says is there, and what it says of it.
package struct ExpectedFile: Sendable, Hashable {
  /// Below the store.
  package let path: String
  package let key: ObjectKey
  /// `ready` or `quarantined`.
  package let state: ObjectState
  /// Of the object: of a disk its block digest, of what is named by its content that of the file.
  package let digest: Digest?
  /// Logical, of the file itself; `nil` where nobody wrote it down.
  package let size: ByteCount?
  /// The file is one encoding of a layer, of which there may be others.
  package let isEncoding: Bool
}

extension Catalog {
  /// Every file of what is ready or was set aside, by path.
  package func expectedFiles() throws(CatalogError) -> [ExpectedFile] {
    try read { database in
      let rows = try database.rows(
        Self.expectedQuery + " WHERE object.state IN ('ready', 'quarantined') ORDER BY file.path")
      return rows.compactMap(Self.expectedFile)
    }
  }

  /// What a row says of this path now; `nil` if none does, or if it is being written.
  package func expectedFile(_ path: String) throws(CatalogError) -> ExpectedFile? {
    try read { database in try expectedFile(path, database) }
  }

  private func expectedFile(_ path: String, _ database: Database) throws -> ExpectedFile? {
    try database.row(
      Self.expectedQuery + " WHERE file.path = ? AND object.state IN ('ready', 'quarantined')",
      [path]
    ).flatMap(Self.expectedFile)
  }

  private static let expectedQuery = """
    SELECT file.path, object.kind, object.key, object.state, object.digest, object.size,
      encoding.blob, encoding.csize
    FROM file JOIN object ON object.id = file.object
    LEFT JOIN encoding ON encoding.id = file.encoding
    """

  private static func expectedFile(_ row: Row) -> ExpectedFile? {
    guard let kind = ObjectKind(rawValue: row[1]), let state = ObjectState(rawValue: row[3])
    else { return nil }
    var digest = (row[4] as String?).flatMap { Digest($0) }
    var size: Int64? = row[5]
    switch kind {
    case .layer:
      // The object's own digest and size are those of its tar.
      digest = (row[6] as String?).flatMap { Digest($0) }
      size = row[7]
    case .toc, .config, .manifest, .input, .disk: break
    default: size = nil
    }
    return ExpectedFile(
      path: row[0], key: ObjectKey(kind, row[2]), state: state, digest: digest,
      size: size.map { ByteCount($0) }, isEncoding: row[6] != nil)
  }

  /// Keeps everything that is ready for the lease, without its counting as used: looking at a thing
  /// is no reason to keep it longer.
  package func keepAll(_ lease: Lease) throws(CatalogError) {
    let ids = try read { database in
      try Int64.fetchAll(database, sql: "SELECT id FROM object WHERE state = 'ready' ORDER BY id")
    }
    // In short transactions, so that nobody waits; what goes in between is no damage.
    for start in stride(from: 0, to: ids.count, by: Self.keptAtOnce) {
      let part = ids[start..<min(start + Self.keptAtOnce, ids.count)]
      guard let first = part.first, let last = part.last else { continue }
      try writeFleeting { database in
        try database.run(
          """
          INSERT OR IGNORE INTO lease_ref (lease, object)
          SELECT lease.id, object.id FROM lease JOIN object
          WHERE lease.id = ? AND object.id BETWEEN ? AND ? AND object.state = 'ready'
          """, [lease.id, first, last])
      }
    }
  }

  private static let keptAtOnce = 2000

  /// Takes a damaged file out of use: in one transaction `move` takes it away and its object is
  /// handed out to nobody until it is written again. An encoding of which a layer has another goes
  /// alone. Images whose configuration or manifest this was are made again with it.
  ///
  /// - Parameters:
  ///   - isSpare: another file does for this one.
  ///   - move: false if the file is not any more what was seen; then nothing is changed.
  /// - Returns: whether it was done.
  package func setAside(
    _ file: ExpectedFile, isSpare: Bool, reason: String, move: () throws -> Bool
  ) throws -> Bool {
    try writeRethrowing { database in
      guard let now = try expectedFile(file.path, database), now.key == file.key,
        now.state == .ready, let id = try readyID(file.key, database), try move()
      else { return false }
      if isSpare {
        try forgetEncoding(at: file.path, database)
      } else {
        try setAside(id, database)
      }
      try log("quarantine", file.key.description, reason: reason, bytes: 0, database)
      return true
    }
  }

  private func setAside(_ object: Int64, _ database: Database) throws {
    try database.run("UPDATE object SET state = 'quarantined' WHERE id = ?", [object])
    // An image that is ready is not looked at again by a build.
    try database.run(
      """
      UPDATE object SET state = 'quarantined' WHERE kind = 'image' AND state = 'ready'
        AND id IN (SELECT holder FROM edge WHERE needed = ? AND role IN ('config', 'manifest'))
      """, [object])
    if database.changesCount > 0 { try bumpIndex(database) }
  }

  private func forgetEncoding(at path: String, _ database: Database) throws {
    let encoding = try database.integer("SELECT encoding FROM file WHERE path = ?", [path])
    guard let encoding else { return }
    let manifests = try Int64.fetchAll(
      database, sql: "SELECT DISTINCT manifest FROM manifest_blob WHERE encoding = ?",
      arguments: [encoding])
    for manifest in manifests { try setAside(manifest, database) }
    try database.run("DELETE FROM manifest_blob WHERE encoding = ?", [encoding])
    try database.run("DELETE FROM file WHERE path = ?", [path])
    try database.run("DELETE FROM encoding WHERE id = ?", [encoding])
  }

  /// Images that were set aside only for a manifest or configuration that is ready again are images
  /// again.
  package func restoreImages() throws(CatalogError) {
    try write { database in
      try database.run(
        """
        UPDATE object SET state = 'ready' WHERE kind = 'image' AND state = 'quarantined'
          AND NOT EXISTS (
            SELECT 1 FROM edge JOIN object AS part ON part.id = edge.needed
            WHERE edge.holder = object.id AND edge.role IN ('config', 'manifest')
              AND part.state <> 'ready')
        """)
      if database.changesCount > 0 { try bumpIndex(database) }
    }
  }

  /// What a ready manifest or one that was set aside says, to write it again: its image, and its
  /// blobs in order with their sizes and the codec of the last.
  package func manifestContents(
    _ manifest: Digest
  ) throws(CatalogError) -> (
    image: ImageID, blobs: [(blob: Digest, size: ByteCount)], codec: String
  )? {
    try read { database in
      let config = try database.texts(
        """
        SELECT part.key FROM edge JOIN object AS part ON part.id = edge.needed
        JOIN object AS holder ON holder.id = edge.holder
        WHERE holder.kind = 'manifest' AND holder.key = ? AND edge.role = 'config'
        """, [manifest.description]
      ).first
      guard let image = config.flatMap({ ImageID($0) }) else { return nil }
      let rows = try database.rows(
        """
        SELECT encoding.blob, csize, codec FROM manifest_blob
        JOIN encoding ON encoding.id = manifest_blob.encoding
        JOIN object ON object.id = manifest_blob.manifest
        WHERE object.kind = 'manifest' AND object.key = ? ORDER BY position
        """, [manifest.description])
      let blobs = rows.compactMap { row in
        Digest(row[0] as String).map { (blob: $0, size: ByteCount(row[1] as Int64)) }
      }
      return (image, blobs, rows.last?[2] ?? "")
    }
  }
}
