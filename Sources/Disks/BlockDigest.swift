internal import Glibc
package import Host
internal import Synchronization
package import Vocabulary

/// The digest by which disks are compared: over what a file holds, not over how many zeroes lie
/// between, nor over where the host's file system has holes. Worked out on all cores.
package enum BlockDigest {
  /// Files are cut into parts of this many bytes, so that the digest does not depend on how many
  /// cores there are.
  private static let partSize: Int64 = 32 << 20

  /// SHA-256 over every part that is not all zero, ascending: its number as 8 bytes, big-endian,
  /// then the SHA-256 of its blocks. Those are, ascending, each block of 4 KiB that is not all
  /// zero: its number in the file as 8 bytes, big-endian, then its contents. A last block that is
  /// short counts as filled with zeroes.
  package static func of(_ file: borrowing OwnedDescriptor) throws(HostError) -> Digest {
    let source = Source(try file.duplicate())
    let parts = try parts(with: source)
    let digests = Mutex([Digest?](repeating: nil, count: parts.count))
    try Parallel.forEach(parts.count) { index throws(HostError) in
      let digest = try source.digest(ofPart: parts[index])
      digests.withLock { $0[index] = digest }
    }
    var whole = DigestStream()
    for (part, digest) in zip(parts, digests.withLock { $0 }) {
      guard let digest else { continue }
      var number = BigEndianBytes()
      number.append(UInt64(part))
      whole.update(number.bytes)
      whole.update(Array(digest.bytes))
    }
    return whole.finish()
  }

  /// Numbers of the parts in which there is data.
  private static func parts(with source: Source) throws(HostError) -> [Int64] {
    var parts: [Int64] = []
    var offset = try source.file.nextData(from: 0)
    while let start = offset {
      let hole = try source.file.nextHole(from: start)
      let first = max(start / partSize, (parts.last ?? -1) + 1)
      let last = max(start, hole - 1) / partSize
      if first <= last { parts += first...last }
      offset = try source.file.nextData(from: max(hole, (last + 1) * partSize))
    }
    return parts
  }

  /// The file, for several threads.
  private final class Source: Sendable {
    let file: OwnedDescriptor

    init(_ file: consuming OwnedDescriptor) { self.file = file }

    /// `nil` if all is zero.
    func digest(ofPart part: Int64) throws(HostError) -> Digest? {
      let blockSize = DiskFormat.blockSize
      let zero = [UInt8](repeating: 0, count: blockSize)
      let end = min(try file.status().size, (part + 1) * partSize)
      var stream = DigestStream()
      var isEmpty = true
      var offset = try file.nextData(from: part * partSize) ?? end
      while offset < end {
        // Holes begin and end wherever the host's blocks do.
        offset -= offset % Int64(blockSize)
        let hole = min(end, try file.nextHole(from: offset))
        while offset < hole {
          try Interrupt.check()
          var chunk = try file.pread(at: offset, count: min(1 << 20, Int(clamping: end - offset)))
          if chunk.isEmpty { break }
          chunk += [UInt8](repeating: 0, count: (blockSize - chunk.count % blockSize) % blockSize)
          let first = offset / Int64(blockSize)
          unsafe chunk.withUnsafeBytes { buffer in
            for index in 0..<buffer.count / blockSize {
              let block = unsafe UnsafeRawBufferPointer(
                rebasing: buffer[index * blockSize..<(index + 1) * blockSize])
              if unsafe memcmp(block.baseAddress!, zero, blockSize) == 0 { continue }
              var number = BigEndianBytes()
              number.append(UInt64(first + Int64(index)))
              stream.update(number.bytes)
              unsafe stream.update(block)
              isEmpty = false
            }
          }
          offset += Int64(chunk.count)
        }
        offset = try file.nextData(from: max(offset, hole)) ?? end
      }
      return isEmpty ? nil : stream.finish()
    }
  }
}
