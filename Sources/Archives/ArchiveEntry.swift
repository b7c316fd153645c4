package import Vocabulary

/// One entry of an archive, as its maker wrote it: nothing here is checked or made safe.
package struct ArchiveEntry: Sendable, Hashable {
  package enum Kind: Sendable, Hashable {
    case file
    case directory
    case symlink(target: [UInt8])
    /// To another entry's name.
    case hardLink(target: [UInt8])
    case fifo
    case characterDevice(major: UInt32, minor: UInt32)
    case blockDevice(major: UInt32, minor: UInt32)
    case socket
  }

  /// Raw bytes of the name; may be absolute or hold `..`. `guestPath` says where that is.
  package var name: [UInt8]
  package var kind: Kind
  /// Permission bits with set-id and sticky: `07777`.
  package var mode: UInt32
  package var uid: UInt32
  package var gid: UInt32
  /// Bytes of data that the archive announces; its maker may lie.
  package var size: Int64
  /// Whole seconds since 1970, rounded down.
  package var modified: Int64
  /// Extended attributes, sorted by name.
  package var attributes: [Attribute]

  package struct Attribute: Sendable, Hashable {
    package var name: [UInt8]
    package var value: [UInt8]
  }

  /// The place below a root that the name means; `nil` for absolute names and for those that
  /// lead out. `./` in front is what Debian's packages write; some builders of images call the
  /// root itself `/`.
  package var guestPath: GuestPath? {
    if name == [0x2F] { return .root }
    if name.first == 0x2F { return nil }
    return GuestPath(name == [0x2E, 0x2F] ? [] : name)
  }

  /// For people.
  package var printableName: String { String(decoding: name, as: UTF8.self) }
}

/// What a reader of foreign archives puts up with.
package struct ArchiveLimits: Sendable, Hashable {
  package var entries: Int
  /// Data that comes out of the archive in all, whether it is asked for or stepped over.
  package var size: ByteCount
  /// How many times its own size an archive may unpack to; only counts above 1 GiB.
  package var ratio: Int

  package init(
    entries: Int = 1_000_000, size: ByteCount = .gibibytes(64), ratio: Int = 1000
  ) {
    self.entries = entries
    self.size = size
    self.ratio = ratio
  }

  static let ratioAllowance: Int64 = 1 << 30
}
