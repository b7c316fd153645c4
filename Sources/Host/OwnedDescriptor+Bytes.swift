internal import CLinux
internal import Glibc
internal import Vocabulary

extension OwnedDescriptor {
  /// At most `count` bytes; none at the end.
  package func read(upTo count: Int) throws(HostError) -> [UInt8] {
    var failure: Int32 = 0
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      repeat {
        let got = unsafe Glibc.read(raw, buffer.baseAddress, count)
        failure = got < 0 ? errno : 0
        filled = max(0, got)
      } while failure == EINTR
    }
    if failure != 0 {
      throw .system(operation: "read", path: "descriptor \(raw)", errno: failure)
    }
    return bytes
  }

  /// Everything from here to the end; `.tooLarge` past `limit` bytes.
  package func readAll(limit: Int) throws(HostError) -> [UInt8] {
    var all: [UInt8] = []
    while true {
      let part = try read(upTo: min(1 << 20, max(4096, limit - all.count + 1)))
      if part.isEmpty { return all }
      all += part
      if all.count > limit {
        throw .tooLarge(path: "descriptor \(raw)", limit: ByteCount(limit))
      }
    }
  }

  /// `count` bytes at `offset`; fewer only where the file ends.
  package func pread(at offset: Int64, count: Int) throws(HostError) -> [UInt8] {
    var failure: Int32 = 0
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      filled = 0
      while filled < count {
        let got = unsafe Glibc.pread(
          raw, buffer.baseAddress! + filled, count - filled, off_t(offset) + off_t(filled))
        if got < 0 && errno == EINTR { continue }
        if got < 0 { failure = errno }
        if got <= 0 { break }
        filled += got
      }
    }
    if failure != 0 {
      throw .system(operation: "read", path: "descriptor \(raw)", errno: failure)
    }
    return bytes
  }

  package func writeAll(_ bytes: [UInt8]) throws(HostError) {
    try writeAll(bytes[...])
  }

  package func writeAll(_ slice: ArraySlice<UInt8>) throws(HostError) {
    let failure = unsafe slice.withUnsafeBytes { unsafe writeFully($0) }
    if failure != 0 {
      throw .system(operation: "write", path: "descriptor \(raw)", errno: failure)
    }
  }

  package func writeAll(_ buffer: UnsafeRawBufferPointer) throws(HostError) {
    let failure = unsafe writeFully(buffer)
    if failure != 0 {
      throw .system(operation: "write", path: "descriptor \(raw)", errno: failure)
    }
  }

  private func writeFully(_ buffer: UnsafeRawBufferPointer) -> Int32 {
    var done = 0
    while done < buffer.count {
      let count = unsafe Glibc.write(raw, buffer.baseAddress! + done, buffer.count - done)
      if count < 0 {
        if errno == EINTR { continue }
        return errno
      }
      done += count
    }
    return 0
  }

  package func pwriteAll(_ bytes: [UInt8], at offset: Int64) throws(HostError) {
    let failure = unsafe bytes.withUnsafeBytes { unsafe pwriteFully($0, offset) }
    if failure != 0 {
      throw .system(operation: "write", path: "descriptor \(raw)", errno: failure)
    }
  }

  /// The buffer is only read during the call.
  package func pwriteAll(
    _ buffer: UnsafeRawBufferPointer, at offset: Int64
  ) throws(HostError) {
    let failure = unsafe pwriteFully(buffer, offset)
    if failure != 0 {
      throw .system(operation: "write", path: "descriptor \(raw)", errno: failure)
    }
  }

  private func pwriteFully(_ buffer: UnsafeRawBufferPointer, _ offset: Int64) -> Int32 {
    var done = 0
    while done < buffer.count {
      let count = unsafe Glibc.pwrite(
        raw, buffer.baseAddress! + done, buffer.count - done, off_t(offset) + off_t(done))
      if count < 0 {
        if errno == EINTR { continue }
        return errno
      }
      done += count
    }
    return 0
  }

  package func truncate(to size: Int64) throws(HostError) {
    try check(ftruncate(raw, off_t(size)) < 0 ? -errno : 0, "resize", "descriptor \(raw)")
  }

  /// `fsync(2)`: contents and what is needed to find them are on the disk afterwards.
  package func sync() throws(HostError) {
    try check(fsync(raw) < 0 ? -errno : 0, "sync", "descriptor \(raw)")
  }

  /// From the start again.
  package func rewind() throws(HostError) {
    try check(lseek(raw, 0, SEEK_SET) < 0 ? -errno : 0, "seek", "descriptor \(raw)")
  }

  /// The first offset at or after `offset` that holds data; `nil` if there is none.
  package func nextData(from offset: Int64) throws(HostError) -> Int64? {
    let found = hutch_seek_data(raw, offset)
    if found == Int64(-ENXIO) { return nil }
    return try check(found, "seek", "descriptor \(raw)")
  }

  /// The first offset at or after `offset` that is in a hole; a file ends with one.
  package func nextHole(from offset: Int64) throws(HostError) -> Int64 {
    try check(hutch_seek_hole(raw, offset), "seek", "descriptor \(raw)")
  }

  package func setNonblocking(_ on: Bool) throws(HostError) {
    try check(hutch_set_nonblocking(raw, on ? 1 : 0), "change", "descriptor \(raw)")
  }
}
