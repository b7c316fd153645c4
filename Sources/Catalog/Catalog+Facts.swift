internal import GRDB
import Vocabulary

extension Catalog {
  /// A small thing to remember about the store as a whole.
  package func fact(_ name: String) throws(CatalogError) -> String? {
    try read { try fact(name, $0) }
  }

  package func setFact(_ name: String, _ value: String) throws(CatalogError) {
    try write { try setFact(name, value, $0) }
  }

  /// Counts the changes of tags. `index.json` is written from the tags after such a change, by
  /// whoever finds that the two numbers differ, and under the store's lock.
  package func indexGeneration() throws(CatalogError) -> (current: Int64, written: Int64) {
    try read { database in
      (
        current: Int64(try fact("index-current", database) ?? "") ?? 0,
        written: Int64(try fact("index-written", database) ?? "") ?? 0
      )
    }
  }

  /// `index.json` now shows the tags as they were at `generation`.
  package func markIndexWritten(_ generation: Int64) throws(CatalogError) {
    try setFact("index-written", "\(generation)")
  }

  func bumpIndex(_ database: Database) throws {
    let current = Int64(try fact("index-current", database) ?? "") ?? 0
    try setFact("index-current", "\(current + 1)", database)
  }

  private func fact(_ name: String, _ database: Database) throws -> String? {
    try database.texts("SELECT value FROM fact WHERE name = ?", [name]).first
  }

  private func setFact(_ name: String, _ value: String, _ database: Database) throws {
    try database.run("INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)", [name, value])
  }
}
