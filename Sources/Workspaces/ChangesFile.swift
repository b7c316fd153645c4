internal import Host
internal import Vocabulary

/// The stored changes, open: what is applied is what was checked, whatever becomes of the path.
final class ChangesFile: Sendable {
  let path: String
  private let file: OwnedDescriptor

  static let pieceSize = 1 << 20

  init(_ path: String) throws {
    self.path = path
    file = try OwnedDescriptor.open(path, .read)
  }

  /// Reads it from its start and holds it to the rules again.
  func members(_ limits: ChangesLimits) throws -> [ChangeMember] {
    var scan = ChangesScan(limits)
    var offset: Int64 = 0
    while true {
      let piece = try file.pread(at: offset, count: Self.pieceSize)
      if piece.isEmpty { return try scan.finish() }
      try scan.take(piece)
      offset += Int64(piece.count)
    }
  }

  /// Calls `body` with the content piece by piece, in order, until it says false.
  func read(_ content: ChangeContent, _ body: ([UInt8]) throws -> Bool) throws {
    var offset = content.offset
    let end = content.offset + content.size
    while offset < end {
      let count = Int(min(end - offset, UInt64(Self.pieceSize)))
      let piece = try file.pread(at: Int64(clamping: offset), count: count)
      guard piece.count == count else { throw WorkspacesError.changesCut(path: path) }
      guard try body(piece) else { return }
      offset += UInt64(count)
    }
  }
}

/// Where a file's bytes are in the archive.
struct ChangeContent: Sendable, Equatable {
  var offset: UInt64
  var size: UInt64
}
