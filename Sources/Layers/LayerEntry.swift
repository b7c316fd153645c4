package import Vocabulary

/// One entry of a layer: what a step added, changed or removed at one place.
package struct LayerEntry: Sendable, Hashable {
  package enum Kind: Sendable, Hashable {
    case directory
    case file(size: Int64)
    case symlink(target: [UInt8])
    /// To a path of this layer or of one below it.
    case hardLink(to: GuestPath)
    case fifo
    /// Only in layers that others made.
    case characterDevice(major: UInt32, minor: UInt32)
    case blockDevice(major: UInt32, minor: UInt32)
    /// What lower layers have at `path` is gone (OCI Image Layer Filesystem Changeset, "Whiteouts").
    case whiteout
    /// What lower layers have below the directory `path` is gone ("Opaque Whiteout").
    case opaque
  }

  package struct Attribute: Sendable, Hashable {
    package var name: [UInt8]
    package var value: [UInt8]
    package init(name: [UInt8], value: [UInt8]) {
      self.name = name
      self.value = value
    }
  }

  package var path: GuestPath
  package var kind: Kind
  /// Permission bits with set-id and sticky: `07777`.
  package var mode: UInt32
  package var uid: UInt32
  package var gid: UInt32
  /// Whole seconds since 1970.
  package var modified: Int64
  /// Sorted by name.
  package var attributes: [Attribute]

  package init(
    path: GuestPath, kind: Kind, mode: UInt32 = 0, uid: UInt32 = 0, gid: UInt32 = 0,
    modified: Int64 = 0, attributes: [Attribute] = []
  ) {
    self.path = path
    self.kind = kind
    self.mode = mode
    self.uid = uid
    self.gid = gid
    self.modified = modified
    self.attributes = attributes
  }

  /// Says that something below is gone, and nothing else.
  package var isRemoval: Bool { kind == .whiteout || kind == .opaque }

  /// Which extended attributes are part of a layer: what changes how a program runs or who may
  /// read a file, and what users wrote; not what belongs to a mount or to a machine's policy.
  package static func keeps(attribute name: [UInt8]) -> Bool {
    if name.starts(with: "user.overlay.".utf8) { return false }
    return name.elementsEqual("security.capability".utf8) || name.starts(with: "user.".utf8)
      || name.starts(with: "system.posix_acl_".utf8)
  }

  /// The name in the tar: marks of removal are files with a prefix, directories end in `/`.
  package var memberName: [UInt8] {
    switch kind {
    case .directory: path.bytes + [0x2F]
    case .whiteout:
      (path.parent.map { $0.isRoot ? [] : $0.bytes + [0x2F] } ?? []) + Self.whiteoutPrefix
        + path.name
    case .opaque: (path.isRoot ? [] : path.bytes + [0x2F]) + Self.opaqueName
    default: path.bytes
    }
  }

  /// The order of entries: raw bytes of the member's path. An opaque mark comes before everything
  /// else in its directory, for readers that apply it when they meet it.
  package static func isBefore(_ left: LayerEntry, _ right: LayerEntry) -> Bool {
    left.sortKey.lexicographicallyPrecedes(right.sortKey)
  }

  private var sortKey: [UInt8] {
    switch kind {
    case .directory: path.bytes
    case .opaque: path.isRoot ? [] : path.bytes + [0x2F]
    default: memberName
    }
  }

  static let whiteoutPrefix = Array(".wh.".utf8)
  static let opaqueName = Array(".wh..wh..opq".utf8)
}
