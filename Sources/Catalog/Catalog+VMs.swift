internal import GRDB
internal import Host
internal import Vocabulary

extension Catalog {
  /// Creates VMs. The rows are the clones: when this returns they exist, however the power goes.
  /// In groups of 256 to a transaction; what an error stops in the middle leaves whole groups.
  /// With a supervisor, they are its own from the beginning, as those of `run` are.
  package func createVMs(_ vms: [NewVM], supervisor: Lease? = nil) throws(CatalogError) {
    for start in stride(from: 0, to: vms.count, by: 256) {
      try write { database in
        var known: [ObjectKey: Int64] = [:]
        func id(_ key: ObjectKey) throws -> Int64 {
          if let id = known[key] { return id }
          let id = try requireReady(key, database)
          known[key] = id
          return id
        }
        let insert = try database.makeStatement(
          sql: """
            INSERT INTO vm (name, image, disk, boot, warm, disk_size, seed, state, ephemeral,
              cpus, memory, created_at, changed_at, supervisor, detail)
            VALUES (?, ?, ?, ?, ?, ?, ?, 'created', ?, ?, ?, ?, ?, ?, ?)
            """)
        let attach = try database.makeStatement(
          sql: "INSERT INTO vm_tool (vm, position, name, image, disk) VALUES (?, ?, ?, ?, ?)")
        let now = clock()
        for vm in vms[start..<min(start + 256, vms.count)] {
          guard Self.isName(vm.name) else { throw CatalogError.badName(vm.name) }
          do {
            try insert.execute(arguments: [
              vm.name, try vm.image.map { try id(.image($0)) }, try id(vm.disk),
              try vm.boot.map(id), try vm.warm.map(id), vm.diskSize.bytes, Hex.encode(vm.seed),
              vm.ephemeral, vm.cpus, vm.memory.bytes, now, now, supervisor?.id, vm.detail,
            ])
          } catch let error as DatabaseError
            where error.extendedResultCode == .SQLITE_CONSTRAINT_UNIQUE
          {
            throw CatalogError.nameTaken(vm.name)
          }
          let row = database.lastInsertedRowID
          for (position, tool) in vm.tools.enumerated() {
            try attach.execute(arguments: [
              row, position, tool.name, try id(.image(tool.image)), try id(tool.disk),
            ])
          }
        }
      }
    }
  }

  package func createVM(_ vm: NewVM, supervisor: Lease? = nil) throws(CatalogError) {
    try createVMs([vm], supervisor: supervisor)
  }

  package func vm(named name: String) throws(CatalogError) -> VMRecord {
    let found = try read { database in
      try database.row(Self.vmQuery + " WHERE vm.name = ?", [name])
        .flatMap { try vmRecord($0, database) }
    }
    guard let found else { throw .unknownVM(name) }
    return found
  }

  /// All VMs, by name.
  package func vms() throws(CatalogError) -> [VMRecord] {
    try read { database in
      try database.rows(Self.vmQuery + " ORDER BY vm.name")
        .compactMap { try vmRecord($0, database) }
    }
  }

  /// Makes this lease the supervisor of a VM. Only one live process can be.
  package func supervise(_ name: String, _ lease: Lease) throws(CatalogError) {
    try write { database in
      let row = try database.row("SELECT supervisor FROM vm WHERE name = ?", [name])
      guard let row else { throw CatalogError.unknownVM(name) }
      if let other: String = row[0], other != lease.id, FileLock.isHeld(lockPath(other)) {
        throw CatalogError.virtualMachineInUse(name)
      }
      try database.run("UPDATE vm SET supervisor = ? WHERE name = ?", [lease.id, name])
    }
  }

  /// What comes to rest (`stopped`, `finished`, `crashed`) has no supervisor any more.
  package func setState(
    _ name: String, _ state: VMState, unsynced: Bool? = nil, ephemeral: Bool? = nil,
    detail: String? = nil
  ) throws(CatalogError) {
    let resting = [.stopped, .finished, .crashed].contains(state)
    try write { database in
      try database.run(
        """
        UPDATE vm SET state = ?, unsynced = COALESCE(?, unsynced),
          ephemeral = COALESCE(?, ephemeral), detail = COALESCE(?, detail), changed_at = ?,
          supervisor = CASE WHEN ? THEN NULL ELSE supervisor END
        WHERE name = ?
        """,
        [state.rawValue, unsynced, ephemeral, detail, clock(), resting, name])
      guard database.changesCount > 0 else { throw CatalogError.unknownVM(name) }
    }
  }

  /// Remembers something else of a VM; its state and its supervisor stay as they are.
  package func setDetail(_ name: String, _ detail: String) throws(CatalogError) {
    try write { database in
      try database.run(
        "UPDATE vm SET detail = ?, changed_at = ? WHERE name = ?", [detail, clock(), name])
      guard database.changesCount > 0 else { throw CatalogError.unknownVM(name) }
    }
  }

  /// Deletes a VM and moves its folder to the trash, in one transaction. Refused while another
  /// live process supervises it. Returns what is then to be removed (`Trash.empty`).
  package func deleteVM(
    _ name: String, reason: String, _ lease: Lease? = nil, trash: TrashMover? = nil
  ) throws -> TrashBatch {
    let batch = TrashBatch.new(in: store)
    try moving(batch) { database in
      let row = try database.row("SELECT id, supervisor FROM vm WHERE name = ?", [name])
      guard let row else { throw CatalogError.unknownVM(name) }
      if let other: String = row[1], other != lease?.id, FileLock.isHeld(lockPath(other)) {
        throw CatalogError.virtualMachineInUse(name)
      }
      let id: Int64 = row[0]
      try remove(vm: id, named: name, reason: reason, actor: "rm", batch, trash, database)
    }
    return batch
  }

  /// Under the write lock.
  func remove(
    vm id: Int64, named name: String, reason: String, bytes: Int64 = 0, actor: String,
    _ batch: TrashBatch, _ trash: TrashMover?, _ database: Database
  ) throws {
    try (trash ?? .host).move(Self.folder(ofVM: name), store, batch)
    try database.run("DELETE FROM vm WHERE id = ?", [id])
    try log("delete", "vm \(name)", reason: reason, bytes: bytes, actor: actor, database)
  }

  static func folder(ofVM name: String) -> String { "vms/" + name }

  private static let vmQuery = """
    SELECT vm.name, image.key, disk.kind, disk.key, vm.disk, boot.key, warm.key, disk_size, seed,
      vm.state, ephemeral, unsynced, cpus, memory, vm.created_at, changed_at, supervisor,
      vm.detail, vm.id
    FROM vm
    LEFT JOIN object AS image ON image.id = vm.image
    JOIN object AS disk ON disk.id = vm.disk
    LEFT JOIN object AS boot ON boot.id = vm.boot
    LEFT JOIN object AS warm ON warm.id = vm.warm
    """

  private func vmRecord(_ row: Row, _ database: Database) throws -> VMRecord? {
    guard let kind = ObjectKind(rawValue: row[2]), let state = VMState(rawValue: row[9]),
      let seed = Hex.decode(row[8] as String)
    else { return nil }
    let supervisor: String? = row[16]
    return VMRecord(
      name: row[0], image: (row[1] as String?).flatMap { ImageID($0) },
      disk: ObjectKey(kind, row[3]),
      diskFiles: try diskFiles(row[4], database),
      boot: (row[5] as String?).map { .boot($0) },
      warm: (row[6] as String?).map { ObjectKey(.warm, $0) },
      diskSize: ByteCount(row[7] as Int64), seed: seed, state: state, ephemeral: row[10],
      unsynced: row[11], cpus: row[12], memory: ByteCount(row[13] as Int64), createdAt: row[14],
      changedAt: row[15], supervisor: supervisor,
      supervised: supervisor.map { FileLock.isHeld(lockPath($0)) } ?? false, detail: row[17],
      tools: try tools(ofVM: row[18], database))
  }
}
