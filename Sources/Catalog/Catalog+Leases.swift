internal import GRDB
internal import Glibc
internal import Host
import Vocabulary

/// A lease as listings show it.
package struct LeaseRecord: Sendable, Hashable {
  package let id: String
  package let purpose: String
  /// For people only: in another pid namespace it names somebody else.
  package let pid: Int32
  package let createdAt: Int64
  /// Whether its owner holds the lock.
  package let alive: Bool
}

extension Catalog {
  func lockPath(_ lease: String) -> String { store + "/leases/" + lease }

  /// Takes a lease. Take it before looking: then nothing that is seen can be collected.
  package func lease(for purpose: String) throws(CatalogError) -> Lease {
    let id = Hex.encode(Randomness.bytes(16))
    let now = clock()
    var lock: FileLock?
    // Lock files are made and removed only by who holds the database's write lock. So nobody
    // sees a row whose lock is not held yet, or removes a file that is about to be locked.
    try writeFleeting { database in
      try Files.makeDirectories(store + "/leases")
      lock = try FileLock.exclusive(lockPath(id), wait: false)
      try database.run(
        "INSERT INTO lease (id, purpose, pid, created_at) VALUES (?, ?, ?, ?)",
        [id, purpose, getpid(), now])
    }
    guard let held = lock.take() else { throw .busy(path: lockPath(id)) }
    return Lease(id: id, purpose: purpose, catalog: self, lock: held)
  }

  /// All leases, oldest first.
  package func leases() throws(CatalogError) -> [LeaseRecord] {
    try read { database in
      let rows = try database.rows(
        "SELECT id, purpose, pid, created_at FROM lease ORDER BY created_at, id")
      return rows.map { row in
        LeaseRecord(
          id: row[0], purpose: row[1], pid: row[2], createdAt: row[3],
          alive: FileLock.isHeld(lockPath(row[0])))
      }
    }
  }

  /// Removes the leases of dead processes and what they left unfinished, and lock files without
  /// a row. Anyone may do it at any time. Returns how many leases there were.
  @discardableResult
  package func cleanDeadLeases() throws(CatalogError) -> Int {
    try write { database in
      var cleaned = 0
      let ids = try database.texts("SELECT id FROM lease ORDER BY id")
      for id in ids {
        // Whoever can take the lock may clean; whoever cannot leaves the lease alone.
        guard let lock = try FileLock.exclusive(lockPath(id), wait: false) else { continue }
        try removeLease(id, database)
        _ = consume lock
        cleaned += 1
      }
      let known = Set(ids)
      for name in (try? Files.list(store + "/leases")) ?? []
      where name.utf8.count == 32 && !known.contains(name) {
        try Files.removeTree(lockPath(name))
      }
      return cleaned
    }
  }

  func end(_ lease: Lease) throws(CatalogError) {
    try writeFleeting { database in try removeLease(lease.id, database) }
  }

  /// Under the write lock. The file goes with the row: if the transaction rolls back after all,
  /// a row without a lock file is a dead lease, which it is.
  private func removeLease(_ id: String, _ database: Database) throws {
    // A VM whose supervisor died did not stop by itself.
    try database.run(
      """
      UPDATE vm SET state = 'crashed', changed_at = ?
      WHERE supervisor = ? AND state IN ('running', 'paused')
      """, [clock(), id])
    let unfinished = try Int64.fetchAll(
      database.cachedStatement(
        sql: "SELECT id FROM object WHERE writer = ? AND state = 'writing'"),
      arguments: [id])
    try database.run("DELETE FROM lease WHERE id = ?", [id])
    for object in unfinished { try giveUp(object, database) }
    try? Files.removeTree(lockPath(id))
  }

  /// What nobody finished: if something needs it, it is damaged; else, if it may have left files
  /// behind, it stays for the collector; else it never was.
  func giveUp(_ object: Int64, _ database: Database) throws {
    if try isReferred(object, database) {
      try database.run(
        "UPDATE object SET state = 'quarantined', writer = NULL WHERE id = ?",
        [object])
    } else if try filesOnDisk(of: object, database).isEmpty {
      try database.run("DELETE FROM object WHERE id = ?", [object])
    } else {
      try database.run("UPDATE object SET writer = NULL WHERE id = ?", [object])
    }
  }

  func filesOnDisk(of object: Int64, _ database: Database) throws -> [String] {
    let paths = try database.texts("SELECT path FROM file WHERE object = ? ORDER BY path", [object])
    return paths.filter { Files.exists(store + "/" + $0) }
  }

  /// Keeps an object for a lease. Under the write lock, in the transaction that looked it up.
  func refer(_ lease: Lease, to object: Int64, _ database: Database) throws {
    do {
      try database.run(
        "INSERT OR IGNORE INTO lease_ref (lease, object) VALUES (?, ?)",
        [lease.id, object])
    } catch let error as DatabaseError
      where error.extendedResultCode == .SQLITE_CONSTRAINT_FOREIGNKEY
    {
      throw CatalogError.leaseEnded(purpose: lease.purpose)
    }
    // Once an hour is precise enough for eviction, and spares most look-ups a write.
    let now = clock()
    try database.run(
      "UPDATE object SET last_used_at = ? WHERE id = ? AND last_used_at <= ?",
      [now, object, now - 3600])
  }
}
