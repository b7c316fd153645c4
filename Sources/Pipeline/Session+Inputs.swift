internal import Catalog
internal import Host
internal import Inputs
internal import Planning
internal import Recipes
internal import Vocabulary

extension Session {
  /// Everything that the steps take from outside is in the store afterwards, and kept for the
  /// lease.
  func fetchInputs(
    of steps: [PlannedStep], _ lease: Lease, _ timings: inout Timings
  ) throws {
    try fetch(steps.flatMap(\.packages), lease, &timings)
  }

  func fetch(
    _ packages: [LockedPackage], _ lease: Lease, _ timings: inout Timings
  ) throws {
    let store = inputStore
    let count = Set(packages).filter { !store.holds($0.digest, size: $0.size) }.count
    if count == 0 { return try obtain(packages, lease) }
    try report.stage("fetch \(count) packages", &timings) { try obtain(packages, lease) }
  }

  var inputStore: InputStore { InputStore(directory: layout.inputs, ingest: layout.ingest) }

  /// The packages are in the store, each with its row, kept for the lease. The rows come first: a
  /// file that no row knows is garbage to a collector.
  func obtain(_ packages: [LockedPackage], _ lease: Lease) throws {
    try obtain(packages, lease, bring: download)
  }

  /// - Parameter bring: gives those of the packages their files that have none.
  func obtain(
    _ packages: [LockedPackage], _ lease: Lease, bring: ([LockedPackage]) throws -> Void
  ) throws {
    let wanted = Set(packages).sorted()
    let known = try catalog.find(wanted.map { .input($0.digest) }, lease)
    var ours: [LockedPackage] = []
    var others: [LockedPackage] = []
    for package in wanted where known[.input(package.digest)] == nil {
      switch try catalog.beginWriting(package.key, files: [package.file], lease) {
      case .write: ours.append(package)
      case .writtenBy: others.append(package)
      case .alreadyReady: break
      }
    }
    // With those that have a row and, by somebody's hand, no file any more.
    try bring(wanted.filter { package in !others.contains(package) })
    for package in ours { try publish(package, lease) }
    for package in others where try takeTurn(package.key, [package.file], lease) {
      try bring([package])
      try publish(package, lease)
    }
  }

  private func download(_ packages: [LockedPackage]) throws {
    let store = inputStore
    // Asked for only where something is missing: a full store needs no mirror.
    let isThere = packages.allSatisfy { store.holds($0.digest, size: $0.size) }
    if isThere { return }
    try InputFetcher(store: store, sources: try AptSources.fromHost())
      .fetch(packages, progress: show)
  }

  private func publish(_ package: LockedPackage, _ lease: Lease) throws {
    let status = Files.status("\(layout.root)/\(package.file)")
    var publication = Publication(
      size: package.size, allocated: ByteCount(status?.allocated ?? package.size.bytes))
    publication.digest = package.digest
    publication.detail =
      JSON.object([
        "name": .string(package.name), "version": .string(package.version),
        "path": .string(package.path),
      ]).description
    // The file has its place already; the fetcher verified and synced it.
    try catalog.publish(package.key, publication, lease) {}
  }

  func show(_ progress: InputProgress) {
    switch progress {
    case .note(let text): report(.line(text))
    case .fetched(let bytes, let total, _, _): report(.bytes(done: bytes, total: total))
    }
  }
}

extension LockedPackage {
  fileprivate var key: ObjectKey { .input(digest) }
  /// Its place in the store.
  fileprivate var file: String { "inputs/sha256/\(digest.hex)" }
}
