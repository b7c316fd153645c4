package import Vocabulary

/// A finished disk.
package struct MadeDisk: Sendable, Hashable {
  /// Of the file; a guest sees `DiskFormat.size` in any case.
  package let size: ByteCount
  /// What it takes on this file system.
  package let allocated: ByteCount
  /// Over all blocks that are not zero (`BlockDigest`).
  package let digest: Digest

  package init(size: ByteCount, allocated: ByteCount, digest: Digest) {
    self.size = size
    self.allocated = allocated
    self.digest = digest
  }
}
