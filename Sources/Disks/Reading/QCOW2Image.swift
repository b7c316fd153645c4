package import Host
internal import Vocabulary

/// An overlay of ours with what QEMU has written into it, read without QEMU.
///
/// What is not in it is read from below: from the file that the caller has opened, never from one
/// that a header names. Every place that a table names is checked to lie in the file and on a
/// cluster; no table leads to another table of its kind, so a lookup takes two steps whatever the
/// file says. Format: qcow2.rst of QEMU, "L1 table entry", "Standard Cluster Descriptor",
/// "Extended L2 Entries".
package final class QCOW2Image: DiskContents {
  /// Longer chains are refused.
  package static let mostOverlays = 16
  /// Tables of 64 KiB that are kept, 4 MiB in all; with extended entries they reach over 16 GiB.
  private static let keptTables = 64

  package let header: QCOW2Header
  package let overlays: Int
  private let path: String
  private let file: OwnedDescriptor
  private let fileSize: Int64
  private let backing: any DiskContents
  private let l1: [UInt64]
  private var tables: [(index: Int, words: [UInt64])?]

  /// - Parameters:
  ///   - path: for errors only.
  ///   - backingName: what the header must name, literally; nothing is opened by it.
  ///   - backing: what lies below, in the format `backingFormat`.
  package init(
    _ file: consuming OwnedDescriptor, path: String, backingName: String,
    backingFormat: BackingFormat, over backing: any DiskContents
  ) throws(DisksError) {
    let header = try QCOW2Header.read(from: file, path: path)
    try header.requireBacking(backingName, backingFormat, path: path)
    overlays = backing.overlays + 1
    guard overlays <= Self.mostOverlays else {
      throw .refusedImage(path: path, reason: .chainTooLong(overlays))
    }
    do throws(HostError) {
      fileSize = try file.status().size
    } catch {
      throw .host(error)
    }
    let table = try file.readFilled(at: header.l1Offset, count: header.l1Entries * 8)
    l1 = Self.words(table)
    tables = Array(repeating: nil, count: Self.keptTables)
    self.header = header
    self.path = path
    self.file = file
    self.backing = backing
  }

  package var size: Int64 { header.virtualSize.bytes }

  package func read(at offset: Int64, count: Int) throws(DisksError) -> [UInt8] {
    precondition(offset >= 0 && count >= 0, "a place on a disk is not negative")
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    let inside = Int(clamping: max(0, size - offset))
    while bytes.count < min(count, inside) {
      let place = offset + Int64(bytes.count)
      let part = try stretch(at: place, limit: Int64(min(count, inside) - bytes.count))
      switch part.origin {
      case .zero: bytes += [UInt8](repeating: 0, count: Int(part.count))
      case .backing: bytes += try backing.read(at: place, count: Int(part.count))
      case .data(let host): bytes += try file.readFilled(at: host, count: Int(part.count))
      }
    }
    return bytes + [UInt8](repeating: 0, count: count - bytes.count)
  }

  // MARK: Tables

  /// Where a part of the disk comes from.
  enum Origin: Hashable {
    case backing
    case zero
    /// A place in this file.
    case data(at: Int64)
  }

  /// From `offset`, which lies inside of the disk: `limit` bytes at most, of one origin; more of the
  /// same may follow.
  func stretch(at offset: Int64, limit: Int64) throws(DisksError) -> (origin: Origin, count: Int64)
  {
    let reach = header.hasExtendedL2 ? QCOW2.clusterSize / 16 : QCOW2.clusterSize / 8
    let index = Int(offset / (reach * QCOW2.clusterSize))
    let end = min(offset + limit, Int64(index + 1) * reach * QCOW2.clusterSize, size)
    guard let table = try table(index, for: offset) else { return (.backing, end - offset) }
    var (origin, count) = try piece(of: table, at: offset)
    while offset + count < end {
      let (next, more) = try piece(of: table, at: offset + count)
      let wanted: Origin
      if case .data(let host) = origin { wanted = .data(at: host + count) } else { wanted = origin }
      guard next == wanted else { break }
      count += more
    }
    return (origin, min(count, end - offset))
  }

  /// The L2 table of that number; `nil` if nothing of its reach is in this file.
  private func table(_ index: Int, for offset: Int64) throws(DisksError) -> [UInt64]? {
    // The header was refused unless the table is long enough for the size.
    let entry = l1[index]
    guard entry & 0x7F00_0000_0000_01FF == 0 else { throw refusal(.reservedBits(at: offset)) }
    let place = Int64(entry & QCOW2.offsetMask)
    if place == 0 { return nil }
    let slot = index % Self.keptTables
    if let kept = tables[slot], kept.index == index { return kept.words }
    guard place >= QCOW2.clusterSize, place.isMultiple(of: QCOW2.clusterSize),
      place <= fileSize - QCOW2.clusterSize
    else { throw refusal(.tableOutside(at: offset)) }
    let words = Self.words(try file.readFilled(at: place, count: Int(QCOW2.clusterSize)))
    tables[slot] = (index, words)
    return words
  }

  /// What an L2 table says of a place, to the end of its cluster or of the subclusters of one kind.
  private func piece(
    of table: [UInt64], at offset: Int64
  ) throws(DisksError) -> (origin: Origin, count: Int64) {
    let size = QCOW2.clusterSize
    let cluster = Int(offset / size)
    let within = offset % size
    let entry =
      header.hasExtendedL2
      ? table[cluster % (table.count / 2) * 2] : table[cluster % table.count]
    guard entry & QCOW2.compressed == 0 else { throw refusal(.compressed(at: offset)) }
    let mayBeZero: UInt64 = header.hasExtendedL2 ? 0 : 1
    guard entry & 0x3F00_0000_0000_01FF & ~mayBeZero == 0 else {
      throw refusal(.reservedBits(at: offset))
    }
    let host = Int64(entry & QCOW2.offsetMask)
    // A cluster must begin in the file; the last one need not end there, and reads as zeroes then.
    guard host == 0 || (host >= size && host.isMultiple(of: size)) else {
      throw refusal(.dataOutside(at: offset))
    }
    guard header.hasExtendedL2 else {
      if entry & 1 != 0 { return (.zero, size - within) }
      guard host < fileSize else { throw refusal(.dataOutside(at: offset)) }
      return (host == 0 ? .backing : .data(at: host + within), size - within)
    }
    let bits = table[cluster % (table.count / 2) * 2 + 1]
    let allocated = UInt32(truncatingIfNeeded: bits)
    let zero = UInt32(truncatingIfNeeded: bits >> 32)
    guard allocated & zero == 0, host != 0 || allocated == 0 else {
      throw refusal(.subclusters(at: offset))
    }
    guard allocated == 0 || host < fileSize else { throw refusal(.dataOutside(at: offset)) }
    let first = Int(within / QCOW2.subclusterSize)
    // Bits from `first` on that are like its own.
    let like = { (mask: UInt32) -> Int in (~(mask >> UInt32(first))).trailingZeroBitCount }
    let (origin, count): (Origin, Int)
    if allocated >> UInt32(first) & 1 == 1 {
      (origin, count) = (.data(at: host + within), like(allocated))
    } else if zero >> UInt32(first) & 1 == 1 {
      (origin, count) = (.zero, like(zero))
    } else {
      (origin, count) = (.backing, like(~(allocated | zero)))
    }
    return (origin, Int64(min(32, first + count)) * QCOW2.subclusterSize - within)
  }

  private func refusal(_ reason: QCOW2Refusal) -> DisksError {
    .refusedImage(path: path, reason: reason)
  }

  private static func words(_ bytes: [UInt8]) -> [UInt64] {
    stride(from: 0, to: bytes.count - bytes.count % 8, by: 8).map { start in
      var word: UInt64 = 0
      for byte in bytes[start..<start + 8] { word = word << 8 | UInt64(byte) }
      return word
    }
  }
}
