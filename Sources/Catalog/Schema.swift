internal import GRDB

/// The catalog's schema: an append-only list of migrations, each a literal SQL text.
///
/// `PRAGMA user_version` is the number of migrations that a database has had. A text that has
/// been released is never edited; docs/formats/catalog.md draws the result.
package struct Schema: Sendable {
  package let migrations: [String]

  package init(migrations: [String]) { self.migrations = migrations }

  package static let current = Schema(migrations: [version1, version2])

  package var version: Int { migrations.count }

  /// `PRAGMA application_id`: "Hutc" in ASCII, what `file(1)` and we know a catalog by.
  package static let applicationID: Int32 = 0x4875_7463

  var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    for (index, text) in migrations.enumerated() {
      migrator.registerMigration("catalog \(index + 1)") { database in
        try database.execute(sql: text)
        try database.execute(
          sql: """
            PRAGMA application_id = \(Schema.applicationID);
            PRAGMA user_version = \(index + 1);
            """)
      }
    }
    return migrator
  }
}
