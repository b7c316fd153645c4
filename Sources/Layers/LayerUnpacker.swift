internal import Glibc
package import Host
package import Vocabulary

/// Layer → tree, as a lower directory of overlayfs wants it: removals as character devices 0:0 and
/// opaque directories by an attribute. Runs as root of the namespace that the tree belongs to.
package struct LayerUnpacker {
  private static let mostEntries = 5_000_000

  package init() {}

  /// Fills the new, empty directory. Nothing is written outside it, whatever the blob says; the
  /// layer's digest is checked over all of it, so a tree that stands is the layer's.
  package func unpack(
    _ blob: String, layer: DiffID, into tree: borrowing OwnedDescriptor
  ) throws {
    let frames = try FrameReader(blob)
    var digest = DigestStream()
    var index = 0
    var reader = TarReader {
      guard index < frames.table.frames.count else { return [] }
      try Interrupt.check()
      let bytes = try frames.frame(index)
      index += 1
      digest.update(bytes)
      return bytes
    }
    var directories: [LayerEntry] = []
    var count = 0
    while let entry = try reader.entry() {
      count += 1
      if count > Self.mostEntries {
        throw LayersError.tooLarge(what: "a layer's list of entries", limit: Int64(count))
      }
      do {
        try make(entry, in: tree, &reader)
      } catch let error as HostError {
        throw Self.explain(error, entry)
      }
      if case .directory = entry.kind { directories.append(entry) }
    }
    let found = digest
    let result = found.finish()
    if result != layer.digest {
      throw LayersError.digestDiffers(what: "\"\(blob)\"", expected: layer.digest, found: result)
    }
    // Times of directories last: making what is in them changed them.
    for entry in directories.reversed() {
      try tree.setTimes(of: entry.path.bytes, seconds: entry.modified)
    }
  }

  private func make(
    _ entry: LayerEntry, in tree: borrowing OwnedDescriptor, _ reader: inout TarReader
  ) throws {
    // Opening the parent beneath the tree, no link on the way, is what keeps everything inside.
    let above = entry.path.parent ?? .root
    let name = Array(entry.path.name)
    let directory =
      above.isRoot ? try tree.duplicate() : try tree.openBeneath(above.bytes, .directory)
    switch entry.kind {
    case .directory: try directory.makeDirectory(name, mode: 0o700)
    case .file(let size): try write(size, to: name, in: directory, &reader)
    case .symlink(let target): try directory.makeLink(target: target, at: name)
    case .hardLink(let target):
      // Only to look at: opening a FIFO would wait for its writer.
      let file = try tree.openBeneath(target.bytes, .path)
      guard try file.status().kind == .regular else {
        throw LayersError.unsafeEntry(
          path: entry.path.description, reason: "it links to what is no file of this layer")
      }
      return try tree.hardLink(from: target.bytes, to: entry.path.bytes)
    case .fifo: try directory.makeNode(name, .fifo, mode: 0o600)
    case .characterDevice(let major, let minor):
      try directory.makeNode(name, .characterDevice, mode: 0o600, major: major, minor: minor)
    case .blockDevice(let major, let minor):
      try directory.makeNode(name, .blockDevice, mode: 0o600, major: major, minor: minor)
    case .whiteout:
      return try directory.makeNode(name, .characterDevice, mode: 0, major: 0, minor: 0)
    case .opaque:
      return try tree.setExtendedAttribute(
        of: entry.path.bytes, Array("user.overlay.opaque".utf8), value: Array("y".utf8))
    }
    try directory.setOwner(of: name, uid: entry.uid, gid: entry.gid)
    // Capabilities go with a change of owner, so attributes come after it.
    for attribute in entry.attributes {
      try directory.setExtendedAttribute(of: name, attribute.name, value: attribute.value)
    }
    if case .symlink = entry.kind {} else { try directory.setMode(of: name, entry.mode) }
    try directory.setTimes(of: name, seconds: entry.modified)
  }

  /// What the kernel says of a place that can't be, in words about the archive.
  private static func explain(_ error: HostError, _ entry: LayerEntry) -> LayersError {
    guard case .system(_, _, let number) = error else { return .host(error) }
    let reason: String
    switch (number, entry.kind) {
    case (ENOENT, .hardLink), (ELOOP, .hardLink), (ENOTDIR, .hardLink):
      reason = "it links to what is no file of this layer"
    case (ENOENT, _): reason = "no entry makes its directory"
    case (ELOOP, _), (ENOTDIR, _): reason = "it lies below something that is no directory"
    case (EEXIST, _): reason = "something stands in its place"
    case (EPERM, .characterDevice), (EPERM, .blockDevice):
      reason = "device nodes can't be made here"
    default: return .host(error)
    }
    return .unsafeEntry(path: entry.path.description, reason: reason)
  }

  private func write(
    _ size: Int64, to name: [UInt8], in directory: borrowing OwnedDescriptor,
    _ reader: inout TarReader
  ) throws {
    let file = try directory.openBeneath(name, .createExclusive(mode: 0o600))
    var left = size
    while left > 0 {
      let part = try reader.data(upTo: Int(min(left, 1 << 20)))
      try file.writeAll(part)
      left -= Int64(part.count)
    }
    try reader.skipPadding(after: size)
  }
}
