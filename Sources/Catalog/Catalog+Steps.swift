internal import GRDB
internal import Host
package import Vocabulary

/// A step that has been run before: the readable text of its key, and what came out.
package struct RecordedStep: Sendable, Hashable {
  package let key: StepKey
  /// The sorted, readable record whose digest the key is.
  package let record: String
  package let layer: DiffID
  package let recipe: String
  /// Which step of the recipe, from 0.
  package let ordinal: Int
  package let impure: Bool
  package let buildMilliseconds: Int64
  package let builtAt: Int64

  package init(
    key: StepKey, record: String, layer: DiffID, recipe: String, ordinal: Int, impure: Bool,
    buildMilliseconds: Int64, builtAt: Int64 = 0
  ) {
    self.key = key
    self.record = record
    self.layer = layer
    self.recipe = recipe
    self.ordinal = ordinal
    self.impure = impure
    self.buildMilliseconds = buildMilliseconds
    self.builtAt = builtAt
  }
}

extension Catalog {
  /// The layer of a step that was run before, if it is still there, kept for the lease.
  package func knownStep(_ key: StepKey, _ lease: Lease) throws(CatalogError) -> DiffID? {
    try knownSteps([key], lease)[key]
  }

  /// Many at once, in one transaction. Only steps whose layer is ready are in the answer.
  package func knownSteps(
    _ keys: [StepKey], _ lease: Lease
  ) throws(CatalogError) -> [StepKey: DiffID] {
    try writeFleeting { database in
      var known: [StepKey: DiffID] = [:]
      for key in keys {
        let row = try database.row(
          """
          SELECT object.id, object.key FROM step JOIN object ON object.id = step.layer
          WHERE step.key = ? AND object.state = 'ready'
          """, [key.description])
        guard let row, let layer = DiffID(row[1] as String) else { continue }
        try refer(lease, to: row[0], database)
        known[key] = layer
      }
      return known
    }
  }

  /// Remembers what a step gave. Its layer must be ready. Same key again: the newer one counts.
  package func recordStep(_ step: RecordedStep) throws(CatalogError) {
    try write { database in
      let layer = try requireReady(.layer(step.layer), database)
      try database.run(
        """
        INSERT OR REPLACE INTO step
          (key, record, layer, recipe, ordinal, impure, build_ms, built_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
        [
          step.key.description, step.record, layer, step.recipe, step.ordinal, step.impure,
          step.buildMilliseconds, clock(),
        ])
    }
  }

  /// What was last run at this place of the recipe: compare its record with the new one to say
  /// which field made the key differ.
  package func nearestRecord(
    recipe: String, ordinal: Int
  ) throws(CatalogError) -> RecordedStep? {
    try read { database in
      let row = try database.row(
        """
        SELECT step.key, record, object.key, impure, build_ms, built_at
        FROM step JOIN object ON object.id = step.layer
        WHERE recipe = ? AND ordinal = ? ORDER BY built_at DESC, step.rowid DESC LIMIT 1
        """, [recipe, ordinal])
      guard let row, let key = StepKey(row[0] as String), let layer = DiffID(row[2] as String)
      else { return nil }
      return RecordedStep(
        key: key, record: row[1], layer: layer, recipe: recipe, ordinal: ordinal,
        impure: row[3], buildMilliseconds: row[4], builtAt: row[5])
    }
  }

  /// Asks for the right to do a piece of work that only one process should do at a time, as in
  /// `step/sha256:…`. It is given back with `finish` or with the end of the lease.
  package func claim(_ work: String, _ lease: Lease) throws(CatalogError) -> Turn {
    try writeFleeting { database in
      let row = try database.row(
        """
        SELECT lease.id, lease.purpose, lease.pid FROM claim JOIN lease ON lease.id = claim.lease
        WHERE claim.work = ?
        """, [work])
      if let row, row[0] != lease.id, FileLock.isHeld(lockPath(row[0])) {
        return .writtenBy(purpose: row[1], pid: row[2])
      }
      do {
        try database.run(
          "INSERT OR REPLACE INTO claim (work, lease) VALUES (?, ?)",
          [work, lease.id])
      } catch let error as DatabaseError
        where error.extendedResultCode == .SQLITE_CONSTRAINT_FOREIGNKEY
      {
        throw CatalogError.leaseEnded(purpose: lease.purpose)
      }
      return .write
    }
  }

  /// Gives a claim back.
  package func finish(_ work: String, _ lease: Lease) throws(CatalogError) {
    try writeFleeting { database in
      try database.run("DELETE FROM claim WHERE work = ? AND lease = ?", [work, lease.id])
    }
  }

  /// Waits until the step is known or it is our turn to run it: `nil` means run it, publish the
  /// layer, `recordStep`, `finishStep`. `whileWaiting` is called about ten times a second with
  /// who is at it; what it throws ends the waiting. A layer that is not accepted counts as none.
  package func awaitStep(
    _ key: StepKey, _ lease: Lease, accepting: (DiffID) -> Bool = { _ in true },
    whileWaiting: (_ purpose: String, _ pid: Int32) throws -> Void
  ) throws -> DiffID? {
    while true {
      if let known = try knownStep(key, lease), accepting(known) { return known }
      switch try claim(Self.work(key), lease) {
      case .alreadyReady, .write:
        // It may have become known between the look and the claim.
        guard let known = try knownStep(key, lease), accepting(known) else { return nil }
        try finishStep(key, lease)
        return known
      case .writtenBy(let purpose, let pid):
        try whileWaiting(purpose, pid)
        pause(milliseconds: 100)
      }
    }
  }

  package func finishStep(_ key: StepKey, _ lease: Lease) throws(CatalogError) {
    try finish(Self.work(key), lease)
  }

  private static func work(_ key: StepKey) -> String { "step/\(key)" }
}

extension Catalog {
  /// How layers of the store were made, those that a step made here. A layer that several steps
  /// made has the record that comes first as text, so that the answer is the same everywhere.
  package func records(
    of layers: [DiffID]
  ) throws(CatalogError) -> [DiffID: RecordedStep] {
    try read { database in
      var records: [DiffID: RecordedStep] = [:]
      for layer in layers {
        let row = try database.row(
          """
          SELECT step.key, record, recipe, ordinal, impure, build_ms, built_at
          FROM step JOIN object ON object.id = step.layer
          WHERE object.kind = 'layer' AND object.key = ? ORDER BY record LIMIT 1
          """, [layer.description])
        guard let row, let key = StepKey(row[0] as String) else { continue }
        records[layer] = RecordedStep(
          key: key, record: row[1], layer: layer, recipe: row[2], ordinal: row[3], impure: row[4],
          buildMilliseconds: row[5], builtAt: row[6])
      }
      return records
    }
  }
}
