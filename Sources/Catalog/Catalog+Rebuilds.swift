internal import GRDB
package import Vocabulary

/// One attempt to build an image again somewhere else.
package struct RebuildRecord: Sendable, Hashable {
  package let image: ImageID
  package let recipeDigest: Digest?
  package let lockDigest: Digest?
  /// What it was built on.
  package let host: String
  /// What it was built with.
  package let tools: String
  /// The image that came out; a sentence if none did.
  package let result: String
  package let matched: Bool
  package let at: Int64

  package init(
    image: ImageID, recipeDigest: Digest?, lockDigest: Digest?, host: String, tools: String,
    result: String, matched: Bool, at: Int64 = 0
  ) {
    self.image = image
    self.recipeDigest = recipeDigest
    self.lockDigest = lockDigest
    self.host = host
    self.tools = tools
    self.result = result
    self.matched = matched
    self.at = at
  }
}

extension Catalog {
  /// `at` is now.
  package func recordRebuild(_ rebuild: RebuildRecord) throws(CatalogError) {
    try write { database in
      let image = try requireReady(.image(rebuild.image), database)
      try database.run(
        """
        INSERT INTO rebuild
          (image, recipe_digest, lock_digest, host, tools, result, matched, at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
        [
          image, rebuild.recipeDigest?.description, rebuild.lockDigest?.description,
          rebuild.host, rebuild.tools, rebuild.result, rebuild.matched, clock(),
        ])
    }
  }

  /// Newest first.
  package func rebuilds(of image: ImageID) throws(CatalogError) -> [RebuildRecord] {
    try read { database in
      try database.rows(
        """
        SELECT recipe_digest, lock_digest, host, tools, result, matched, at
        FROM rebuild JOIN object ON object.id = rebuild.image
        WHERE object.kind = 'image' AND object.key = ? ORDER BY rebuild.id DESC
        """, [image.description]
      ).map { row in
        RebuildRecord(
          image: image, recipeDigest: (row[0] as String?).flatMap { Digest($0) },
          lockDigest: (row[1] as String?).flatMap { Digest($0) }, host: row[2], tools: row[3],
          result: row[4], matched: row[5], at: row[6])
      }
    }
  }
}
