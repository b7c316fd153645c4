internal import GRDB
package import Vocabulary

/// A name for an image, and what it was made from.
package struct TagRecord: Sendable, Hashable {
  /// `name` or `name:version`.
  package let name: String
  package let image: ImageID
  package let recipe: String?
  package let recipeDigest: Digest?
  package let lockDigest: Digest?
  package let updatedAt: Int64
}

extension Catalog {
  /// Points a tag at an image that is recorded; it may have pointed elsewhere before.
  package func tag(
    _ name: String, _ image: ImageID, recipe: String? = nil, recipeDigest: Digest? = nil,
    lockDigest: Digest? = nil
  ) throws(CatalogError) {
    guard Self.isTag(name) else { throw .badTag(name) }
    try write { database in
      guard let id = try readyID(.image(image), database) else {
        throw CatalogError.unknownImage(image.description)
      }
      let now = clock()
      let recipeText = recipeDigest?.description
      let lockText = lockDigest?.description
      let before = try database.row(
        "SELECT image, recipe, recipe_digest, lock_digest FROM tag WHERE name = ?",
        [name])
      // Saying the same again writes nothing: a build with nothing changed stays cheap.
      if let before, before[0] == id, before[1] == recipe, before[2] == recipeText,
        before[3] == lockText
      {
        return
      }
      try database.run(
        """
        INSERT INTO tag (name, image, recipe, recipe_digest, lock_digest, updated_at)
        VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (name) DO UPDATE SET image = excluded.image, recipe = excluded.recipe,
          recipe_digest = excluded.recipe_digest, lock_digest = excluded.lock_digest,
          updated_at = excluded.updated_at
        """, [name, id, recipe, recipeText, lockText, now])
      try database.run(
        """
        INSERT INTO tag_history (name, image, recipe_digest, lock_digest, tagged_at)
        VALUES (?, ?, ?, ?, ?)
        """, [name, id, recipeText, lockText, now])
      try bumpIndex(database)
    }
  }

  package func untag(_ name: String) throws(CatalogError) {
    try write { database in
      try database.run("DELETE FROM tag WHERE name = ?", [name])
      guard database.changesCount > 0 else { throw CatalogError.unknownTag(name) }
      try log("untag", name, reason: "asked for", bytes: 0, database)
      try bumpIndex(database)
    }
  }

  /// All tags, by name.
  package func tags() throws(CatalogError) -> [TagRecord] {
    try read { database in
      try database.rows(Self.tagQuery + " ORDER BY tag.name")
        .compactMap(Self.tagRecord)
    }
  }

  package func tag(named name: String) throws(CatalogError) -> TagRecord? {
    try read { database in
      try database.row(Self.tagQuery + " WHERE tag.name = ?", [name])
        .flatMap(Self.tagRecord)
    }
  }

  /// What a person means by IMAGE: a tag, else the first 8 or more digits of an image ID. With a
  /// lease, the image is kept for it from this moment on.
  package func resolve(
    _ reference: String, _ lease: Lease? = nil
  ) throws(CatalogError) -> ImageRecord {
    guard let lease else {
      return try read { try found(reference, $0).record }
    }
    return try writeFleeting { database in
      let (id, record) = try found(reference, database)
      try refer(lease, to: id, database)
      return record
    }
  }

  private func found(
    _ reference: String, _ database: Database
  ) throws -> (id: Int64, record: ImageRecord) {
    let tagged = try database.row(
      """
      SELECT object.id, object.key FROM tag JOIN object ON object.id = tag.image
      WHERE tag.name = ?
      """, [reference])
    let row = try tagged ?? byPrefix(reference, .image, database)
    guard let row, let image = ImageID(row[1] as String),
      let record = try imageRecord(image, database)
    else { throw CatalogError.unknownImage(reference) }
    return (row[0], record)
  }

  /// The layer that these first 8 or more digits of a diffID name, kept for the lease from this
  /// moment on; `nil` if there is none.
  package func layer(
    named reference: String, _ lease: Lease
  ) throws(CatalogError) -> DiffID? {
    try writeFleeting { database in
      guard let row = try byPrefix(reference, .layer, database) else { return nil }
      try refer(lease, to: row[0], database)
      return DiffID(row[1] as String)
    }
  }

  private func byPrefix(
    _ reference: String, _ kind: ObjectKind, _ database: Database
  ) throws -> Row? {
    let digits = reference.hasPrefix("sha256:") ? String(reference.dropFirst(7)) : reference
    guard (8...64).contains(digits.utf8.count),
      digits.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
    else { return nil }
    let rows = try database.rows(
      """
      SELECT id, key FROM object WHERE kind = ?2 AND state = 'ready'
        AND key >= ?1 AND key < ?1 || 'g' ORDER BY key
      """, ["sha256:" + digits, kind.rawValue])
    if rows.count > 1 {
      let digests = rows.compactMap { Digest($0[1] as String) }
      throw kind == .layer
        ? CatalogError.ambiguousLayer(reference, digests.map { DiffID($0) })
        : CatalogError.ambiguousImage(reference, digests.map { ImageID($0) })
    }
    return rows.first
  }

  /// `name[:version]` (DESIGN, "What a person types"): a name as a VM's, a version as an OCI tag.
  package static func isTag(_ text: String) -> Bool {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let name = parts.first, isName(String(name)) else { return false }
    guard parts.count == 2 else { return true }
    func isWord(_ byte: UInt8) -> Bool {
      (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
        || (0x61...0x7A).contains(byte) || byte == 0x5F
    }
    let version = Array(parts[1].utf8)
    return (1...128).contains(version.count) && isWord(version[0])
      && version.allSatisfy { isWord($0) || $0 == 0x2D || $0 == 0x2E }
  }

  /// `[a-z0-9][a-z0-9-]{0,62}`.
  package static func isName(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard (1...63).contains(bytes.count), bytes[0] != 0x2D else { return false }
    return bytes.allSatisfy {
      (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D
    }
  }

  private static let tagQuery = """
    SELECT tag.name, object.key, recipe, recipe_digest, lock_digest, updated_at
    FROM tag JOIN object ON object.id = tag.image
    """

  private static func tagRecord(_ row: Row) -> TagRecord? {
    guard let image = ImageID(row[1] as String) else { return nil }
    return TagRecord(
      name: row[0], image: image, recipe: row[2],
      recipeDigest: (row[3] as String?).flatMap { Digest($0) },
      lockDigest: (row[4] as String?).flatMap { Digest($0) }, updatedAt: row[5])
  }
}
