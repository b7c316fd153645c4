internal import Catalog
internal import Host
internal import Inputs
internal import Planning
internal import Recipes
internal import Vocabulary

/// One file from outside, whatever kind of step wants it.
struct WantedInput: Hashable {
  var digest: Digest
  var size: ByteCount
  /// What its row says of it.
  var detail: String

  init(_ package: LockedPackage) {
    digest = package.digest
    size = package.size
    detail =
      JSON.object([
        "name": .string(package.name), "version": .string(package.version),
        "path": .string(package.path),
      ]).description
  }

  init(_ file: LockedFile) {
    digest = file.digest
    size = file.size
    detail = JSON.object(["name": .string(file.name)]).description
  }

  var key: ObjectKey { .input(digest) }
  /// Its place in the store.
  var file: String { "inputs/sha256/\(digest.hex)" }
}

extension Session {
  var inputStore: InputStore { InputStore(directory: layout.inputs, ingest: layout.ingest) }

  /// Everything that the steps take from outside is in the store afterwards, and kept for the
  /// lease.
  func fetchInputs(
    of steps: [PlannedStep], _ lease: Lease, _ timings: inout Timings
  ) throws {
    try fetch(steps.flatMap(\.packages), lease, &timings)
    try fetchImage(of: steps, lease, &timings)
    for step in steps {
      guard case .fetch(let request, let file) = step.action else { continue }
      let wanted = WantedInput(file)
      let isThere = inputStore.holds(file.digest, size: file.size)
      if isThere {
        try obtain([wanted], lease, bring: { _ in })
      } else {
        try report.stage("fetch \(file.name)", &timings) {
          try obtain(wanted, from: request.url, of: step.id, lease)
        }
      }
    }
  }

  func fetch(
    _ packages: [LockedPackage], _ lease: Lease, _ timings: inout Timings
  ) throws {
    let count = Set(packages).filter { !inputStore.holds($0.digest, size: $0.size) }.count
    if count == 0 { return try obtain(packages, lease) }
    try report.stage("fetch \(count) packages", &timings) { try obtain(packages, lease) }
  }

  /// The packages are in the store, each with its row, kept for the lease.
  func obtain(_ packages: [LockedPackage], _ lease: Lease) throws {
    let byDigest = Dictionary(packages.map { ($0.digest, $0) }) { first, _ in first }
    try obtain(packages.map(WantedInput.init), lease) { wanted in
      try bring(wanted.compactMap { byDigest[$0.digest] })
    }
  }

  private func obtain(
    _ wanted: WantedInput, from url: String, of step: StepID, _ lease: Lease
  ) throws {
    do {
      try obtain([wanted], lease) { missing in
        for input in missing {
          try AddressFetcher(store: inputStore)
            .fetch(url, as: input.digest, size: input.size, progress: show)
        }
      }
    } catch let error as InputsError {
      throw PipelineError.step(step, error)
    }
  }

  /// A file that no lock holds yet, by its address and the digest that its recipe demands.
  func obtain(_ request: FetchRequest, _ lease: Lease) throws -> LockedFile {
    let size = inputStore.size(of: request.digest)
    var wanted = WantedInput(
      LockedFile(name: request.fileName, size: size ?? .zero, digest: request.digest))
    try obtain([wanted], lease) { missing in
      guard !missing.isEmpty else { return }
      wanted.size = try AddressFetcher(store: inputStore)
        .fetch(request.url, as: request.digest, size: size, progress: show)
    }
    return LockedFile(
      name: request.fileName, size: inputStore.size(of: request.digest) ?? wanted.size,
      digest: request.digest)
  }

  /// The inputs are in the store, each with its row, kept for the lease. The rows come first: a
  /// file that no row knows is garbage to a collector.
  ///
  /// - Parameter bring: puts those that it is given into the store, verified; some of them may be
  ///   there already.
  func obtain(
    _ inputs: [WantedInput], _ lease: Lease, bring: ([WantedInput]) throws -> Void
  ) throws {
    let wanted = Dictionary(inputs.map { ($0.digest, $0) }) { first, _ in first }
      .values.sorted { $0.digest < $1.digest }
    let known = try catalog.find(wanted.map(\.key), lease)
    var ours: [WantedInput] = []
    var others: [WantedInput] = []
    for input in wanted where known[input.key] == nil {
      switch try catalog.beginWriting(input.key, files: [input.file], lease) {
      case .write: ours.append(input)
      case .writtenBy: others.append(input)
      case .alreadyReady: break
      }
    }
    // With those that have a row and, by somebody's hand, no file any more.
    try bring(wanted.filter { input in !others.contains(input) })
    for input in ours { try publish(input, lease) }
    for input in others where try takeTurn(input.key, [input.file], lease) {
      try bring([input])
      try publish(input, lease)
    }
  }

  private func bring(_ packages: [LockedPackage]) throws {
    // Asked for only where something is missing: a full store needs no mirror.
    let isThere = packages.allSatisfy { inputStore.holds($0.digest, size: $0.size) }
    if isThere { return }
    try InputFetcher(store: inputStore, sources: try AptSources.fromHost())
      .fetch(packages, progress: show)
  }

  private func publish(_ input: WantedInput, _ lease: Lease) throws {
    let status = Files.status("\(layout.root)/\(input.file)")
    let size = ByteCount(status?.size ?? input.size.bytes)
    var publication = Publication(
      size: size, allocated: ByteCount(status?.allocated ?? size.bytes))
    publication.digest = input.digest
    publication.detail = input.detail
    // The file has its place already; the fetcher verified and synced it.
    try catalog.publish(input.key, publication, lease) {}
  }

  func show(_ progress: InputProgress) {
    switch progress {
    case .note(let text): report(.line(text))
    case .fetched(let bytes, let total, _, _):
      report(.bytes(done: bytes, total: total == .zero ? nil : total))
    }
  }
}
