internal import Catalog
internal import Host
internal import Layers
internal import Vocabulary

package struct VerifyRequest: Sendable {
  /// Looks only whether files are there and how long they are.
  package var isQuick: Bool
  package var repairs: Bool

  package init(isQuick: Bool = false, repairs: Bool = false) {
    self.isQuick = isQuick
    self.repairs = repairs
  }
}

/// A damaged file with all that its repair needs to know.
struct DamagedFile {
  var file: ExpectedFile
  var finding: FileCheck.Finding
  var damage: StoreDamage
}

extension Session {
  /// Everything that the catalog knows is read and compared with its digest. Without a repair
  /// nothing is changed.
  package func verify(_ request: VerifyRequest) throws -> VerifyOutcome {
    let clock = Stopwatch()
    // Before looking: nothing that is read can be collected meanwhile.
    let lease = try catalog.lease(for: request.repairs ? "verify --repair" : "verify")
    defer { lease.release() }
    if request.repairs { try awaitRepairs(lease) }
    try catalog.keepAll(lease)
    let files = try catalog.expectedFiles()
    let ready = files.filter { $0.state == .ready }
    let holding = HoldingIndex(try catalog.inventory(cleaning: request.repairs))
    var damaged = try findDamage(in: ready, isQuick: request.isQuick, holding)
    damaged += setAsideEarlier(files.filter { $0.state == .quarantined }, holding)
    var outcome = VerifyOutcome(
      damages: [], unknown: try unknownFiles(), files: ready.count,
      bytes: ByteCount(
        request.isQuick ? 0 : ready.reduce(0) { $0 + read($1) }), isQuick: request.isQuick,
      isRepair: request.repairs, quarantine: nil, milliseconds: 0)
    var index = try indexDamage()
    if request.repairs {
      outcome.quarantine = try repair(&damaged, holding, lease)
      if index != nil || !damaged.isEmpty {
        try writeIndex(always: true)
        index?.outcome = .repaired
      }
    }
    outcome.damages = damaged.map(\.damage) + (index.map { [$0] } ?? [])
    outcome.milliseconds = clock.milliseconds
    return outcome
  }

  /// One repair at a time: what the other sets aside is on its way back.
  private func awaitRepairs(_ lease: Lease) throws {
    var announced = false
    while case .writtenBy(let purpose, let pid) = try catalog.claim("repair", lease) {
      try Interrupt.check()
      if !announced { report(.note("waiting for \"\(purpose)\" (process \(pid))")) }
      announced = true
      Clock.pause(milliseconds: 100)
    }
  }

  private func read(_ file: ExpectedFile) -> Int64 {
    if file.digest == nil { return 0 }
    let status = Files.status("\(layout.root)/\(file.path)")
    return file.key.kind == .disk ? status?.allocated ?? 0 : status?.size ?? 0
  }

  private func findDamage(
    in files: [ExpectedFile], isQuick: Bool, _ holding: HoldingIndex
  ) throws -> [DamagedFile] {
    let total = ByteCount(isQuick ? 0 : files.reduce(0) { $0 + read($1) })
    let title = isQuick ? "look at \(files.count) files" : "read \(files.count) files"
    let findings = try report.during(title) {
      try FileCheck(layout: layout, isQuick: isQuick).check(files) { [report] done in
        report(.bytes(done: ByteCount(done), total: total))
      }
    }
    var damaged: [DamagedFile] = []
    for (file, finding) in zip(files, findings) {
      guard let finding, try isStillDamage(file, finding) else { continue }
      damaged.append(
        DamagedFile(
          file: file, finding: finding,
          damage: damage(of: file, finding.kind, finding.detail, holding)))
    }
    return damaged
  }

  /// Whoever removed or replaced it in the meantime knew what they did.
  private func isStillDamage(_ file: ExpectedFile, _ finding: FileCheck.Finding) throws -> Bool {
    guard let now = try catalog.expectedFile(file.path), now == file else { return false }
    return isUnchanged(file, finding)
  }

  func isUnchanged(_ file: ExpectedFile, _ finding: FileCheck.Finding) -> Bool {
    let now = Files.status("\(layout.root)/\(file.path)")
    guard let before = finding.status else { return now == nil }
    return now?.isSameFile(as: before) ?? false
  }

  /// What is kept for nobody and was set aside is only waiting to be made or collected.
  private func setAsideEarlier(
    _ files: [ExpectedFile], _ holding: HoldingIndex
  ) -> [DamagedFile] {
    files.compactMap { file in
      var damage = damage(of: file, .setAside, "an earlier repair took it away", holding)
      if damage.touched.isNobody { return nil }
      if isMadeWhenNeeded(file, damage.touched) { damage.outcome = .madeWhenNeeded }
      return DamagedFile(
        file: file, finding: .init(kind: .setAside, detail: "", status: nil), damage: damage)
    }
  }

  /// Nobody has to do anything about it: it is fetched or made again when it is missed.
  func isMadeWhenNeeded(_ file: ExpectedFile, _ touched: Touched) -> Bool {
    switch file.key.kind {
    case .tree, .boot, .input: true
    // A VM starts with the disk that it has.
    case .disk: touched.vms.isEmpty
    default: false
    }
  }

  private func damage(
    of file: ExpectedFile, _ kind: DamageKind, _ detail: String, _ holding: HoldingIndex
  ) -> StoreDamage {
    let touched = holding.touched(by: file.key)
    return StoreDamage(
      kind: kind, subject: file.key.description, path: file.path, detail: detail, touched: touched)
  }

  // MARK: What no row knows

  /// Listed first, looked up afterwards: a row stands before its file does.
  private func unknownFiles() throws -> [String] {
    var paths: [String] = []
    for folder in ["blobs/sha256", "inputs/sha256", "disks"] {
      paths += try Files.list("\(layout.root)/\(folder)")
        // Written aside, under the write lock.
        .filter { $0 != "CACHEDIR.TAG" && !$0.hasSuffix(".tmp") }.map { "\(folder)/\($0)" }
    }
    return try catalog.unknownFiles(paths).map(\.subject.description)
      .filter { Files.exists("\(layout.root)/\($0)") }
  }

  private func indexDamage() throws -> StoreDamage? {
    let generation = try catalog.indexGeneration()
    // The next command that changes a tag finishes what was cut short.
    if generation.current != generation.written { return nil }
    let expected = BlobStore.index(of: try taggedManifests())
    let found = try? Files.read(layout.root + "/index.json", limit: 64 << 20)
    guard found != expected, try catalog.indexGeneration() == generation else { return nil }
    if found == nil, expected == BlobStore.index(of: []) { return nil }
    return StoreDamage(
      kind: found == nil ? .missing : .indexDiffers, subject: "index.json", path: "index.json",
      detail: "readers of the image layout see other names", touched: Touched(),
      command: "hutch verify --repair")
  }
}
