internal import GRDB
internal import Glibc
internal import Host
internal import Vocabulary

/// The directory of one deleting transaction: `trash/<id>/`, one entry per deleted path, with
/// `/` written as `%2F` and `%` as `%25`.
package struct TrashBatch: Sendable, Hashable {
  package let id: String

  /// Absolute.
  package let directory: String

  static func new(in store: String) -> TrashBatch {
    TrashBatch(store: store, id: Hex.encode(Randomness.bytes(8)))
  }

  init(store: String, id: String) {
    self.id = id
    self.directory = store + "/trash/" + id
  }

  /// `path` is relative to the store.
  func place(of path: String) -> String {
    var name = ""
    for character in path.unicodeScalars {
      switch character {
      case "/": name += "%2F"
      case "%": name += "%25"
      default: name.unicodeScalars.append(character)
      }
    }
    return directory + "/" + name
  }

  static func path(from entry: String) -> String {
    let parts = entry.split(separator: "%2F", omittingEmptySubsequences: false)
    return parts.map { $0.split(separator: "%25", omittingEmptySubsequences: false) }
      .map { $0.joined(separator: "%") }.joined(separator: "/")
  }
}

/// Moves a path below the store into a batch. A seam for tests; everybody else uses `.host`.
package struct TrashMover: Sendable {
  package let move: @Sendable (_ path: String, _ store: String, _ batch: TrashBatch) throws -> Void

  package init(
    move: @escaping @Sendable (_ path: String, _ store: String, _ batch: TrashBatch) throws -> Void
  ) {
    self.move = move
  }

  /// A file that is not there needs no moving: a crash between two moves, or a VM that never
  /// started.
  package static let host = TrashMover { path, store, batch in
    guard Files.exists(store + "/" + path) else { return }
    try Files.makeDirectories(batch.directory)
    try Files.rename(store + "/" + path, to: batch.place(of: path), replacing: false)
  }
}

extension Catalog {
  /// One deleting transaction. The row in `trash` is what tells later whether it was committed:
  /// with it, everything in the directory is garbage; without it, everything goes back.
  func moving<T>(_ batch: TrashBatch, _ body: (Database) throws -> T) throws -> T {
    do {
      return try writeRethrowing { database in
        try database.run(
          "INSERT INTO trash (id, committed_at) VALUES (?, ?)", [batch.id, clock()])
        let result = try body(database)
        // Nothing was moved: nothing to remember.
        if !Files.exists(batch.directory) {
          try database.run("DELETE FROM trash WHERE id = ?", [batch.id])
        }
        return result
      }
    } catch {
      // The same as the next start would do.
      _ = try? recoverTrash()
      throw error
    }
  }

  /// Removes what committed deletions moved away. `remove` takes an absolute path; it may be
  /// called again for what it failed to remove.
  package func empty(
    _ batches: [TrashBatch], remove: (String) throws -> Void = { try Files.removeTree($0) }
  ) throws {
    for batch in batches {
      // Two collectors may be emptying the same batch: what one does not find, the other removed.
      var tries = 0
      while Files.exists(batch.directory) {
        do {
          try remove(batch.directory)
          break
        } catch HostError.system(_, _, ENOENT) where tries < 100 {
          tries += 1
        }
      }
      try write { database in
        try database.run("DELETE FROM trash WHERE id = ?", [batch.id])
      }
    }
  }

  /// Puts back what a deletion that was never committed moved away, and returns the batches that
  /// were committed and are still to be emptied. Under the write lock no deletion is under way,
  /// so what has no row never will.
  @discardableResult
  package func recoverTrash() throws(CatalogError) -> [TrashBatch] {
    guard let names = try? Files.list(store + "/trash"), !names.isEmpty else { return [] }
    return try write { database in
      let committed = Set(try String.fetchAll(database, sql: "SELECT id FROM trash"))
      var left: [TrashBatch] = []
      // Listed again: what was there before we had the lock may be gone.
      for name in (try? Files.list(store + "/trash")) ?? [] {
        let batch = TrashBatch(store: store, id: name)
        if committed.contains(name) {
          left.append(batch)
        } else if try !putBack(batch) {
          try database.run(
            "INSERT INTO trash (id, committed_at) VALUES (?, ?)", [batch.id, clock()])
          left.append(batch)
        }
      }
      return left
    }
  }

  /// False if something is left in it that nobody wants back.
  private func putBack(_ batch: TrashBatch) throws -> Bool {
    var empty = true
    for entry in try Files.list(batch.directory) {
      let target = store + "/" + TrashBatch.path(from: entry)
      if Files.exists(target) {
        // Made again in the meantime: the newer one counts.
        empty = false
      } else {
        try Files.makeDirectories(Files.parent(of: target))
        try Files.rename(batch.directory + "/" + entry, to: target, replacing: false)
      }
    }
    if empty { try Files.removeTree(batch.directory) }
    return empty
  }
}
