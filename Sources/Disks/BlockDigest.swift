internal import Glibc
package import Host
package import Vocabulary

/// The digest by which disks are compared: over what they hold, not over how many zeroes lie
/// between, nor over where the host's file system has holes.
package enum BlockDigest {
  /// SHA-256 over every 4 KiB block that is not all zero, ascending: its number as 8 bytes,
  /// big-endian, then its contents. A last block that is short counts as filled with zeroes.
  package static func of(_ file: borrowing OwnedDescriptor) throws(HostError) -> Digest {
    let blockSize = DiskFormat.blockSize
    let zero = [UInt8](repeating: 0, count: blockSize)
    let end = try file.status().size
    var stream = DigestStream()
    var offset = try file.nextData(from: 0) ?? end
    while offset < end {
      // Holes begin and end wherever the host's blocks do.
      offset -= offset % Int64(blockSize)
      let hole = try file.nextHole(from: offset)
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
          }
        }
        offset += Int64(chunk.count)
      }
      offset = try file.nextData(from: max(offset, hole)) ?? end
    }
    return stream.finish()
  }
}
