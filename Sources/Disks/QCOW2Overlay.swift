package import Vocabulary

/// What the file below an overlay is. Written into the overlay so that nothing probes it.
package enum BackingFormat: String, Sendable, CaseIterable {
  case raw
  case qcow2
}

/// An empty qcow2 overlay (version 3, clusters of 64 KiB, extended L2 entries), as a value.
///
/// Cluster 0 holds the header, its extensions and the backing name; cluster 1 the refcount table,
/// cluster 2 its only refcount block, the clusters from 3 on an L1 table of zeroes. Three of them
/// hold data, so the file takes 12 KiB of its 256. The same values give the same bytes.
/// Format: qcow2.rst of QEMU, "Header", "Header extensions", "Extended L2 Entries".
package struct QCOW2Overlay: Sendable, Hashable {
  /// What the guest sees, in bytes. It may exceed the backing file: the rest reads as zeroes.
  package let virtualSize: ByteCount
  /// Relative to the directory of the overlay.
  package let backingName: String
  package let backingFormat: BackingFormat

  package init(
    virtualSize: ByteCount, backingName: String, backingFormat: BackingFormat
  ) throws(DisksError) {
    guard virtualSize.bytes.isMultiple(of: 512), QCOW2.sizes.contains(virtualSize.bytes) else {
      throw .unusableVirtualSize(bytes: virtualSize.bytes)
    }
    guard QCOW2.isUsable(backingName: Array(backingName.utf8)) else {
      throw .unusableBackingName(backingName)
    }
    self.virtualSize = virtualSize
    self.backingName = backingName
    self.backingFormat = backingFormat
  }

  /// Bytes of the file, holes included.
  package var fileSize: Int64 { Int64(3 + l1Clusters) * QCOW2.clusterSize }

  /// Everything that is not zero, in the order of the file.
  package var segments: [(offset: Int64, bytes: [UInt8])] {
    var table = BigEndianBytes()
    table.append(UInt64(2 * QCOW2.clusterSize))
    var block = BigEndianBytes()
    for _ in 0..<(3 + l1Clusters) { block.append(UInt16(1)) }
    return [
      (0, header), (QCOW2.clusterSize, table.bytes), (2 * QCOW2.clusterSize, block.bytes),
    ]
  }

  /// The whole file in memory.
  package var bytes: [UInt8] {
    var file = [UInt8](repeating: 0, count: Int(fileSize))
    for (offset, bytes) in segments {
      file.replaceSubrange(Int(offset)..<Int(offset) + bytes.count, with: bytes)
    }
    return file
  }

  private var l1Clusters: Int {
    Int((QCOW2.l1Entries(for: virtualSize.bytes) * 8 + QCOW2.clusterSize - 1) / QCOW2.clusterSize)
  }

  private var header: [UInt8] {
    QCOW2.header(
      virtualSize: virtualSize.bytes, l1Offset: 3 * QCOW2.clusterSize, backingName: backingName,
      backingFormat: backingFormat)
  }
}

/// The numbers of the subset of qcow2 that we write and read.
enum QCOW2 {
  static let magic: UInt32 = 0x5146_49FB
  static let clusterBits = 16
  static let clusterSize: Int64 = 1 << 16
  static let headerLength = 112
  /// Refcounts of 16 bits.
  static let refcountOrder = 4
  static let extendedL2: UInt64 = 1 << 4
  static let backingFormatExtension: UInt32 = 0xE279_2ACA
  /// In an entry of a table: nobody else refers to the cluster ("COPIED").
  static let isOwn: UInt64 = 1 << 63
  static let sizes: ClosedRange<Int64> = (1 << 20)...(16 << 40)

  /// An extended L2 entry has 16 bytes, so one L2 table reaches over 256 MiB.
  static func l1Entries(for virtualSize: Int64) -> Int64 {
    let reach = clusterSize / 16 * clusterSize
    return (virtualSize + reach - 1) / reach
  }

  /// QEMU takes what stands before a colon for a protocol; an absolute path would bind the store
  /// to its place.
  static func isUsable(backingName name: [UInt8]) -> Bool {
    (1...1023).contains(name.count) && name.first != UInt8(ascii: "/")
      && name.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: ":") }
  }

  /// The first cluster's contents: header, extensions, backing name. The refcount table is
  /// cluster 1.
  static func header(
    virtualSize: Int64, l1Offset: Int64, backingName: String, backingFormat: BackingFormat
  ) -> [UInt8] {
    let name = Array(backingName.utf8)
    let format = Array(backingFormat.rawValue.utf8)
    let paddedFormat = format + [UInt8](repeating: 0, count: (8 - format.count % 8) % 8)
    let nameOffset = headerLength + 8 + paddedFormat.count + 8

    var out = BigEndianBytes()
    out.append(magic)
    out.append(UInt32(3))
    out.append(UInt64(nameOffset))
    out.append(UInt32(name.count))
    out.append(UInt32(clusterBits))
    out.append(UInt64(virtualSize))
    out.append(UInt32(0))  // no encryption
    out.append(UInt32(l1Entries(for: virtualSize)))
    out.append(UInt64(l1Offset))
    out.append(UInt64(clusterSize))
    out.append(UInt32(1))  // clusters of the refcount table
    out.append(UInt32(0))  // no snapshots
    out.append(UInt64(0))
    out.append(extendedL2)
    out.append(UInt64(0))  // compatible features
    out.append(UInt64(0))  // autoclear features
    out.append(UInt32(refcountOrder))
    out.append(UInt32(headerLength))
    out.append(UInt64(0))  // compression type and padding
    out.append(backingFormatExtension)
    out.append(UInt32(format.count))
    out.append(contentsOf: paddedFormat)
    out.append(UInt64(0))  // end of the extensions
    out.append(contentsOf: name)
    return out.bytes
  }
}
