internal import Building
internal import Catalog
internal import Host
internal import Inputs
internal import Layers
internal import Planning
internal import Recipes
internal import Vocabulary

/// Images that others made, as the base of one of ours.
extension Session {
  /// Which image a reference means now: its documents and layers are in the store afterwards.
  func resolveImage(
    _ reference: OCIReference, of step: ChainStep, in chain: RecipeChain, _ ask: StepAsk,
    _ lease: Lease
  ) throws -> LockedStep {
    let place = reference.beside(Files.parent(of: chain.recipes[step.recipeIndex].path))
    return try withJobDirectory { directory in
      report(.line("looking at oci:\(reference)"))
      let source = try ImageSource(place, work: directory + "/image", progress: show)
      let image = try source.resolve()
      let files = image.blobs.files
      try obtain(files.map(WantedInput.init), lease) { wanted in
        try source.bring(
          Self.distinct(files, among: wanted), into: inputStore, progress: show)
      }
      if !image.leftOut.isEmpty {
        report(
          .note(
            "left out variables that no recipe could set: "
              + image.leftOut.joined(separator: ", ")))
      }
      return LockedStep(
        id: step.id, ask: ask, date: image.date, files: files, environment: image.environment)
    }
  }

  /// What the store lacks of the image that steps begin with.
  func fetchImage(of steps: [PlannedStep], _ lease: Lease, _ timings: inout Timings) throws {
    var files: [LockedFile] = []
    var found: (image: ForeignImage, step: StepID)?
    for step in steps {
      guard case .layer(let image, let index) = step.action else { continue }
      if files.isEmpty { files = [image.blobs.manifest, image.blobs.config] }
      files.append(image.layer(index).file)
      found = (image, step.id)
    }
    guard let found else { return }
    let wanted = files.map(WantedInput.init)
    if wanted.allSatisfy({ inputStore.holds($0.digest, size: $0.size) }) {
      return try obtain(wanted, lease, bring: { _ in })
    }
    try report.stage("fetch oci:\(found.image.reference)", &timings) {
      do {
        try obtain(wanted, lease) { wanted in
          let missing = Self.distinct(files, among: wanted).filter {
            !inputStore.holds($0.digest, size: $0.size)
          }
          if missing.isEmpty { return }
          try withJobDirectory { directory in
            try ImageSource(
              found.image.reference, locked: found.image.blobs, work: directory + "/image",
              progress: show
            ).bring(missing, into: inputStore, progress: show)
          }
        }
      } catch let error as InputsError {
        throw PipelineError.step(found.step, error)
      }
    }
  }

  /// Two layers may be the same blob.
  private static func distinct(_ files: [LockedFile], among wanted: [WantedInput]) -> [LockedFile] {
    let digests = Set(wanted.map(\.digest))
    var seen: Set<Digest> = []
    return files.filter { digests.contains($0.digest) && seen.insert($0.digest).inserted }
  }

  /// One of its layers as one of ours.
  func convert(
    _ image: ForeignImage, _ index: Int, _ step: PlannedStep, over layers: [DiffID],
    in directory: String, _ lease: Lease, _ clock: Stopwatch
  ) throws -> DiffID {
    if index == 0 {
      report(
        .note(
          "the layers of oci:\(image.reference) are taken as they are, without the seal check"))
    }
    let (file, diff) = image.layer(index)
    let tables = try layers.map { layer -> String in
      guard let digest = try catalog.find(.toc(layer), lease)?.digest else {
        throw CatalogError.unknownObject(.toc(layer))
      }
      return "\(layout.root)/\(BlobStore.relativePath(digest))"
    }
    let job = ForeignLayerJob(
      archive: layout.input(file.digest), diff: diff, tables: tables, directory: directory,
      date: step.date)
    do {
      let answer = try StepAnswer(
        json: try workers.perform(.foreignLayer(job)) { report(.line($0)) })
      return try publish(
        answer.layer, blob: job.layerFile, table: job.tableFile, lease, clock)
    } catch let error as BuildingError {
      throw PipelineError.step(step.id, error)
    }
  }

  // MARK: Debian in it

  /// What an `apt` step has to know of a chain that does not begin with a suite: read from its
  /// layers.
  func debian(in layers: [DiffID], _ lease: Lease) throws -> (suite: String, status: [UInt8]) {
    let tables = LayerTables(self, lease)
    let tree = MergedTree(try layers.map(tables.table))
    func file(_ path: String) throws -> [UInt8]? {
      guard let path = GuestPath(path) else { return nil }
      return try tables.file(path, in: tree, of: layers, limit: 64 << 20)
    }
    // os-release(5): the one in /etc counts; where it is a link, it leads to the other.
    let release = try file("etc/os-release") ?? file("usr/lib/os-release")
    guard let release else { throw InputsError.notDebian(reason: "it has no os-release") }
    let suite = try DebianRelease.suite(of: String(decoding: release, as: UTF8.self))
    guard let apt = GuestPath("usr/bin/apt-get"), tree.index(of: apt) != nil,
      let status = try file("var/lib/dpkg/status")
    else { throw InputsError.notDebian(reason: "it has no apt-get, or no list of its packages") }
    return (suite, status)
  }
}
