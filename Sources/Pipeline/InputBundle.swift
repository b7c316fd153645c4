internal import Host
internal import Inputs
internal import Layers
internal import Recipes
internal import Vocabulary

/// All inputs of a lock in one file (`docs/formats/inputs.md`): a canonical tar.
enum InputBundle {
  private static let lockName = "hutch.lock"
  private static let recipeName = "hutch.toml"
  private static let folder = "inputs/sha256/"

  // MARK: Writing

  /// Writes the file, synced. It has the same bytes whenever and wherever it is made.
  static func write(
    to path: String, recipe: String, lock: Lock, from store: InputStore,
    progress: (_ done: ByteCount) -> Void
  ) throws {
    let file = try OwnedDescriptor.open(path, .createExclusive(mode: 0o644))
    for (name, text) in [(lockName, lock.render()), (recipeName, recipe)] {
      let bytes = Array(text.utf8)
      try writeHeader(name, ByteCount(bytes.count), to: file)
      try file.writeAll(bytes)
      try writePadding(after: ByteCount(bytes.count), to: file)
    }
    var done = ByteCount.zero
    for input in lock.inputs {
      try writeHeader(folder + input.digest.hex, input.size, to: file)
      try copy(input, from: store, to: file)
      try writePadding(after: input.size, to: file)
      done += input.size
      progress(done)
    }
    try file.writeAll(CanonicalTar.end)
    try file.sync()
  }

  private static func writeHeader(
    _ name: String, _ size: ByteCount, to file: borrowing OwnedDescriptor
  ) throws {
    guard let path = GuestPath(name) else { preconditionFailure("a name of ours is a path") }
    try file.writeAll(
      CanonicalTar.header(for: LayerEntry(path: path, kind: .file(size: size.bytes), mode: 0o644)))
  }

  private static func writePadding(
    after size: ByteCount, to file: borrowing OwnedDescriptor
  ) throws {
    try file.writeAll([UInt8](repeating: 0, count: CanonicalTar.padding(after: size.bytes)))
  }

  private static func copy(
    _ wanted: WantedInput, from store: InputStore, to file: borrowing OwnedDescriptor
  ) throws {
    let path = store.path(of: wanted.digest)
    let input = try OwnedDescriptor.open(path, .read)
    var stream = DigestStream()
    while true {
      try Interrupt.check()
      let part = try input.read(upTo: 1 << 20)
      if part.isEmpty { break }
      stream.update(part)
      try file.writeAll(part)
    }
    let found = stream.finish()
    guard found == wanted.digest else {
      throw LayersError.digestDiffers(
        what: "\"\(path)\"", expected: wanted.digest, found: found)
    }
  }

  // MARK: Reading

  /// Puts the inputs into files of a directory, named by their digests and verified. Only what the
  /// bundle's own lock names can be in it, and all of that has to be.
  static func read(
    _ path: String, into directory: String, progress: (_ done: ByteCount) -> Void
  ) throws -> Lock {
    let file = try OwnedDescriptor.open(path, .read)
    var reader = TarReader {
      try Interrupt.check()
      return try file.read(upTo: 1 << 20)
    }
    let text = try self.text(lockName, limit: Lock.textLimit, &reader, of: path)
    let lock = try Lock.parse(text, path: "\(path) (\(lockName))")
    _ = try self.text(recipeName, limit: 1 << 20, &reader, of: path)
    var done = ByteCount.zero
    for input in lock.inputs {
      try expect(folder + input.digest.hex, input.size, &reader, of: path)
      let output = try OwnedDescriptor.open(
        "\(directory)/\(input.digest.hex)", .createExclusive(mode: 0o600))
      var stream = DigestStream()
      try data(input.size, &reader) {
        stream.update($0)
        try output.writeAll($0)
      }
      let found = stream.finish()
      guard found == input.digest else {
        throw LayersError.digestDiffers(
          what: "\"\(folder)\(input.digest.hex)\" in \"\(path)\"", expected: input.digest,
          found: found)
      }
      done += input.size
      progress(done)
    }
    guard try reader.entry() == nil else { throw PipelineError.notABundle(path) }
    return lock
  }

  private static func text(
    _ name: String, limit: Int, _ reader: inout TarReader, of path: String
  ) throws -> String {
    let size = try expect(name, nil, &reader, of: path)
    guard size.bytes <= limit else { throw PipelineError.notABundle(path) }
    var bytes: [UInt8] = []
    try data(size, &reader) { bytes += $0 }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The next member; whatever else comes is no bundle of ours.
  @discardableResult
  private static func expect(
    _ name: String, _ size: ByteCount?, _ reader: inout TarReader, of path: String
  ) throws -> ByteCount {
    guard let entry = try reader.entry(), case .file(let bytes) = entry.kind,
      entry.path == GuestPath(name), size == nil || size?.bytes == bytes
    else { throw PipelineError.notABundle(path) }
    return ByteCount(bytes)
  }

  private static func data(
    _ size: ByteCount, _ reader: inout TarReader, _ take: (ArraySlice<UInt8>) throws -> Void
  ) throws {
    var left = size.bytes
    while left > 0 {
      let part = try reader.data(upTo: Int(min(left, 1 << 20)))
      try take(part)
      left -= Int64(part.count)
    }
    try reader.skipPadding(after: size.bytes)
  }
}
