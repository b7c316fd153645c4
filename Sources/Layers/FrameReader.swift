internal import CZstd
package import Host
internal import Vocabulary

/// Where each frame of a blob begins, compressed and plain.
package struct SeekTable: Sendable, Hashable {
  static let frameMagic: UInt32 = 0x184D_2A5E
  static let footerMagic: UInt32 = 0x8F92_EAB1
  /// Twice what fits on a disk of 64 GiB: a small blob can't say that it is a huge one.
  private static let mostFrames = 1 << 15

  package struct Frame: Sendable, Hashable {
    package var offset: Int64
    package var compressed: Int
    package var start: Int64
    package var plain: Int
  }

  package let frames: [Frame]
  package var size: Int64 { frames.last.map { $0.start + Int64($0.plain) } ?? 0 }

  /// `nil` for a stream without one. The table is believed only as far as it fits the file.
  package init?(_ file: borrowing OwnedDescriptor) throws(LayersError) {
    do {
      let length = try file.status().size
      guard length >= 17 else { return nil }
      let footer = try file.pread(at: length - 9, count: 9)
      guard footer.count == 9, Self.number(footer[5...]) == Self.footerMagic else { return nil }
      let count = Int(Self.number(footer[0...]))
      guard footer[4] == 0, count <= Self.mostFrames else {
        throw LayersError.damaged(what: "a seek table", reason: "it has an unknown form")
      }
      let body = count * 8 + 9
      let start = length - Int64(body) - 8
      guard start >= 0 else {
        throw LayersError.damaged(what: "a seek table", reason: "it is longer than its file")
      }
      let table = try file.pread(at: start, count: body + 8)
      guard table.count == body + 8, Self.number(table[0...]) == Self.frameMagic,
        Int(Self.number(table[4...])) == body
      else { throw LayersError.damaged(what: "a seek table", reason: "its frame is odd") }
      var frames: [Frame] = []
      var offset: Int64 = 0
      var plainOffset: Int64 = 0
      for index in 0..<count {
        let compressed = Int(Self.number(table[(8 + index * 8)...]))
        let plain = Int(Self.number(table[(12 + index * 8)...]))
        // All but the last are full, and only an empty stream has an empty one.
        let full = FrameCompressor.frameSize
        let isPlausible =
          index < count - 1 ? plain == full : plain <= full && (plain > 0 || count == 1)
        guard isPlausible, compressed <= full + full / 64 else {
          throw LayersError.damaged(what: "a seek table", reason: "a frame has an odd size")
        }
        frames.append(
          Frame(offset: offset, compressed: compressed, start: plainOffset, plain: plain))
        offset += Int64(compressed)
        plainOffset += Int64(plain)
      }
      guard offset == start else {
        throw LayersError.damaged(what: "a seek table", reason: "its sizes don't fit the file")
      }
      self.frames = frames
    } catch let error as LayersError {
      throw error
    } catch let error as HostError {
      throw .host(error)
    } catch {
      throw .damaged(what: "a seek table", reason: "\(error)")
    }
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    bytes.prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }
}

/// Reads a blob of ours, any part of it without the rest.
package final class FrameReader {
  private let file: OwnedDescriptor
  package let table: SeekTable
  private var cached: (index: Int, bytes: [UInt8])?

  package init(_ path: String) throws(LayersError) {
    do {
      file = try OwnedDescriptor.open(path, .read)
    } catch {
      throw .host(error)
    }
    guard let table = try SeekTable(file) else {
      throw .damaged(what: "\"\(path)\"", reason: "it has no seek table")
    }
    self.table = table
  }

  /// Plain bytes; fewer only where the stream ends.
  package func read(at offset: Int64, count: Int) throws(LayersError) -> [UInt8] {
    var bytes: [UInt8] = []
    var position = offset
    while bytes.count < count, position < table.size {
      let index = frameIndex(holding: position)
      let frame = try frame(index)
      let from = Int(position - table.frames[index].start)
      let part = frame[from..<min(frame.count, from + count - bytes.count)]
      bytes += part
      position += Int64(part.count)
    }
    return bytes
  }

  /// One frame, decoded; the last one asked for is kept.
  package func frame(_ index: Int) throws(LayersError) -> [UInt8] {
    if let cached, cached.index == index { return cached.bytes }
    let place = table.frames[index]
    let compressed: [UInt8]
    do {
      compressed = try file.pread(at: place.offset, count: place.compressed)
    } catch {
      throw .host(error)
    }
    let bytes = try Zstd.decompress(compressed, size: place.plain)
    cached = (index, bytes)
    return bytes
  }

  /// What the file holds, for hashing: compressed bytes of one frame, and of the table at the end.
  package func compressedFrame(_ index: Int) throws(LayersError) -> [UInt8] {
    do {
      return try file.pread(
        at: table.frames[index].offset, count: table.frames[index].compressed)
    } catch {
      throw .host(error)
    }
  }

  private func frameIndex(holding position: Int64) -> Int {
    var low = 0
    var high = table.frames.count - 1
    while low < high {
      let middle = (low + high + 1) / 2
      if table.frames[middle].start <= position { low = middle } else { high = middle - 1 }
    }
    return low
  }
}

/// Whole values in memory.
package enum Zstd {
  /// `size` is what the frame must decode to.
  package static func decompress(_ bytes: [UInt8], size: Int) throws(LayersError) -> [UInt8] {
    var code = 0
    let output = unsafe [UInt8](unsafeUninitializedCapacity: max(1, size)) { buffer, count in
      code = unsafe bytes.withUnsafeBytes { source in
        unsafe ZSTD_decompress(buffer.baseAddress, size, source.baseAddress, source.count)
      }
      count = ZSTD_isError(code) == 0 ? min(code, size) : 0
    }
    if ZSTD_isError(code) != 0 {
      throw .damaged(
        what: "a zstd frame", reason: unsafe String(cString: ZSTD_getErrorName(code)))
    }
    guard output.count == size else {
      throw .damaged(what: "a zstd frame", reason: "it holds \(output.count) bytes, not \(size)")
    }
    return output
  }

  package static func compress(_ bytes: [UInt8]) throws(LayersError) -> [UInt8] {
    var code = 0
    let bound = ZSTD_compressBound(bytes.count)
    let output = unsafe [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
      code = unsafe bytes.withUnsafeBytes { source in
        unsafe ZSTD_compress(
          buffer.baseAddress, bound, source.baseAddress, source.count, FrameCompressor.level)
      }
      count = ZSTD_isError(code) == 0 ? code : 0
    }
    if ZSTD_isError(code) != 0 {
      throw .compression(unsafe String(cString: ZSTD_getErrorName(code)))
    }
    return output
  }

  /// What the frame says it decodes to; refused above `limit`.
  package static func decompress(_ bytes: [UInt8], limit: Int) throws(LayersError) -> [UInt8] {
    let size = unsafe bytes.withUnsafeBytes {
      unsafe ZSTD_getFrameContentSize($0.baseAddress, $0.count)
    }
    guard size <= UInt64(limit) else {
      throw .damaged(what: "a zstd frame", reason: "it does not say a size below \(limit)")
    }
    return try decompress(bytes, size: Int(size))
  }
}
