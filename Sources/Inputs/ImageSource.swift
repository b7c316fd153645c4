internal import Host
package import Recipes
package import Vocabulary

/// What an image turned out to be.
package struct ResolvedImage: Sendable, Hashable {
  package var blobs: ImageBlobs
  /// `created` of its configuration, if that says so.
  package var date: SourceDate?
  package var environment: [String: String]
  /// Variables that a recipe could not have set, by their names.
  package var leftOut: [String]
}

/// An image that others made, where its blobs can be had: a layout on this machine as it is, or what
/// a registry sent. Nothing gets into the store that has not the digest that somebody asked for.
package struct ImageSource {
  private enum Form {
    /// OCI Image Specification 1.1, "Image Layout".
    case layout
    /// containers-transports(5), "dir:path".
    case folder
  }

  private let reference: OCIReference
  private let path: String
  private let form: Form

  /// - Parameters:
  ///   - blobs: what the lock says the image is; without, whatever the reference means now.
  ///   - work: a new directory on the store's file system, for what a registry sends.
  package init(
    _ reference: OCIReference, locked blobs: ImageBlobs? = nil, work: String,
    progress: (InputProgress) -> Void
  ) throws(InputsError) {
    self.reference = reference
    switch reference.place {
    case .layout(let path):
      guard Files.isDirectory(path) else {
        throw .noImage(reference, reason: "there is no directory \"\(path)\"")
      }
      self.path = path
      form = .layout
    case .registry(let repository):
      path = work
      form = .folder
      try RegistryTransfer(
        reference: reference, repository: repository, blobs: blobs, target: work
      ).run(progress)
    }
  }

  // MARK: What it is

  /// Reads manifest and configuration, both verified; no layer.
  package func resolve() throws(InputsError) -> ResolvedImage {
    do throws(ImageRefusal) {
      let (bytes, manifest) = try readManifest()
      let (type, config, layers) = try ImageDocuments.manifest(bytes)
      let configuration = try ImageDocuments.configuration(
        try document(config, limit: ImageDocuments.largest, "configuration"))
      guard configuration.diffs.count == layers.count else {
        throw ImageRefusal(
          "its manifest has \(layers.count) layers, its configuration \(configuration.diffs.count)")
      }
      var files: [LockedFile] = []
      for (index, layer) in layers.enumerated() {
        files.append(
          LockedFile(
            name: ImageBlobs.layerName(index), size: ByteCount(layer.size), digest: layer.digest,
            blob: LockedBlob(mediaType: layer.mediaType, diff: configuration.diffs[index])))
      }
      return ResolvedImage(
        blobs: ImageBlobs(
          manifest: LockedFile(
            name: ImageBlobs.manifestName, size: ByteCount(bytes.count), digest: manifest,
            blob: LockedBlob(mediaType: type)),
          config: LockedFile(
            name: ImageBlobs.configName, size: ByteCount(config.size), digest: config.digest,
            blob: LockedBlob(mediaType: config.mediaType)), layers: files),
        date: configuration.created, environment: configuration.environment,
        leftOut: configuration.leftOut)
    } catch {
      throw .badImage(reference, reason: error.reason)
    }
  }

  private func readManifest() throws(ImageRefusal) -> ([UInt8], Digest) {
    switch form {
    case .folder:
      let bytes = try read(path + "/manifest.json", limit: ImageDocuments.largest, "manifest")
      return (bytes, Digest.of(bytes))
    case .layout:
      let marker = try read(path + "/oci-layout", limit: 4096, "file \"oci-layout\"")
      guard let json = try? JSON(parsing: marker),
        json["imageLayoutVersion"]?.string == "1.0.0"
      else { throw ImageRefusal("its directory is no image layout of version 1.0.0") }
      let index = try read(path + "/index.json", limit: ImageDocuments.largest, "index")
      let descriptor = try choose(among: try ImageDocuments.index(index))
      return (
        try document(descriptor, limit: ImageDocuments.largest, "manifest"), descriptor.digest
      )
    }
  }

  /// The one that tag and digest mean; through an index of its own, if it is one.
  private func choose(among entries: [ImageDescriptor]) throws(ImageRefusal) -> ImageDescriptor {
    let meant = entries.filter { entry in
      (reference.tag == nil || entry.tag == reference.tag)
        && (reference.digest == nil || entry.digest == reference.digest)
    }
    var found = try only(meant, of: entries)
    var depth = 0
    while found.isIndex {
      depth += 1
      if depth > 3 { throw ImageRefusal("its indexes lead through more than three others") }
      let bytes = try document(found, limit: ImageDocuments.largest, "index")
      let inner = try ImageDocuments.index(bytes).filter {
        $0.isIndex || ImageTypes.manifests.contains($0.mediaType)
      }
      guard !inner.isEmpty else {
        throw ImageRefusal("it holds nothing for \(ImageTypes.platform)")
      }
      found = try only(inner, of: inner)
    }
    return found
  }

  private func only(
    _ meant: [ImageDescriptor], of all: [ImageDescriptor]
  ) throws(ImageRefusal) -> ImageDescriptor {
    // Those that say what they are for come before those that don't.
    let exact = meant.filter { $0.platform != nil }
    let rest = exact.isEmpty ? meant : exact
    guard let first = rest.first else {
      throw ImageRefusal("the layout has no such image; it has \(Self.list(all))")
    }
    guard rest.allSatisfy({ $0.digest == first.digest }) else {
      throw ImageRefusal("it could be several images: \(Self.list(rest))")
    }
    return first
  }

  private static func list(_ entries: [ImageDescriptor]) -> String {
    if entries.isEmpty { return "none for \(ImageTypes.platform)" }
    let names = Set(entries.map { $0.tag.map(Names.printable) ?? "\($0.digest)" }).sorted()
    return names.prefix(10).map { "\"\($0)\"" }.joined(separator: ", ")
  }

  // MARK: Its blobs

  private func place(of digest: Digest) -> String {
    switch form {
    case .layout: "\(path)/blobs/sha256/\(digest.hex)"
    case .folder: "\(path)/\(digest.hex)"
    }
  }

  private func document(
    _ descriptor: ImageDescriptor, limit: Int, _ what: String
  ) throws(ImageRefusal) -> [UInt8] {
    let bytes = try read(place(of: descriptor.digest), limit: limit, what)
    guard Int64(bytes.count) == descriptor.size, Digest.of(bytes) == descriptor.digest else {
      throw ImageRefusal("its \(what) is not the blob \(descriptor.digest)")
    }
    return bytes
  }

  /// Opening something else than a file could wait for ever.
  private func read(_ path: String, limit: Int, _ what: String) throws(ImageRefusal) -> [UInt8] {
    guard Files.status(path)?.kind == .regular, let bytes = try? Files.read(path, limit: limit)
    else { throw ImageRefusal("its \(what) can't be read") }
    return bytes
  }

  /// Puts files of the image into the store. Those of a registry's are moved there, so each can be
  /// brought once.
  package func bring(
    _ files: [LockedFile], into store: InputStore, progress: (InputProgress) -> Void
  ) throws(InputsError) {
    let all = files.reduce(ByteCount.zero) { $0 + $1.size }
    var done = ByteCount.zero
    for file in files where !store.holds(file.digest, size: file.size) {
      try bring(file, into: store)
      done += file.size
      progress(.fetched(bytes: done, of: all, files: 0, ofFiles: files.count))
    }
    try onHost { () throws(HostError) in try store.sync() }
  }

  private func bring(_ file: LockedFile, into store: InputStore) throws(InputsError) {
    let isManifest = form == .folder && file.name == ImageBlobs.manifestName
    let source = isManifest ? path + "/manifest.json" : place(of: file.digest)
    guard let status = Files.status(source), status.kind == .regular else {
      throw .imageNotFetched(reference, said: "it has no blob \(file.digest) any more")
    }
    guard status.size == file.size.bytes else {
      throw .blobDiffers(reference, file: file.name, digest: file.digest)
    }
    let isRight = try onHost { () throws(HostError) in
      if form == .folder {
        return try store.publish(source, as: file.digest, size: file.size)
      }
      return try Self.copy(source, file, into: store)
    }
    guard isRight else { throw .blobDiffers(reference, file: file.name, digest: file.digest) }
  }

  /// Verified while it is copied; whether it was right.
  private static func copy(
    _ source: String, _ file: LockedFile, into store: InputStore
  ) throws(HostError) -> Bool {
    try Files.makeDirectories(store.ingest)
    let aside = "\(store.ingest)/blob-\(Hex.encode(Randomness.bytes(6))).tmp"
    guard let lock = try FileLock.exclusive(aside + ".lock", wait: true) else { return false }
    defer {
      try? Files.remove(aside)
      try? Files.remove(aside + ".lock")
      _ = lock.descriptor
    }
    let input = try OwnedDescriptor.open(source, .read)
    let output = try OwnedDescriptor.open(aside, .createExclusive(mode: 0o600))
    var stream = DigestStream()
    var size: Int64 = 0
    while size <= file.size.bytes {
      let part = try input.read(upTo: 1 << 20)
      if part.isEmpty { break }
      try Interrupt.check()
      stream.update(part)
      size += Int64(part.count)
      try output.writeAll(part)
    }
    guard size == file.size.bytes, stream.finish() == file.digest else { return false }
    try store.adopt(aside, as: file.digest)
    return true
  }
}
