internal import GRDB
package import Vocabulary

package enum DiskFormat: String, Sendable { case raw, qcow2 }

/// The ext4 file system of a chain, as made by one formatter.
package struct DiskRecord: Sendable, Hashable {
  package let chain: ChainID
  /// Writer and version, as in `hutch-1`: another formatter, another disk.
  package let formatter: String
  package let format: DiskFormat
  package let virtualSize: ByteCount
  /// How many files a read may go through below this one: 0 for a disk of its own.
  package let depth: Int
  /// Bytes in it that no file of the chain holds any more.
  package let deadBytes: ByteCount

  package init(
    chain: ChainID, formatter: String, format: DiskFormat, virtualSize: ByteCount,
    depth: Int = 0, deadBytes: ByteCount = .zero
  ) {
    self.chain = chain
    self.formatter = formatter
    self.format = format
    self.virtualSize = virtualSize
    self.depth = depth
    self.deadBytes = deadBytes
  }

  package var key: ObjectKey { .disk(chain, formatter: formatter) }
}

extension Catalog {
  /// Publishes a disk begun with `beginWriting(disk.key, …)`. A delta names its parent disk as an
  /// edge. Images with this chain then want it: it stays while they do, until space is short.
  package func publishDisk(
    _ disk: DiskRecord, _ publication: Publication, _ lease: Lease, rename: () throws -> Void
  ) throws {
    try publish(disk.key, publication, lease) { database in
      let id = try requireReady(disk.key, database)
      try database.run(
        """
        INSERT OR REPLACE INTO disk
          (object, chain, formatter, format, virtual_size, depth, dead_bytes)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        """,
        [
          id, disk.chain.description, disk.formatter, disk.format.rawValue,
          disk.virtualSize.bytes, disk.depth, disk.deadBytes.bytes,
        ])
      try database.run(
        """
        INSERT OR IGNORE INTO soft_edge (holder, role, wanted)
        SELECT object, 'disk', ? FROM image WHERE chain = ?
        """, [id, disk.chain.description])
      // What an earlier formatter made of the same chain stays only for VMs that stand on it.
      try database.run(
        """
        DELETE FROM soft_edge WHERE role = 'disk'
          AND wanted IN (SELECT object FROM disk WHERE chain = ? AND formatter <> ?)
        """, [disk.chain.description, disk.formatter])
      try rename()
    }
  }

  /// The files of a disk, below the store, the topmost first: its own and those that it stands on.
  func diskFiles(_ id: Int64, _ database: Database) throws -> [String] {
    try database.texts(
      """
      WITH RECURSIVE below (id, depth) AS (
        SELECT ?, 0
        UNION ALL
        SELECT edge.needed, depth + 1 FROM below JOIN edge ON edge.holder = below.id
        JOIN object ON object.id = edge.needed AND object.kind = 'disk'
        WHERE depth < 64
      )
      SELECT path FROM below JOIN file ON file.object = below.id ORDER BY depth, path
      """, [id])
  }

  /// The ready disk of a chain, kept for the lease from this moment on.
  package func disk(
    _ chain: ChainID, formatter: String, _ lease: Lease
  ) throws(CatalogError) -> (disk: DiskRecord, object: ObjectRecord)? {
    try writeFleeting { database in
      let key = ObjectKey.disk(chain, formatter: formatter)
      guard let id = try readyID(key, database), let object = try record(key, database)
      else { return nil }
      let row = try database.row(
        "SELECT format, virtual_size, depth, dead_bytes FROM disk WHERE object = ?",
        [id])
      guard let row, let format = DiskFormat(rawValue: row[0]) else { return nil }
      try refer(lease, to: id, database)
      let disk = DiskRecord(
        chain: chain, formatter: formatter, format: format,
        virtualSize: ByteCount(row[1] as Int64), depth: row[2],
        deadBytes: ByteCount(row[3] as Int64))
      return (disk, object)
    }
  }
}
