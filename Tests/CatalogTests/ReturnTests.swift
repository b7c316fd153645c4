import Catalog
import GRDB
import Host
import Testing
import Vocabulary

/// A store of version 1 that nobody opened for three months; the machine went down while it was in
/// use. The rows are those of a saved database.
@Suite struct ReturnTests {
  let test: TestStore

  init() throws {
    test = try TestStore()
    let text = try Files.read(
      Files.parent(of: #filePath) + "/Fixtures/catalog-v1.sql", limit: 1 << 20)
    let saved = try DatabaseQueue(path: test.path + "/catalog.sqlite")
    try saved.writeWithoutTransaction { database in
      try database.execute(sql: "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = OFF")
      try database.execute(sql: String(decoding: text, as: UTF8.self))
      try database.execute(
        sql: """
          CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY);
          INSERT INTO grdb_migrations VALUES ('catalog 1');
          PRAGMA application_id = \(Schema.applicationID);
          PRAGMA user_version = 1;
          PRAGMA wal_checkpoint(TRUNCATE);
          """)
    }
    try saved.close()
    for file in [
      "blobs/sha256/" + String(repeating: "a", count: 64),
      "blobs/sha256/" + String(repeating: "2", count: 64),
      "blobs/sha256/" + String(repeating: "3", count: 64), "disks/1111.raw",
      "inputs/sha256/" + String(repeating: "6", count: 64), "trees/7777777777777777/usr/half",
      "vms/otter/overlay.qcow2", "vms/worker/overlay.qcow2",
      // A lock file survives a power cut, its lock does not.
      "leases/00112233445566778899aabbccddeeff",
      "blobs/sha256/" + String(repeating: "f", count: 64),
    ] {
      try test.touch(file)
    }
    test.advance(90 * 86_400)
  }

  @Test func `this version migrates it, and has all of it`() throws {
    let catalog = try test.open()
    #expect(try catalog.images().map(\.tags) == [["base"]])
    #expect(try catalog.vms().map(\.name) == ["otter", "worker"])
    #expect(try catalog.events().count == 1)
    #expect(test.exists("catalog.v1.sqlite"))
    #expect(try catalog.vms().allSatisfy { $0.tools.isEmpty })
  }

  @Test func `a later version copies it aside, migrates it and loses no row`() throws {
    try test.open(schema: OpenTests.later).close()
    func counts(_ name: String) throws -> [Int] {
      let queue = try DatabaseQueue(path: test.path + "/" + name)
      return try queue.read { database in
        #expect(try String.fetchOne(database, sql: "PRAGMA integrity_check") == "ok")
        #expect(try Row.fetchAll(database, sql: "PRAGMA foreign_key_check").isEmpty)
        return try ["object", "file", "edge", "soft_edge", "step", "tag", "vm", "event", "lease"]
          .map { try Int.fetchOne(database, sql: "SELECT COUNT(*) FROM \($0)") ?? -1 }
      }
    }
    #expect(try counts("catalog.sqlite") == [7, 6, 4, 2, 1, 1, 2, 1, 1])
    #expect(try counts("catalog.v1.sqlite") == counts("catalog.sqlite"))
    let migrated = try DatabaseQueue(path: test.path + "/catalog.sqlite")
    try migrated.read { (database) throws in
      #expect(try database.tableExists("later"))
      #expect(try Int.fetchOne(database, sql: "PRAGMA user_version") == Schema.current.version + 1)
    }
    // And this version then leaves it alone.
    #expect(throws: CatalogError.self) { try test.open() }
  }

  @Test func `a lease from before the power cut is dead, its VM has crashed, work stays`() throws {
    let catalog = try test.open()
    #expect(try catalog.leases().map(\.alive) == [false])
    let collection = try catalog.collect(try catalog.markSnapshot().candidates)
    try catalog.empty(collection.batches)
    #expect(try catalog.leases().isEmpty)
    #expect(!test.exists("leases/00112233445566778899aabbccddeeff"))
    #expect(try catalog.vm(named: "otter").state == .crashed)
    #expect(test.exists("vms/otter/overlay.qcow2"))
    #expect(try catalog.vm(named: "worker").unsynced)
    #expect(test.exists("vms/worker/overlay.qcow2"))
    // Only what was half done went.
    #expect(
      collection.deleted.map(\.subject.description) == [
        "tree sha256:" + String(repeating: "7", count: 64)
      ])
    #expect(collection.deleted.map(\.reason) == [.leftover])
  }

  @Test func `a blob of somebody else's in the layout is nobody's to collect`() throws {
    let catalog = try test.open()
    try catalog.untag("base")
    for name in ["otter", "worker"] {
      try catalog.cleanDeadLeases()
      try catalog.empty([try catalog.deleteVM(name, reason: "asked for")])
    }
    var policy = EvictionPolicy(grace: nil)
    policy.wanted = ByteCount(Int64.max)
    policy.takesInputs = true
    let collection = try catalog.collect(try catalog.inventory().plan(policy).candidates)
    try catalog.empty(collection.batches)
    #expect(try test.files() == ["blobs/sha256/" + String(repeating: "f", count: 64)])
  }
}
