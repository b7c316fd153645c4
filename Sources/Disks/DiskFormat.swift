package import Vocabulary

/// Format 1 of a disk: a bare ext4 file system of constant size. What differs from this is a
/// different format, because disks of one format share their blocks.
package enum DiskFormat {
  package static let version = 1
  package static let size = ByteCount.gibibytes(64)
  package static let blockSize = 4096
  /// `feature` names as `mke2fs -O` takes them; everything else is off.
  static let features = [
    "has_journal", "ext_attr", "dir_index", "filetype", "extent", "64bit", "flex_bg",
    "sparse_super", "large_file", "huge_file", "dir_nlink", "extra_isize", "metadata_csum",
    "metadata_csum_seed",
  ]
  /// The same as bits (ext4 documentation, "Super Block").
  static let compatible: UInt32 = 0x4 | 0x8 | 0x20
  static let incompatible: UInt32 = 0x2 | 0x40 | 0x80 | 0x200 | 0x2000
  static let compatibleForReaders: UInt32 = 0x1 | 0x2 | 0x8 | 0x20 | 0x40 | 0x400
  static let blockCount = size.bytes / Int64(blockSize)
  /// One flex group for the whole: all bitmaps and inode tables stand together, in front.
  static let groupCount = blockCount / 32768

  /// Stands in for `/etc/mke2fs.conf`, so that the host's choices don't show.
  static let configuration = """
    [defaults]
    \tbase_features = none
    [fs_types]
    \text4 = {
    \t\tfeatures = \(features.joined(separator: ","))
    \t}

    """

  /// The UUID of the file system and of its directory hashes: from the chain's first layer and
  /// the format, so that disks of longer chains keep the checksums of their parents.
  static func identifiers(seed: Digest) -> (fileSystem: String, hash: String) {
    (
      uuid(Digest.of("hutch disk \(version) uuid \(seed)")),
      uuid(Digest.of("hutch disk \(version) hash seed \(seed)"))
    )
  }

  /// The first 16 bytes, marked as version 8, "custom" (RFC 9562, section 5.8).
  private static func uuid(_ digest: Digest) -> String {
    var bytes = Array(digest.bytes.prefix(16))
    bytes[6] = bytes[6] & 0x0F | 0x80
    bytes[8] = bytes[8] & 0x3F | 0x80
    let hex = Hex.encode(bytes)
    var text = ""
    for (index, digit) in hex.enumerated() {
      if [8, 12, 16, 20].contains(index) { text.append("-") }
      text.append(digit)
    }
    return text
  }

  /// Arguments of `mke2fs` that make an empty file system, or one with `tree` in it.
  static func arguments(seed: Digest, tree: String, output: String) -> [String] {
    let (uuid, hashSeed) = identifiers(seed: seed)
    // The image starts as a hole, so all inode tables are zero and are marked so: else the guest
    // would write 0.8 GB of zeroes behind the user's back.
    let extended = [
      "hash_seed=\(hashSeed)", "root_owner=0:0", "nodiscard", "lazy_itable_init=1",
      "lazy_journal_init=1", "assume_storage_prezeroed=1",
    ]
    return [
      "-q", "-F", "-t", "ext4", "-b", "\(blockSize)", "-I", "256", "-i", "16384",
      "-G", "\(groupCount)", "-J", "size=32", "-m", "0", "-e", "remount-ro", "-L", "hutch",
      "-U", uuid, "-O", "none," + features.joined(separator: ","),
      "-E", extended.joined(separator: ","), "-d", tree, output, "\(blockCount)",
    ]
  }
}
