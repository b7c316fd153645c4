internal import Building
internal import Catalog
internal import Host
internal import Inputs
internal import Layers
internal import Planning
internal import Recipes
internal import Vocabulary

extension Session {
  /// Runs one step over the layers before it, unless somebody else is at it or was: then waits
  /// and takes what they made.
  func run(
    _ step: PlannedStep, among steps: [PlannedStep], of chain: RecipeChain,
    over layers: [DiffID],
    _ terms: BuildTerms, _ lease: Lease, _ timings: inout Timings
  ) throws -> DiffID {
    let record = step.record(over: ChainID(of: layers))
    try terms.pins.require(step, record.key)
    var announced = false
    let known = try catalog.awaitStep(
      record.key, lease, accepting: { terms.pins.accepts($0, of: step, record.key) }
    ) { purpose, pid in
      try Interrupt.check()
      if !announced { report(.note("waiting for \"\(purpose)\" (process \(pid))")) }
      announced = true
    }
    if let known { return known }
    defer { try? catalog.finishStep(record.key, lease) }
    try fetchFiles(of: step, of: chain, over: layers, lease, &timings)
    let clock = Stopwatch()
    let title = "\(step.id): \(step.title)"
    let layer = try report.stage(title, &timings) {
      try withJobDirectory { directory in
        if case .layer(let image, let index) = step.action {
          return try convert(image, index, step, over: layers, in: directory, lease, clock)
        }
        var job = try self.job(step, of: chain, over: layers, in: directory, lease)
        job.secrets = terms.secrets.values(for: step)
        let answer = try perform(job, step, terms)
        if let pinned = terms.pins[record.key], answer.layer.layer != pinned {
          throw PipelineError.notPinned(step.id, pinned: pinned, made: answer.layer.layer)
        }
        try requireSealed(answer.findings, of: step, among: steps, lease)
        let layer = try publish(
          answer.layer, blob: job.layerFile, table: job.tableFile, lease, clock)
        if try takeTurn(.tree(layer), ["trees/\(StoreLayout.treeName(layer))"], lease) {
          try publishTree(job.upper, of: layer, lease)
        }
        return layer
      }
    }
    try catalog.recordStep(
      RecordedStep(
        key: record.key, record: record.text, layer: layer, recipe: step.id.recipe,
        ordinal: step.id.ordinal, impure: step.isImpure,
        buildMilliseconds: Int64(clock.milliseconds)))
    terms.pins.made(layer, by: step, record.key)
    return layer
  }

  /// What only the image's own tools know how to get; the rest has been fetched before.
  private func fetchFiles(
    of step: PlannedStep, of chain: RecipeChain, over layers: [DiffID], _ lease: Lease,
    _ timings: inout Timings
  ) throws {
    guard let files = step.toolFiles else { return }
    do {
      if files.allSatisfy({ inputStore.holds($0.digest, size: $0.size) }) {
        return try fetch(files, step, of: chain, over: layers, lease)
      }
      try report.stage("fetch \(files.count) packages", &timings) {
        try fetch(files, step, of: chain, over: layers, lease)
      }
    } catch let error as InputsError {
      throw PipelineError.step(step.id, error)
    }
  }

  private func perform(
    _ job: StepJob, _ step: PlannedStep, _ terms: BuildTerms
  ) throws -> StepAnswer {
    do {
      return try StepAnswer(json: try workers.perform(.step(job)) { report(.line($0)) })
    } catch let error as BuildingError {
      if error.kind == .failed, terms.opensShellOnFailure {
        for line in error.message.split(separator: "\n") { report(.note(String(line))) }
        try workers.openShell(in: job)
      }
      throw PipelineError.step(step.id, error)
    }
  }

  // MARK: What a worker needs

  private func job(
    _ step: PlannedStep, of chain: RecipeChain, over layers: [DiffID], in directory: String,
    _ lease: Lease
  ) throws -> StepJob {
    try makeTrees(of: layers, lease)
    return StepJob(
      trees: layout.trees, lower: StoreLayout.treeNames(layers),
      directory: directory + "/job", date: step.date, environment: step.environment,
      work: try work(step, chain.recipe(of: step.id), in: directory),
      hasNetwork: step.options.network,
      seconds: step.options.timeoutSeconds.map { Int($0) })
  }

  private func work(
    _ step: PlannedStep, _ recipe: Recipe, in directory: String
  ) throws -> StepWork {
    switch step.action {
    case .bootstrap(let suite, let packages):
      let repository = try self.repository(packages, suite: suite, in: directory)
      return .bootstrap(suite: suite, repository: repository, packages: [])
    case .apt(let request, let packages):
      let repository = try self.repository(packages, suite: "hutch", in: directory)
      let versions = Dictionary(packages.map { ($0.name, $0.version) }) { first, _ in first }
      return .install(
        packages: request.packages.map { name in versions[name].map { "\(name)=\($0)" } ?? name },
        repository: repository, recommends: request.recommends)
    case .npm(let request, let tarballs):
      var script = Npm.install(tarballs, request)
      script.directories[Npm.tarballs] = try shelf(tarballs, in: directory)
      return .tool(ToolWork(script, what: step.summary))
    case .pip(let request, let wheels):
      var script = try Pip.install(wheels, request)
      script.directories[Pip.wheels] = try shelf(wheels, in: directory)
      return .tool(ToolWork(script, what: step.summary))
    case .layer: preconditionFailure("no step's work makes it")
    case .run(let request): return .script(request.script, user: step.options.user)
    case .fetch(let request, let file):
      let path = layout.input(file.digest)
      if request.unpack {
        return .unpack(archive: path, to: request.target, strip: request.strip)
      }
      return .copy([
        FileToCopy(
          to: request.target, mode: request.mode ?? 0o644,
          contents: .file(path: path, digest: file.digest))
      ])
    case .copy(let request, let files):
      return .copy(
        files.map { file in
          FileToCopy(
            to: request.target.appending(file.path),
            mode: file.mode(asked: request.mode),
            contents: file.contents(at: CopySources.path(of: file, request, recipe)))
        })
    }
  }

  private func repository(
    _ packages: [LockedPackage], suite: String, in directory: String
  ) throws -> String {
    let path = directory + "/repository"
    _ = try PackageRepository.make(
      packages, from: InputStore(directory: layout.inputs, ingest: layout.ingest), at: path,
      suite: suite)
    return path
  }

  /// All layers unpacked, each in a tree of its own.
  func makeTrees(of layers: [DiffID], _ lease: Lease) throws {
    for layer in layers { try makeTree(of: layer, lease) }
  }

  private func makeTree(of layer: DiffID, _ lease: Lease) throws {
    let key = ObjectKey.tree(layer)
    let place = "trees/\(StoreLayout.treeName(layer))"
    while true {
      switch try catalog.beginWriting(key, files: [place], lease) {
      case .alreadyReady:
        return
      case .writtenBy:
        try Interrupt.check()
        Clock.pause(milliseconds: 50)
      case .write:
        return try unpack(layer, lease)
      }
    }
  }

  private func unpack(_ layer: DiffID, _ lease: Lease) throws {
    let encoding = try catalog.newestEncoding(of: layer)
    report(.line("unpacking layer \(layer.digest.short)"))
    try withJobDirectory { directory in
      let target = directory + "/tree"
      _ = try workers.perform(
        .unpack(
          UnpackJob(blob: "\(layout.root)/\(encoding.path)", layer: layer, target: target))
      ) { report(.line($0)) }
      try publishTree(target, of: layer, lease)
    }
  }

  /// `beginWriting` has been called. The tree is expendable, so its files are not synced: after a
  /// power cut a new boot looks for trees that may be torn (see `StoreLayout`).
  private func publishTree(_ path: String, of layer: DiffID, _ lease: Lease) throws {
    removeTree(layout.tree(layer))
    var publication = Publication(size: .zero, allocated: .zero)
    publication.allocated = try Files.allocated(below: path)
    publication.derived = true
    publication.softEdges = [
      SoftEdge("tree", holder: .layer(layer), wanted: .tree(layer))
    ]
    try catalog.publish(.tree(layer), publication, lease) {
      try Files.rename(path, to: layout.tree(layer), replacing: false)
    }
  }

  // MARK: What a worker made

  /// Blob and table of contents of a new layer, each recorded when it is in its place.
  func publish(
    _ packed: PackedLayer, blob layerFile: String, table tableFile: String, _ lease: Lease,
    _ clock: Stopwatch
  ) throws -> DiffID {
    let blobs = BlobStore(root: layout.root)
    let path = BlobStore.relativePath(packed.blob)
    if try takeTurn(.layer(packed.layer), [path], lease) {
      var publication = Publication(
        size: packed.size,
        allocated: ByteCount(Files.status(layerFile)?.allocated ?? packed.blobSize.bytes))
      publication.digest = packed.layer.digest
      publication.architecture = .amd64
      publication.rebuildMilliseconds = Int64(clock.milliseconds)
      publication.encoding = Encoding(
        blob: packed.blob, codec: packed.codec, size: packed.blobSize, path: path)
      try catalog.publish(.layer(packed.layer), publication, lease) {
        try blobs.publish(layerFile, as: packed.blob)
      }
    }
    let table = BlobStore.relativePath(packed.table)
    if try takeTurn(.toc(packed.layer), [table], lease) {
      var publication = Publication(
        size: packed.tableSize, allocated: ByteCount(Files.status(tableFile)?.allocated ?? 0))
      publication.digest = packed.table
      // No edge back to the layer: each would keep the other, and neither could ever go.
      publication.softEdges = [
        SoftEdge("toc", holder: .layer(packed.layer), wanted: .toc(packed.layer))
      ]
      try catalog.publish(.toc(packed.layer), publication, lease) {
        try blobs.publish(tableFile, as: packed.table)
      }
    }
    return packed.layer
  }

  /// Whether it is ours to write; waits for somebody who is writing the same.
  func takeTurn(_ key: ObjectKey, _ files: [String], _ lease: Lease) throws -> Bool {
    while true {
      switch try catalog.beginWriting(key, files: files, lease) {
      case .write: return true
      case .alreadyReady: return false
      case .writtenBy:
        try Interrupt.check()
        Clock.pause(milliseconds: 50)
      }
    }
  }
}

extension Planning.CopiedFile {
  fileprivate func contents(at path: String) -> FileToCopy.Contents {
    switch content {
    case .directory: .directory
    case .symlink(let target): .link(target: String(decoding: target, as: UTF8.self))
    case .regular(_, _, let digest): .file(path: path, digest: digest)
    }
  }
}
