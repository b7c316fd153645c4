internal import GuestProtocol
package import Vocabulary

/// How much a guest may send as its changes.
package struct ChangesLimits: Sendable {
  /// Of the whole archive.
  package var size: ByteCount
  package var entries: Int
  /// Of all paths and link targets together, which are held in memory.
  package var names: ByteCount

  package init(
    size: ByteCount = .gibibytes(64), entries: Int = 1_000_000, names: ByteCount = .mebibytes(256)
  ) {
    self.size = size
    self.entries = entries
    self.names = names
  }
}

/// One member of a change set.
struct ChangeMember: Sendable {
  enum Kind: Sendable, Equatable { case file, directory, symbolicLink, hardLink, whiteout }

  /// Of what it is about: for a whiteout what was deleted.
  var path: [UInt8]
  var kind: Kind
  /// The nine bits 0777. Set-id and sticky bits end here.
  var mode: UInt32
  var size: UInt64
  var modified: Int64
  var modifiedNanoseconds: UInt32
  /// Of links.
  var target: [UInt8]
  /// Where its content begins in the archive; also says which of two members came first.
  var offset: UInt64
}

/// Reads a change set as it comes and holds it to the rules that need no knowledge of the
/// workspace. Run twice, when the bytes arrive and when they are loaded.
struct ChangesScan {
  private let limits: ChangesLimits
  private var decoder = TarDecoder()
  private var taken: UInt64 = 0
  private var entryCount = 0
  private var nameBytes: UInt64 = 0
  private var members: [ChangeMember] = []

  init(_ limits: ChangesLimits) { self.limits = limits }

  mutating func take(_ bytes: [UInt8]) throws(WorkspacesError) {
    taken += UInt64(bytes.count)
    guard taken <= UInt64(clamping: limits.size.bytes) else {
      throw .changesTooLarge(limit: limits.size)
    }
    var rest = bytes[...]
    while let event = try Self.decode(&decoder, &rest) {
      guard case .entry(let entry) = event else { continue }
      try add(entry, offset: taken - UInt64(rest.count))
    }
  }

  /// All members in the order of `Paths.precedes`.
  mutating func finish() throws(WorkspacesError) -> [ChangeMember] {
    do { try decoder.finish() } catch { throw .decoding(error) }
    members.sort { Paths.precedes($0.path, $1.path) }
    // What is below a path comes directly behind it, so neighbours are all there is to compare.
    for (before, member) in zip(members, members.dropFirst()) {
      if before.path == member.path { throw .refused(path: member.path, reason: .duplicate) }
      if before.kind != .directory, Paths.isBelow(member.path, before.path) {
        throw .refused(path: member.path, reason: .belowNonDirectory)
      }
    }
    return members
  }

  private static func decode(
    _ decoder: inout TarDecoder, _ rest: inout ArraySlice<UInt8>
  ) throws(WorkspacesError) -> TarEvent? {
    do { return try decoder.next(from: &rest) } catch { throw .decoding(error) }
  }

  private mutating func add(_ entry: TarEntry, offset: UInt64) throws(WorkspacesError) {
    entryCount += 1
    guard entryCount <= limits.entries else { throw .tooManyChanges(limit: limits.entries) }
    nameBytes += UInt64(entry.path.count + entry.target.count)
    guard nameBytes <= UInt64(clamping: limits.names.bytes) else {
      throw .changesTooLarge(limit: limits.names)
    }
    // Said before the bytes come; the codec's own bound keeps the sum from overflowing.
    guard offset + entry.size <= UInt64(clamping: limits.size.bytes) else {
      throw .changesTooLarge(limit: limits.size)
    }
    let path = try Self.subject(of: entry)
    let kind: ChangeMember.Kind =
      switch entry.kind {
      case .regular: path.count == entry.path.count ? .file : .whiteout
      case .directory: .directory
      case .symbolicLink: .symbolicLink
      case .hardLink: .hardLink
      }
    // The top is the host's own; nothing about it comes back.
    guard !path.isEmpty else { return }
    members.append(
      ChangeMember(
        path: path, kind: kind, mode: entry.mode & 0o777, size: entry.size,
        modified: entry.modified, modifiedNanoseconds: entry.modifiedNanoseconds,
        target: entry.target, offset: offset))
  }

  /// The path that a member is about. `.wh.` is allowed at the start of the last part only, in a
  /// whiteout, and what is behind it has to be a plain name: not the directory itself (`.wh.`,
  /// `.wh..`), nor the one above, nor another whiteout or an opaque mark (`.wh..wh..opq`).
  private static func subject(of entry: TarEntry) throws(WorkspacesError) -> [UInt8] {
    let prefix = TarEntry.whiteoutPrefix
    let parts = entry.path.split(separator: Paths.slash)
    guard parts.dropLast().allSatisfy({ !$0.starts(with: prefix) }) else {
      throw .refused(path: entry.path, reason: .whiteoutName)
    }
    guard let last = parts.last, last.starts(with: prefix) else { return entry.path }
    let name = last.dropFirst(prefix.count)
    let isPlain =
      !name.isEmpty && !name.elementsEqual(".".utf8) && !name.elementsEqual("..".utf8)
      && !name.starts(with: prefix)
    guard isPlain else { throw .refused(path: entry.path, reason: .whiteoutName) }
    guard entry.kind == .regular, entry.size == 0 else {
      throw .refused(path: entry.path, reason: .whiteoutContent)
    }
    return Paths.join(Paths.parent(entry.path), [UInt8](name))
  }
}
