package import Vocabulary

/// Why a file is not taken for an overlay of ours.
package enum QCOW2Refusal: Error, Sendable, Hashable, CustomStringConvertible {
  case truncated
  case notQCOW2
  case version(UInt32)
  case geometry(String)
  case encrypted
  case snapshots
  case dirty
  case corrupt
  case externalDataFile
  case incompatibleFeatures(UInt64)
  case extensions
  case noBackingFile
  case backingName
  case backingFormat
  case foreignBacking(String)
  /// What it says of the place of the disk at this offset, in bytes: lies outside of the file.
  case outside(Int64)
  /// Has bits that no entry has.
  case tableEntry(Int64)
  case compressedCluster(Int64)
  /// Subclusters that are zero and data at once, or data without a place.
  case subclusters(Int64)

  package var description: String {
    switch self {
    case .truncated: "it is too short"
    case .notQCOW2: "it does not begin as qcow2 does"
    case .version(let version): "it has version \(version) instead of 3"
    case .geometry(let what): "its \(what) is not one that we write"
    case .encrypted: "it is encrypted"
    case .snapshots: "it has internal snapshots"
    case .dirty: "it was not closed"
    case .corrupt: "it is marked as corrupt"
    case .externalDataFile: "it names a data file"
    case .incompatibleFeatures(let bits): "it has unknown features (\(String(bits, radix: 16)))"
    case .extensions: "its header extensions don't fit"
    case .noBackingFile: "it has no backing file"
    case .backingName: "its backing file is not a relative path"
    case .backingFormat: "it does not say which format its backing file has"
    case .foreignBacking(let name): "it lies on \"\(name)\""
    case .outside(let offset): "what it has for byte \(offset) of the disk is outside of the file"
    case .tableEntry(let offset): "its table has a bad entry for byte \(offset) of the disk"
    case .compressedCluster(let offset): "it is compressed at byte \(offset) of the disk"
    case .subclusters(let offset): "its table contradicts itself at byte \(offset) of the disk"
    }
  }
}

/// What the header of an overlay says, read strictly: whatever we would not have written, and
/// whatever could make QEMU open a file that we did not name, is refused.
///
/// Format: qcow2.rst of QEMU, "Header". QEMU itself adds a feature name table when it updates a
/// header, so extensions that say nothing about other files are stepped over.
package struct QCOW2Header: Sendable, Hashable {
  package let virtualSize: ByteCount
  package let backingName: String
  package let backingFormat: BackingFormat
  package let hasExtendedL2: Bool
  /// Offset and number of entries of the L1 table.
  package let l1Offset: Int64
  package let l1Entries: Int

  /// - Parameters:
  ///   - bytes: the beginning of the file, up to one cluster (64 KiB).
  ///   - fileSize: of the whole file; every table must lie within it.
  package init(_ bytes: [UInt8], fileSize: Int64, path: String) throws(DisksError) {
    do {
      try self.init(strictly: bytes.prefix(Int(QCOW2.clusterSize)), fileSize: fileSize)
    } catch {
      throw .refusedImage(path: path, reason: error)
    }
  }

  /// Refuses every backing file but the named one.
  package func requireBacking(
    _ name: String, _ format: BackingFormat, path: String
  ) throws(DisksError) {
    guard backingName == name, backingFormat == format else {
      throw .refusedImage(path: path, reason: .foreignBacking(backingName))
    }
  }

  private init(strictly bytes: ArraySlice<UInt8>, fileSize: Int64) throws(QCOW2Refusal) {
    let reader = BigEndianReader(bytes: Array(bytes))
    func word(_ offset: Int) throws(QCOW2Refusal) -> UInt32 {
      guard let value = reader.number(UInt32.self, at: offset) else { throw .truncated }
      return value
    }
    func long(_ offset: Int) throws(QCOW2Refusal) -> UInt64 {
      guard let value = reader.number(UInt64.self, at: offset) else { throw .truncated }
      return value
    }

    guard try word(0) == QCOW2.magic else { throw .notQCOW2 }
    guard try word(4) == 3 else { throw .version(try word(4)) }
    let features = try long(72)
    if features & 1 != 0 { throw .dirty }
    if features & 2 != 0 { throw .corrupt }
    if features & 4 != 0 { throw .externalDataFile }
    guard features & ~QCOW2.extendedL2 == 0 else { throw .incompatibleFeatures(features) }
    guard try long(88) & 2 == 0 else { throw .externalDataFile }
    guard try word(32) == 0 else { throw .encrypted }
    guard try word(60) == 0 else { throw .snapshots }
    guard try word(20) == UInt32(QCOW2.clusterBits) else { throw .geometry("cluster size") }
    guard try word(96) == UInt32(QCOW2.refcountOrder) else { throw .geometry("refcount width") }
    let headerLength = Int(try word(100))
    guard (104...4096).contains(headerLength), headerLength.isMultiple(of: 8) else {
      throw .geometry("header length")
    }
    if headerLength > 104 {
      guard try long(104) == 0 else { throw .geometry("compression type") }
    }

    let size = try long(24)
    guard size.isMultiple(of: 512), let bytes = Int64(exactly: size), QCOW2.sizes.contains(bytes)
    else { throw .geometry("virtual size") }
    virtualSize = ByteCount(bytes)
    hasExtendedL2 = features & QCOW2.extendedL2 != 0

    let reach = QCOW2.clusterSize / (hasExtendedL2 ? 16 : 8) * QCOW2.clusterSize
    let entries = Int64(try word(36))
    guard entries >= (bytes + reach - 1) / reach, entries <= 1 << 20 else {
      throw .geometry("L1 table")
    }
    l1Entries = Int(entries)
    l1Offset = try Self.table(try long(40), bytes: entries * 8, fileSize, "L1 table")
    let refcountClusters = Int64(try word(56))
    guard (1...128).contains(refcountClusters) else { throw .geometry("refcount table") }
    _ = try Self.table(
      try long(48), bytes: refcountClusters * QCOW2.clusterSize, fileSize, "refcount table")

    let nameOffset = try long(8)
    let nameLength = Int(try word(16))
    guard nameOffset != 0, nameLength != 0 else { throw .noBackingFile }
    guard nameOffset <= UInt64(reader.bytes.count), nameLength <= 1023,
      let name = reader.slice(at: Int(nameOffset), count: nameLength)
    else { throw .truncated }
    guard QCOW2.isUsable(backingName: name), let text = String(validating: name, as: UTF8.self)
    else { throw .backingName }
    backingName = text
    backingFormat = try Self.backingFormat(reader, from: headerLength, to: Int(nameOffset))
  }

  /// The offset, if the table lies in whole clusters behind the header and within the file.
  private static func table(
    _ offset: UInt64, bytes: Int64, _ fileSize: Int64, _ what: String
  ) throws(QCOW2Refusal) -> Int64 {
    guard let offset = Int64(exactly: offset), offset >= QCOW2.clusterSize,
      offset.isMultiple(of: QCOW2.clusterSize), offset <= fileSize, bytes <= fileSize - offset
    else { throw .geometry(what) }
    return offset
  }

  private static func backingFormat(
    _ reader: BigEndianReader, from start: Int, to end: Int
  ) throws(QCOW2Refusal) -> BackingFormat {
    var offset = start
    var found: BackingFormat?
    while true {
      guard offset <= end - 8, let type = reader.number(UInt32.self, at: offset),
        let length = reader.number(UInt32.self, at: offset + 4),
        let body = reader.slice(at: offset + 8, count: Int(length))
      else { throw .extensions }
      switch type {
      case 0:
        guard length == 0 else { throw .extensions }
        guard let found else { throw .backingFormat }
        return found
      case QCOW2.backingFormatExtension:
        guard found == nil, let text = String(validating: body, as: UTF8.self),
          let format = BackingFormat(rawValue: text)
        else { throw .backingFormat }
        found = format
      case 0x4441_5441: throw .externalDataFile
      case 0x0537_BE77: throw .encrypted
      default: break
      }
      offset += 8 + (Int(length) + 7) / 8 * 8
    }
  }
}
