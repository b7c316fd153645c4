internal import GRDB
internal import Host
import Vocabulary

/// What exists in a store and what needs what.
///
/// One connection to `catalog.sqlite`; any number of processes may have one at the same time.
/// Every call is one transaction, synchronous, and safe from any thread. Write transactions are
/// short; who waits for the write lock looks every millisecond, so that a collector with many
/// small transactions starves nobody.
package final class Catalog: Sendable {
  /// The store's directory, absolute, without a slash at its end.
  package let store: String
  let queue: DatabaseQueue
  let clock: @Sendable () -> Int64

  init(store: String, queue: DatabaseQueue, clock: @escaping @Sendable () -> Int64) {
    self.store = store
    self.queue = queue
    self.clock = clock
  }

  var path: String { Catalog.path(in: store) }
  static func path(in store: String) -> String { store + "/catalog.sqlite" }

  /// Ends the connection. Not needed before a process exits; calls after it fail.
  package func close() throws(CatalogError) {
    do { try queue.close() } catch { throw classify(error) }
  }

  /// One consistent view; blocks no writer. `body` must not write.
  ///
  /// GRDB's own reading turns `PRAGMA query_only` on and off, and SQLite then throws away every
  /// statement that was compiled.
  func read<T>(_ body: (Database) throws -> T) throws(CatalogError) -> T {
    do {
      return try queue.unsafeRead { try Self.transaction(.deferred, in: $0, body) }
    } catch {
      throw classify(error)
    }
  }

  /// One `BEGIN IMMEDIATE` transaction; rolled back when `body` throws.
  func write<T>(_ body: (Database) throws -> T) throws(CatalogError) -> T {
    do { return try queue.write(body) } catch { throw classify(error) }
  }

  /// A `write` that a power cut may take back, though no end of a process can: it waits for no
  /// disk. For what only matters while its process lives. It never outlasts a lasting one that
  /// came before it, and is on the disk with the next that comes after it (SQLite, "PRAGMA
  /// synchronous", NORMAL with WAL).
  func writeFleeting<T>(_ body: (Database) throws -> T) throws(CatalogError) -> T {
    do {
      return try queue.writeWithoutTransaction { database in
        try database.setSynchronous("NORMAL")
        let result = Result { try Self.transaction(.immediate, in: database, body) }
        try database.setSynchronous("FULL")
        return try result.get()
      }
    } catch {
      throw classify(error)
    }
  }

  private static func transaction<T>(
    _ kind: Database.TransactionKind, in database: Database, _ body: (Database) throws -> T
  ) throws -> T {
    try database.beginTransaction(kind)
    do {
      let value = try body(database)
      try database.commit()
      return value
    } catch {
      // SQLite has rolled back by itself after some errors.
      if database.isInsideTransaction { try database.rollback() }
      throw error
    }
  }

  /// Like `write`, for bodies that call a closure of the caller's, whose error passes unchanged.
  func writeRethrowing<T>(_ body: (Database) throws -> T) throws -> T {
    do {
      return try queue.write(body)
    } catch let error as DatabaseError {
      throw classify(error)
    }
  }

  func classify(_ error: any Error) -> CatalogError { Catalog.classify(error, path: path) }

  static func classify(_ error: any Error, path: String) -> CatalogError {
    switch error {
    case let error as CatalogError: return error
    case let error as HostError: return .host(error)
    case let error as DatabaseError:
      let code = error.extendedResultCode
      let detail = error.message ?? code.description
      switch error.resultCode {
      case .SQLITE_BUSY, .SQLITE_LOCKED: return .busy(path: path)
      case .SQLITE_FULL: return .noSpace(path: path)
      case .SQLITE_CORRUPT, .SQLITE_NOTADB: return .damaged(path: path, detail: detail)
      case .SQLITE_CONSTRAINT
      where code == .SQLITE_CONSTRAINT_FOREIGNKEY || code == .SQLITE_CONSTRAINT_TRIGGER:
        return .stillNeeded(subject: error.arguments.map { "\($0)" } ?? detail)
      default: return .database(path: path, code: code.rawValue, detail: detail)
      }
    default: return .database(path: path, code: 1, detail: "\(error)")
    }
  }
}
