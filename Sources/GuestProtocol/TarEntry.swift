/// The kinds of members that file transfer knows.
package enum TarKind: Sendable, Equatable {
  case regular
  case directory
  /// The target is any text.
  case symbolicLink
  /// The target is the path of an earlier member.
  case hardLink
}

/// One member's header. `docs/formats/guest.md` has the rules.
package struct TarEntry: Sendable, Equatable {
  /// Relative, without `./` before and `/` behind; empty for the top directory itself.
  package var path: [UInt8]
  package var kind: TarKind
  /// The twelve bits 07777.
  package var mode: UInt32
  /// Bytes that follow; 0 for all but regular files.
  package var size: UInt64
  /// Unix seconds.
  package var modified: Int64
  package var modifiedNanoseconds: UInt32
  /// Of links.
  package var target: [UInt8]

  package init(
    path: [UInt8], kind: TarKind, mode: UInt32, size: UInt64 = 0, modified: Int64 = 0,
    modifiedNanoseconds: UInt32 = 0, target: [UInt8] = []
  ) {
    self.path = path
    self.kind = kind
    self.mode = mode
    self.size = size
    self.modified = modified
    self.modifiedNanoseconds = modifiedNanoseconds
    self.target = target
  }

  /// The name of what this member says was deleted, if it is a whiteout (`DIR/.wh.NAME`).
  package var deletedPath: [UInt8]? {
    let start = (path.lastIndex(of: UInt8(ascii: "/")) ?? -1) + 1
    guard path[start...].starts(with: TarEntry.whiteoutPrefix) else { return nil }
    return [UInt8](path[..<start] + path[(start + TarEntry.whiteoutPrefix.count)...])
  }

  /// The member that says that `path` was deleted.
  package static func whiteout(of path: [UInt8]) -> TarEntry {
    let start = (path.lastIndex(of: UInt8(ascii: "/")) ?? -1) + 1
    let name = [UInt8](path[..<start]) + whiteoutPrefix + [UInt8](path[start...])
    return TarEntry(path: name, kind: .regular, mode: 0)
  }

  /// `.wh.`, as OCI layers use it. Files of such a name cannot be transferred.
  package static let whiteoutPrefix = [UInt8](".wh.".utf8)
}

/// What is wrong with a tar stream, or with an entry that should go into one.
package enum TarError: Error, Equatable, Sendable, CustomStringConvertible {
  case checksum(offset: UInt64)
  case field(String, offset: UInt64)
  case unsupportedKind(UInt8, offset: UInt64)
  case extendedHeader(offset: UInt64)
  case path([UInt8])
  case target(path: [UInt8])
  case whiteout(path: [UInt8])
  case truncated(offset: UInt64)
  case trailingBytes(offset: UInt64)

  package var description: String {
    switch self {
    case .checksum(let offset): "tar header at byte \(offset) has a wrong checksum"
    case .field(let name, let offset): "tar header at byte \(offset) has a malformed \(name)"
    case .unsupportedKind(let flag, let offset):
      "tar header at byte \(offset) is of a kind that is not transferred (\(flag))"
    case .extendedHeader(let offset): "extended tar header at byte \(offset) is malformed"
    case .path(let path): "path \"\(TarError.text(path))\" cannot be transferred"
    case .target(let path): "link \"\(TarError.text(path))\" has an impossible target"
    case .whiteout(let path):
      "\"\(TarError.text(path))\" has a name that stands for a deleted file"
    case .truncated(let offset): "tar stream ends at byte \(offset) without an end mark"
    case .trailingBytes(let offset): "tar stream goes on after its end mark at byte \(offset)"
    }
  }

  private static func text(_ bytes: [UInt8]) -> String {
    String(decoding: bytes.prefix(256), as: UTF8.self)
  }
}

package enum TarRules {
  package static let block = 512
  static let pathLimit = 4095
  static let nameLimit = 255
  static let extendedLimit = 64 << 10
  /// No file of ours is longer; keeps sums far from overflow.
  static let sizeLimit: UInt64 = 1 << 50

  /// Takes off a leading `./` and trailing `/`; throws for what is not a plain relative path.
  package static func normalized(_ raw: [UInt8], kind: TarKind) throws(TarError) -> [UInt8] {
    let slash = UInt8(ascii: "/")
    var path = raw[...]
    while path.starts(with: [UInt8(ascii: "."), slash]) { path = path.dropFirst(2) }
    if kind == .directory {
      while path.last == slash { path = path.dropLast() }
      if path.elementsEqual([UInt8(ascii: ".")]) { path = [] }
      if path.isEmpty, raw.first != slash { return [] }
    }
    guard !path.isEmpty, path.count <= pathLimit, !path.contains(0) else { throw .path(raw) }
    for part in path.split(separator: slash, omittingEmptySubsequences: false) {
      guard !part.isEmpty, part.count <= nameLimit else { throw .path(raw) }
      if part.elementsEqual([UInt8(ascii: ".")]) || part.elementsEqual([UInt8]("..".utf8)) {
        throw .path(raw)
      }
    }
    return [UInt8](path)
  }

  /// Zero bytes that follow `size` bytes of content.
  package static func padding(after size: UInt64) -> Int {
    Int((512 - size % 512) % 512)
  }
}
