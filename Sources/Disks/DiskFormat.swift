package import Vocabulary

/// Format 1 of a disk: a bare ext4 file system of constant size. What differs from this is a
/// different format, because disks of one format share their blocks.
package enum DiskFormat {
  package static let version = 1
  package static let size = ByteCount.gibibytes(64)
  package static let blockSize = 4096
  /// has_journal, ext_attr, dir_index (ext4 documentation, "Super Block").
  static let compatible: UInt32 = 0x4 | 0x8 | 0x20
  /// filetype, extents, 64bit, flex_bg, metadata_csum_seed.
  static let incompatible: UInt32 = 0x2 | 0x40 | 0x80 | 0x200 | 0x2000
  /// sparse_super, large_file, huge_file, dir_nlink, extra_isize, metadata_csum.
  static let compatibleForReaders: UInt32 = 0x1 | 0x2 | 0x8 | 0x20 | 0x40 | 0x400
  static let blockCount = size.bytes / Int64(blockSize)
  /// One flex group for the whole: all bitmaps and inode tables stand together, in front.
  static let groupCount = blockCount / 32768
}
