internal import Archives
internal import Vocabulary

/// The entries of a foreign layer while they come, in any order that its maker liked, and the
/// canonical list that says the same.
struct LayerChanges {
  struct Refusal: Error {
    var reason: String
    init(_ reason: String) { self.reason = reason }
  }

  private var entries: [GuestPath: LayerEntry] = [:]
  /// Where the data of files stands in the spool.
  private var starts: [GuestPath: Int64] = [:]
  /// By the name that a file came under, its other names.
  private var links: [GuestPath: GuestPath] = [:]
  private var removed: Set<GuestPath> = []
  private var opaque: Set<GuestPath> = []

  /// - Returns: whether the entry has data.
  mutating func add(_ entry: ArchiveEntry, at path: GuestPath) throws(Refusal) -> Bool {
    if path.isRoot {
      // The root has no entry in a layer of ours.
      guard entry.kind == .directory else { throw Refusal("it stands for the root") }
      return false
    }
    if (path.parent ?? .root).parts.contains(where: { $0.starts(with: LayerEntry.whiteoutPrefix) })
    {
      throw Refusal("it lies below a mark of a removal")
    }
    if path.name.starts(with: LayerEntry.whiteoutPrefix) {
      try addMark(path)
      return false
    }
    let made = try Self.entry(entry, at: path)
    if let before = entries[path] {
      // Some tools name a directory again for each thing that they put into it.
      if made == before, made?.kind == .directory { return false }
      throw Refusal("it stands twice")
    }
    if links[path] != nil { throw Refusal("it stands twice") }
    guard let made else {
      guard case .hardLink(let target) = entry.kind else { return false }
      try addLink(path, to: target)
      return false
    }
    entries[path] = made
    if case .file = made.kind { return true }
    return false
  }

  mutating func setContents(of path: GuestPath, start: Int64, size: Int64) {
    entries[path]?.kind = .file(size: size)
    starts[path] = start
  }

  private mutating func addMark(_ path: GuestPath) throws(Refusal) {
    let directory = path.parent ?? .root
    if path.name.elementsEqual(LayerEntry.opaqueName) {
      if directory.isRoot { throw Refusal("it hides all that is below the layer") }
      guard opaque.insert(directory).inserted else { throw Refusal("it stands twice") }
      return
    }
    let name = Array(path.name.dropFirst(LayerEntry.whiteoutPrefix.count))
    guard !name.starts(with: LayerEntry.whiteoutPrefix), !name.isEmpty,
      !name.elementsEqual(".".utf8), !name.elementsEqual("..".utf8),
      let gone = directory.appending(name)
    else { throw Refusal("it is a mark of a removal that removes nothing") }
    guard removed.insert(gone).inserted else { throw Refusal("it stands twice") }
  }

  /// Only files have several names in a layer of ours; links to what has no data are made anew.
  private mutating func addLink(_ path: GuestPath, to target: [UInt8]) throws(Refusal) {
    let plain = "it links to what is no file of this layer"
    guard let named = GuestPath(target), target.first != UInt8(ascii: "/") else {
      throw Refusal(plain)
    }
    let first = links[named] ?? named
    guard var file = entries[first], file.kind != .directory else { throw Refusal(plain) }
    if case .file = file.kind {
      links[path] = first
      return
    }
    file.path = path
    entries[path] = file
  }

  /// `nil` for a hard link.
  private static func entry(
    _ entry: ArchiveEntry, at path: GuestPath
  ) throws(Refusal) -> LayerEntry? {
    let kind: LayerEntry.Kind
    var mode = entry.mode & 0o7777
    switch entry.kind {
    case .hardLink: return nil
    case .directory: kind = .directory
    case .file: kind = .file(size: 0)
    case .symlink(let target):
      guard 1...4095 ~= target.count else { throw Refusal("it links to no name") }
      kind = .symlink(target: target)
      mode = 0o777
    case .fifo: kind = .fifo
    case .characterDevice(0, 0): throw Refusal("it is overlayfs's mark of a removal")
    case .characterDevice(let major, let minor):
      kind = .characterDevice(major: major, minor: minor)
    case .blockDevice(let major, let minor): kind = .blockDevice(major: major, minor: minor)
    case .socket: throw Refusal("it is a socket")
    }
    if case .characterDevice(let major, let minor) = kind { try check(major, minor) }
    if case .blockDevice(let major, let minor) = kind { try check(major, minor) }
    guard entry.uid != .max, entry.gid != .max else {
      throw Refusal("its owner is nobody's number")
    }
    return LayerEntry(
      path: path, kind: kind, mode: mode, uid: entry.uid, gid: entry.gid,
      modified: entry.modified,
      attributes: entry.kind.isLink ? [] : try attributes(of: entry))
  }

  /// What a header has room for.
  private static func check(_ major: UInt32, _ minor: UInt32) throws(Refusal) {
    guard major <= 0o7_777_777, minor <= 0o7_777_777 else {
      throw Refusal("its device number is too large")
    }
  }

  private static func attributes(
    of entry: ArchiveEntry
  ) throws(Refusal) -> [LayerEntry.Attribute] {
    let kept = entry.attributes.filter { LayerEntry.keeps(attribute: $0.name) }
    let names = Set(kept.map(\.name))
    guard names.count == kept.count, kept.count <= 1024 else {
      throw Refusal("its attributes stand twice, or are too many")
    }
    guard kept.reduce(0, { $0 + $1.name.count + $1.value.count }) <= 1 << 20 else {
      throw Refusal("its attributes are too large")
    }
    return kept.map { LayerEntry.Attribute(name: $0.name, value: $0.value) }
      .sorted { $0.name.lexicographicallyPrecedes($1.name) }
  }

  // MARK: The canonical list

  /// In the order of the tar, each with the place of its data.
  consuming func entries(over lower: LowerTree) throws -> [(entry: LayerEntry, start: Int64)] {
    nameLinks()
    try addMarks(over: lower)
    for path in Array(entries.keys) { try addDirectories(above: path, over: lower) }
    var marks = removed.map { LayerEntry(path: $0, kind: .whiteout) }
    marks += opaque.map { LayerEntry(path: $0, kind: .opaque) }
    return (Array(entries.values) + marks).sorted(by: LayerEntry.isBefore)
      .map { ($0, $0.isRemoval ? 0 : starts[$0.path] ?? 0) }
  }

  /// The first name in the order of the tar is the file, the others are links to it.
  private mutating func nameLinks() {
    for (first, names) in Dictionary(grouping: links.keys, by: { links[$0] ?? $0 }) {
      guard let file = entries.removeValue(forKey: first), let start = starts[first] else {
        continue
      }
      let all = (names + [first]).sorted()
      for path in all {
        var entry = file
        entry.path = path
        if path != all[0] { entry.kind = .hardLink(to: all[0]) }
        entries[path] = entry
      }
      starts[first] = nil
      starts[all[0]] = start
    }
  }

  /// Marks speak of lower layers only. Beside a new thing at the same place a removal says nothing,
  /// unless both are directories: then only what was in the old one is gone.
  private mutating func addMarks(over lower: LowerTree) throws {
    if lower.isEmpty {
      removed = []
      // With the directories that only they speak of.
      opaque = []
      return
    }
    for path in removed {
      guard let entry = entries[path] else { continue }
      removed.remove(path)
      if entry.kind == .directory { opaque.insert(path) }
    }
    for path in opaque {
      if let entry = entries[path] {
        if entry.kind != .directory {
          throw LayersError.unsafeEntry(
            path: path.description, reason: "it has a mark of removals and is no directory")
        }
      } else if let below = try lower.entry(at: path), below.kind == .directory {
        entries[path] = below
      } else {
        opaque.remove(path)
      }
    }
    for path in removed {
      let above = path.parent ?? .root
      if above.isRoot || entries[above]?.kind == .directory { continue }
      if entries[above] == nil, let below = try lower.entry(at: above), below.kind == .directory {
        entries[above] = below
      } else {
        removed.remove(path)
      }
    }
  }

  /// A directory that the layer does not name is as it is below; one that nobody has is root's.
  private mutating func addDirectories(above path: GuestPath, over lower: LowerTree) throws {
    guard let above = path.parent, !above.isRoot else { return }
    if let entry = entries[above] {
      if entry.kind == .directory { return }
      throw LayersError.unsafeEntry(
        path: path.description, reason: "it lies below something that is no directory")
    }
    var made = LayerEntry(
      path: above, kind: .directory, mode: 0o755, modified: lower.date.seconds)
    if removed.remove(above) != nil {
      opaque.insert(above)
    } else if let below = try lower.entry(at: above) {
      guard below.kind == .directory else {
        throw LayersError.unsafeEntry(
          path: path.description, reason: "it lies below something that is no directory")
      }
      made = below
    }
    entries[above] = made
    try addDirectories(above: above, over: lower)
  }
}

extension ArchiveEntry.Kind {
  fileprivate var isLink: Bool {
    if case .symlink = self { return true }
    return false
  }
}

extension LayerPacker {
  /// Entries in the order of the tar, the data of files from a spool.
  func pack(
    _ entries: [(entry: LayerEntry, start: Int64)], from spool: LayerSpool,
    blob blobPath: String, table tablePath: String
  ) throws -> PackedLayer {
    try write(entries.count, blob: blobPath, table: tablePath) { output, table in
      for (entry, place) in entries {
        try output.append(CanonicalTar.header(for: entry)[...])
        let start = output.size
        var digest: Digest?
        if case .file(let size) = entry.kind {
          var stream = DigestStream()
          var offset: Int64 = 0
          while offset < size {
            let part = try spool.read(
              at: place + offset, count: Int(min(size - offset, 1 << 20)))
            stream.update(part)
            try output.append(part[...])
            offset += Int64(part.count)
          }
          digest = stream.finish()
          try output.append([UInt8](repeating: 0, count: CanonicalTar.padding(after: size))[...])
        }
        table.add(entry, start: start, digest: digest)
      }
    }
  }
}
