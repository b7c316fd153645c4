internal import Vocabulary

/// What the file system calls itself: from the chain's first layer and the format, so that disks
/// of longer chains keep the checksums of their parents.
struct DiskIdentity: Sendable, Hashable {
  /// 16 bytes each.
  let uuid: [UInt8]
  let hashSeed: [UInt8]
  /// Begins every checksum of the file system's (`s_checksum_seed`).
  let checksumSeed: UInt32

  init(seed: Digest) {
    uuid = Self.uuid(Digest.of("hutch disk \(DiskFormat.version) uuid \(seed)"))
    hashSeed = Self.uuid(Digest.of("hutch disk \(DiskFormat.version) hash seed \(seed)"))
    checksumSeed = CRC32C.of(uuid, from: ~0)
  }

  var directoryHash: DirectoryHash { DirectoryHash(seed: hashSeed) }

  func seed(ofInode inode: UInt32) -> UInt32 {
    CRC32C.of(UInt32(0), from: CRC32C.of(inode, from: checksumSeed))
  }

  /// The first 16 bytes, marked as version 8, "custom" (RFC 9562, section 5.8).
  private static func uuid(_ digest: Digest) -> [UInt8] {
    var bytes = Array(digest.bytes.prefix(16))
    bytes[6] = bytes[6] & 0x0F | 0x80
    bytes[8] = bytes[8] & 0x3F | 0x80
    return bytes
  }
}
