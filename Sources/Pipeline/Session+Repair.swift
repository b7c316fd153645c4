internal import Catalog
internal import Host
internal import Layers
internal import Planning
internal import Vocabulary

extension Session {
  /// Damaged files go out of use; then what they held is had again from what is nearest: another
  /// copy in the store, what it can be worked out from, where it was fetched from, recipe and lock.
  ///
  /// - Returns: where the damaged files are now; `nil` if there were none to put aside.
  func repair(
    _ damaged: inout [DamagedFile], _ holding: HoldingIndex, _ lease: Lease
  ) throws -> String? {
    if damaged.isEmpty { return nil }
    // Asked while the catalog still knows all of it.
    let origins = origins(of: damaged, lease)
    let directory = try setAside(&damaged, holding)
    var reasons: [ObjectKey: String] = [:]
    for item in damaged where !item.isUntouchable {
      try attempt(item.file.key, &reasons) { try derive(item.file, lease) }
    }
    try catalog.restoreImages()
    for (name, origin) in origins {
      try buildAgain(name, origin, damaged, lease, &reasons)
    }
    for item in damaged where item.file.key.kind == .disk && !item.isUntouchable {
      if item.damage.touched.vms.isEmpty { continue }
      try attempt(item.file.key, &reasons) { try makeDiskAgain(item.file.key, lease) }
    }
    for index in damaged.indices where !damaged[index].isUntouchable {
      damaged[index].damage.outcome = try outcome(of: damaged[index], reasons)
      if damaged[index].damage.isOpen {
        damaged[index].damage.command = try command(for: damaged[index].damage)
      }
    }
    return directory
  }

  /// What fails for one thing is no reason to leave the others; the wish to end is.
  private func attempt(
    _ key: ObjectKey, _ reasons: inout [ObjectKey: String], _ body: () throws -> Void
  ) throws {
    do {
      try body()
    } catch {
      try Interrupt.check()
      reasons[key] = (error as? any Failure)?.message ?? "\(error)"
    }
  }

  // MARK: Out of use

  private func setAside(_ damaged: inout [DamagedFile], _ holding: HoldingIndex) throws -> String? {
    let directory = "quarantine/\(Hex.encode(Randomness.bytes(6)))"
    let bad = Set(damaged.map(\.file.path))
    for index in damaged.indices where damaged[index].damage.kind != .setAside {
      let (file, finding) = (damaged[index].file, damaged[index].finding)
      let running = file.key.kind == .disk ? holding.running(on: file.key) : []
      if !running.isEmpty {
        damaged[index].damage.outcome = .inUse(running)
        damaged[index].damage.command = "hutch stop \(running.joined(separator: " "))"
        continue
      }
      _ = try catalog.setAside(
        file, isSpare: try hasSpare(file, besides: bad), reason: finding.kind.rawValue
      ) {
        guard isUnchanged(file, finding) else { return false }
        if finding.status == nil { return true }
        let target = "\(layout.root)/\(directory)/\(file.path)"
        try Files.makeDirectories(Files.parent(of: target))
        try Files.rename("\(layout.root)/\(file.path)", to: target, replacing: false)
        try Files.syncDirectory(Files.parent(of: target))
        return true
      }
    }
    return Files.exists("\(layout.root)/\(directory)") ? directory : nil
  }

  private func hasSpare(_ file: ExpectedFile, besides bad: Set<String>) throws -> Bool {
    guard file.isEncoding, let layer = DiffID(file.key.id) else { return false }
    return try catalog.encodings(of: layer).contains { !$0.path.isEmpty && !bad.contains($0.path) }
  }

  // MARK: Made again

  /// What another object in the store says, too.
  private func derive(_ file: ExpectedFile, _ lease: Lease) throws {
    let bytes: [UInt8]?
    switch file.key.kind {
    case .toc: bytes = try DiffID(file.key.id).flatMap { try table(of: $0, lease) }
    case .manifest: bytes = try Digest(file.key.id).flatMap(manifest)
    default: return
    }
    guard let bytes, Digest.of(bytes) == file.digest,
      try takeTurn(file.key, [file.path], lease)
    else { return }
    var publication = Publication(size: ByteCount(bytes.count), allocated: ByteCount(4096))
    publication.digest = file.digest
    if file.key.kind == .toc, let layer = DiffID(file.key.id) {
      publication.softEdges = [SoftEdge("toc", holder: .layer(layer), wanted: file.key)]
    }
    if let manifest = Digest(file.key.id), file.key.kind == .manifest,
      let image = try catalog.manifestContents(manifest)?.image
    {
      publication.edges = [Edge("config", .config(image))]
    }
    do {
      try catalog.publish(file.key, publication, lease) {
        _ = try BlobStore(root: layout.root).publish(bytes)
      }
    } catch {
      try? catalog.abandon(file.key, lease)
      throw error
    }
  }

  private func table(of layer: DiffID, _ lease: Lease) throws -> [UInt8]? {
    guard try catalog.find(.layer(layer), lease) != nil else { return nil }
    let encoding = try catalog.newestEncoding(of: layer)
    return try TableOfContents(ofBlob: "\(layout.root)/\(encoding.path)", layer: layer).encoded()
  }

  private func manifest(_ manifest: Digest) throws -> [UInt8]? {
    guard let known = try catalog.manifestContents(manifest),
      let config = try catalog.object(.config(known.image)), config.state == .ready
    else { return nil }
    return OCI.manifest(
      config: known.image, configSize: config.size, layers: known.blobs, codec: known.codec)
  }

  /// Recipes and locks of the images touched that still give these very images, by name.
  private func origins(
    of damaged: [DamagedFile], _ lease: Lease
  ) -> [(name: String, origin: ImageOrigin)] {
    Set(damaged.flatMap(\.damage.touched.images)).sorted().compactMap { name in
      guard let image = try? catalog.resolve(name, lease),
        let origin = try? origin(of: image, named: name, lease), origin.found.name == name
      else { return nil }
      return (name, origin)
    }
  }

  private func buildAgain(
    _ name: String, _ origin: ImageOrigin, _ damaged: [DamagedFile], _ lease: Lease,
    _ reasons: inout [ObjectKey: String]
  ) throws {
    let open = try damaged.filter {
      try $0.damage.touched.images.contains(name) && !$0.isUntouchable && !isWhole($0.file)
    }
    let (inputs, built) = (
      open.filter { $0.file.key.kind == .input },
      open.filter { [.layer, .toc, .config, .manifest].contains($0.file.key.kind) }
    )
    if let first = built.first {
      try attempt(first.file.key, &reasons) {
        _ = try build(BuildRequest(recipe: origin.found.path, isLocked: true))
      }
      for other in built { reasons[other.file.key] = reasons[first.file.key] }
    }
    if let first = inputs.first {
      var timings = Timings()
      let terms = BuildTerms(secrets: try SecretSources([], environment: environment))
      try attempt(first.file.key, &reasons) {
        try fetchAll(of: origin.lock, origin.chain, files: origin.files, terms, lease, &timings)
      }
    }
  }

  /// A disk that VMs stand on, from the layers of an image with its chain.
  private func makeDiskAgain(_ disk: ObjectKey, _ lease: Lease) throws {
    for image in try catalog.images() {
      // It may be one that others stand on.
      let beginnings = image.layers.indices.map { Array(image.layers[...$0]) }
      let layers = beginnings.first { layers in
        ChainID(of: layers).map { disk.id.hasPrefix("\($0)/") } ?? false
      }
      guard let layers else { continue }
      var timings = Timings()
      _ = try makeDisk(
        layers, for: image.tags.first ?? image.id.digest.short, lease, &timings)
      return
    }
  }

  // MARK: What came of it

  private func isWhole(_ file: ExpectedFile) throws -> Bool {
    // An encoding that another does for has no row any more.
    guard let now = try catalog.expectedFile(file.path) else {
      return try catalog.object(file.key)?.state == .ready
    }
    return now.state == .ready && Files.exists("\(layout.root)/\(file.path)")
  }

  private func outcome(
    of item: DamagedFile, _ reasons: [ObjectKey: String]
  ) throws -> StoreDamage.Outcome {
    if try isWhole(item.file) {
      // What changed while it was looked at was left alone, whatever it is now.
      return isUnchanged(item.file, item.finding) && item.damage.kind != .setAside
        ? .left(reason: "it could not be set aside") : .repaired
    }
    if isMadeWhenNeeded(item.file, item.damage.touched) { return .madeWhenNeeded }
    return .left(reason: reasons[item.file.key] ?? "no recipe and lock here give it again")
  }

  private func command(for damage: StoreDamage) throws -> String? {
    for name in damage.touched.images {
      guard let recipe = try catalog.tag(named: name)?.recipe else { continue }
      let found = try? recipes.find(name)
      return
        "hutch build \(found.map { Files.canonical($0.path) == recipe } == true ? name : recipe)"
    }
    return nil
  }
}

extension DamagedFile {
  /// Somebody uses it as it is.
  fileprivate var isUntouchable: Bool {
    if case .inUse = damage.outcome { return true }
    return false
  }
}
