internal import Building
internal import Catalog
internal import Host
internal import Inputs
internal import Layers
internal import Planning
internal import Recipes
internal import Vocabulary

extension Session {
  /// Image → its recipe and lock → built from nothing in a store beside this one, with all varied
  /// that must not matter → compared, layer by layer.
  ///
  /// - Parameter secrets: `NAME=FILE` or `NAME=env:VARIABLE`, for the steps that name them.
  package func rebuild(_ name: String, secrets: [String] = []) throws -> RebuildOutcome {
    let terms = BuildTerms(secrets: try SecretSources(secrets, environment: environment))
    let lease = try catalog.lease(for: "verify --rebuild \(name)")
    defer { lease.release() }
    let image = try catalog.resolve(name, lease)
    let origin = try origin(of: image, named: name, lease)
    try terms.secrets.require(for: origin.plan.steps, verb: "verify --rebuild", name)
    var timings = Timings()
    // From here on the rebuild needs no network.
    try fetchAll(of: origin.lock, origin.chain, files: origin.files, terms, lease, &timings)
    return try withJobDirectory { directory in
      do {
        return try rebuild(image, named: name, origin, terms.secrets, in: directory, lease)
      } catch {
        // The wish to end is heeded; what is left of the other store may need a worker to go.
        Interrupt.forget()
        throw error
      }
    }
  }

  private func rebuild(
    _ image: ImageRecord, named name: String, _ origin: ImageOrigin, _ secrets: SecretSources,
    in directory: String, _ lease: Lease
  ) throws -> RebuildOutcome {
    let clock = Stopwatch()
    let variation = BuildVariation(in: directory, environment)
    try variation.prepare()
    let store = StoreLayout(root: directory + "/store")
    try giveInputs(of: origin, to: store)
    var attempt = RebuildRecord(
      image: image.id, recipeDigest: origin.chain.leaf.digest,
      lockDigest: Digest.of(origin.lock.render()), host: hostName, tools: tools, result: "",
      matched: false)
    let rebuilt: ImageID
    do {
      rebuilt = try report.during("rebuild \(name)") {
        try build(origin, secrets, in: store, variation)
      }
    } catch let error as RebuildError {
      attempt = attempt.ended("failed: \(error.message)", matched: false)
      try catalog.recordRebuild(attempt)
      throw error
    }
    try catalog.recordRebuild(
      attempt.ended(rebuilt.description, matched: rebuilt == image.id))
    let other = try Session(store: store.root, environment: environment)
    defer { try? other.catalog.close() }
    let layers = try other.catalog.image(rebuilt).layers
    var outcome = RebuildOutcome(
      name: name, before: image.id, after: rebuilt,
      layers: zip(origin.plan.steps, zip(image.layers, layers)).map { step, layers in
        .init(step: step.id, summary: step.summary, before: layers.0, after: layers.1)
      }, findings: [], findingCount: 0, varied: variation.names,
      milliseconds: clock.milliseconds)
    if let layer = outcome.layers.first(where: { !$0.isSame }) {
      (outcome.findings, outcome.findingCount) = try findings(layer, lease, in: other)
    }
    return outcome
  }

  // MARK: The other build

  private func giveInputs(of origin: ImageOrigin, to store: StoreLayout) throws {
    try Files.makeDirectories(store.inputs)
    for input in origin.lock.inputs {
      try Files.link(layout.input(input.digest), to: store.input(input.digest))
    }
    // The lock of a recipe that comes with Hutch lies in the store; others lie beside theirs.
    if Files.parent(of: origin.found.lockPath) == layout.locks {
      try Files.makeDirectories(store.locks)
      try Files.write(
        "\(store.locks)/\(Files.name(of: origin.found.lockPath))",
        Array(origin.lock.render().utf8), durable: false)
    }
  }

  /// This program as a process of its own: only there can all be other than it is here.
  private func build(
    _ origin: ImageOrigin, _ secrets: SecretSources, in store: StoreLayout,
    _ variation: BuildVariation
  ) throws -> ImageID {
    let command = Command(
      environment.executable,
      [
        "build", origin.found.path, "--locked", "--store", store.root, "--format", "json",
        "--progress", "plain", "--secrets-on-stdin",
      ], environment: variation.environment, workingDirectory: variation.directory)
    let result = try Processes.run(
      command, input: secrets.json.rendered, graceMilliseconds: 5000,
      isolation: variation.isolation,
      onErrorLine: { report(.line($0)) })
    let answer = try? JSON(parsing: result.output)
    if result.status.isSuccess, let image = answer?["items"]?.array?.first?["image"]?.string,
      let image = ImageID(image)
    {
      return image
    }
    throw RebuildError.notRebuilt(
      origin.found.name,
      reason: answer?["message"]?.string
        ?? "\(result.status): \(Processes.tail(result.errorTail))",
      kind: FailureKind(rawValue: result.status.shellStatus) ?? .failed)
  }

  // MARK: What differs

  private static let mostFindings = 10

  private func findings(
    _ layer: RebuildOutcome.Layer, _ lease: Lease, in other: Session
  ) throws -> ([RebuildOutcome.Finding], Int) {
    let otherLease = try other.catalog.lease(for: "compare")
    defer { otherLease.release() }
    let (ours, theirs) = (LayerTables(self, lease), LayerTables(other, otherLease))
    let difference = TreeDifference(
      from: try ours.table(of: layer.before).items, to: try theirs.table(of: layer.after).items)
    let findings = try difference.changes.prefix(Self.mostFindings).map { change in
      var finding = RebuildOutcome.Finding(change: change)
      let path = change.entry.path
      let limit = TextDifference.largest
      if change.fields.contains(.content), change.before.isSmaller(than: limit),
        change.after.isSmaller(than: limit),
        let before = try ours.file(path, in: layer.before, limit: limit),
        let after = try theirs.file(path, in: layer.after, limit: limit)
      {
        finding.lines = TextDifference.lines(from: before, to: after)
      }
      return finding
    }
    return (findings, difference.changes.count)
  }

  // MARK: What is recorded of it

  private var hostName: String {
    let release = (try? Files.read("/etc/os-release", limit: 1 << 20)) ?? []
    let lines = String(decoding: release, as: UTF8.self).split(separator: "\n")
    func value(_ key: String) -> String {
      lines.first { $0.hasPrefix(key + "=") }?.dropFirst(key.count + 1)
        .filter { $0 != "\"" } ?? "?"
    }
    let kernel = (try? Files.read("/proc/sys/kernel/osrelease", limit: 256)) ?? []
    let version = String(decoding: kernel, as: UTF8.self).filter { !$0.isWhitespace }
    return "\(value("ID")) \(value("VERSION_ID")), linux \(version)"
  }

  private var tools: String {
    let said = try? Processes.run(Command("mmdebstrap", ["--version"]), milliseconds: 10_000)
    let bootstrap = said?.text.split(separator: "\n").first.map(String.init) ?? "no mmdebstrap"
    return "normaliser \(Normalisation.version), \(FrameCompressor.codec), \(bootstrap)"
  }
}

extension RebuildRecord {
  fileprivate func ended(_ result: String, matched: Bool) -> RebuildRecord {
    RebuildRecord(
      image: image, recipeDigest: recipeDigest, lockDigest: lockDigest, host: host, tools: tools,
      result: result, matched: matched)
  }
}

extension TableOfContents.Item? {
  fileprivate func isSmaller(than limit: Int) -> Bool {
    (self?.entry.size.bytes ?? 0) <= Int64(limit)
  }
}
