internal import GRDB
internal import Host
import Vocabulary

extension Catalog {
  /// Opens the catalog of a store, making it if there is none. The directory must exist.
  ///
  /// Refused before anything is touched: a store of another user, a database that is not ours,
  /// one of a newer version. An older one is copied to `catalog.v<version>.sqlite` and migrated.
  /// Deletions that a dead process left half done are finished or undone.
  package static func open(
    store: String, schema: Schema = .current, clock: @escaping @Sendable () -> Int64 = Clock.now
  ) throws(CatalogError) -> Catalog {
    let path = path(in: store)
    for owned in [store, path] {
      if let status = Files.status(owned), status.uid != HostEnvironment.current.userID {
        throw .foreignStore(path: owned, owner: status.uid)
      }
    }
    do {
      if try headerVersion(path, known: schema.version) != schema.version {
        try migrate(store: store, path: path, schema: schema)
      }
      let queue = try DatabaseQueue(path: path, configuration: configuration())
      let version = try queue.read { try $0.userVersion() }
      // The header of the file may be older than what its journal says.
      guard version <= schema.version else {
        throw CatalogError.newerStore(path: path, found: version, known: schema.version)
      }
      let catalog = Catalog(store: store, queue: queue, clock: clock)
      try catalog.recoverTrash()
      return catalog
    } catch {
      throw classify(error, path: path)
    }
  }

  /// The version in the file's header (SQLite file format, 1.3: user version at 60, application
  /// ID at 68), so that a foreign or newer file is refused without SQLite writing beside it.
  /// 0 if there is no file yet.
  private static func headerVersion(_ path: String, known: Int) throws -> Int {
    guard let status = Files.status(path), status.size > 0 else { return 0 }
    let header = try firstBytes(of: path)
    guard header.count == 100, header.starts(with: Array("SQLite format 3\0".utf8)) else {
      throw CatalogError.notCatalog(path: path)
    }
    func number(at offset: Int) -> UInt32 {
      header[offset..<(offset + 4)].reduce(0) { $0 << 8 | UInt32($1) }
    }
    let application = number(at: 68)
    let version = number(at: 60)
    // Both are 0 when the process that made the file died before its first commit was copied
    // from the journal.
    if application == 0 && version == 0 { return 0 }
    guard application == UInt32(Schema.applicationID) else {
      throw CatalogError.notCatalog(path: path)
    }
    guard version <= UInt32(known) else {
      throw CatalogError.newerStore(path: path, found: Int(version), known: known)
    }
    return Int(version)
  }

  private static func firstBytes(of path: String) throws(HostError) -> [UInt8] {
    let file = try OwnedDescriptor.open(path, .read)
    return try file.pread(at: 0, count: 100)
  }

  /// Only one process migrates; the others wait for it and find the work done.
  private static func migrate(store: String, path: String, schema: Schema) throws {
    try Files.makeDirectories(store + "/leases")
    let lock = try FileLock.exclusive(store + "/leases/migration", wait: true)
    try migrateLocked(store: store, path: path, schema: schema)
    _ = consume lock
  }

  private static func migrateLocked(store: String, path: String, schema: Schema) throws {
    let queue = try DatabaseQueue(path: path, configuration: configuration())
    let version = try queue.read { try $0.userVersion() }
    guard version <= schema.version else {
      throw CatalogError.newerStore(path: path, found: version, known: schema.version)
    }
    if version < schema.version {
      if version > 0 { try copyAside(queue, store: store, version: version) }
      // Outside of any transaction, and lasting: it stands in the file's header.
      try queue.writeWithoutTransaction {
        try $0.execute(sql: "PRAGMA journal_mode = WAL")
      }
      try schema.migrator.migrate(queue)
    }
    // Brings the version into the header, where the next process looks first.
    try queue.writeWithoutTransaction {
      try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)")
    }
    try queue.close()
  }

  private static func copyAside(_ queue: DatabaseQueue, store: String, version: Int) throws {
    let copy = store + "/catalog.v\(version).sqlite"
    // What an earlier, interrupted migration copied is the same content.
    if Files.exists(copy) { try Files.removeTree(copy) }
    try queue.writeWithoutTransaction {
      try $0.execute(sql: "VACUUM INTO ?", arguments: [copy])
    }
  }

  static func configuration() -> Configuration {
    var configuration = Configuration()
    configuration.foreignKeysEnabled = true
    configuration.label = "catalog"
    // SQLite's own waiting backs off to 100 ms, which a busy collector could outlast; this one
    // looks again every millisecond, for 60 seconds.
    configuration.busyMode = .callback { tries in
      pause(milliseconds: 1)
      return tries < 60_000
    }
    configuration.prepareDatabase { database in
      try database.setSynchronous("FULL")
      // Processes end without closing it, so whoever comes next reads the whole journal: 1 MB.
      try database.execute(sql: "PRAGMA wal_autocheckpoint = 256")
    }
    return configuration
  }
}

extension Database {
  func setSynchronous(_ level: String) throws {
    try execute(sql: "PRAGMA synchronous = \(level)")
  }

  func userVersion() throws -> Int {
    try Int.fetchOne(self, sql: "PRAGMA user_version") ?? 0
  }
}
