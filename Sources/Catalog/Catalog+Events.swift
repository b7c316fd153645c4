internal import GRDB
import Vocabulary

/// One line of the store's diary.
package struct EventRecord: Sendable, Hashable {
  package let at: Int64
  /// What was being done, as in `gc` or a lease's purpose.
  package let actor: String
  /// `delete`, `quarantine`, …
  package let action: String
  package let subject: String
  package let reason: String
  package let bytes: Int64
}

extension Catalog {
  /// The newest events, newest first.
  package func events(limit: Int = 100) throws(CatalogError) -> [EventRecord] {
    try read { database in
      try database.rows(
        """
        SELECT at, actor, action, subject, reason, bytes FROM event ORDER BY id DESC LIMIT ?
        """, [limit]
      ).map {
        EventRecord(
          at: $0[0], actor: $0[1], action: $0[2], subject: $0[3], reason: $0[4], bytes: $0[5])
      }
    }
  }

  /// Of what the catalog has no row of and the collector removed by itself.
  package func recordDeletion(of candidate: Candidate) throws(CatalogError) {
    try write { database in
      try log(
        "delete", candidate.subject.description, reason: candidate.reason.rawValue,
        bytes: candidate.bytes.bytes, actor: "gc", database)
    }
  }

  func log(
    _ action: String, _ subject: String, reason: String, bytes: Int64, actor: String = "hutch",
    _ database: Database
  ) throws {
    try database.run(
      """
      INSERT INTO event (at, actor, action, subject, reason, bytes) VALUES (?, ?, ?, ?, ?, ?)
      """, [clock(), actor, action, subject, reason, bytes])
  }
}
