internal import Glibc
internal import Host

/// The file that a disk becomes: bare, or clusters of a qcow2. Threads write to it at once, each
/// to places of its own.
final class DiskOutput: Sendable {
  private let file: OwnedDescriptor
  /// Where the clusters of the disk lie in the file; `nil` where the file is the disk.
  private let clusters: DeltaClusters?

  init(_ file: consuming OwnedDescriptor, clusters: DeltaClusters?) {
    self.file = file
    self.clusters = clusters
  }

  /// `offset` counts from the disk's begin. Blocks that are all zero stay holes: the file is new.
  func write(_ buffer: UnsafeRawBufferPointer, at offset: Int64) throws(HostError) {
    guard let clusters else { return try unsafe writeSparsely(buffer, at: offset) }
    var done = 0
    while done < buffer.count {
      let place = clusters.place(of: offset + Int64(done), upTo: buffer.count - done)
      try unsafe writeSparsely(
        UnsafeRawBufferPointer(rebasing: buffer[done..<done + place.count]), at: place.offset)
      done += place.count
    }
  }

  func write(_ bytes: ArraySlice<UInt8>, at offset: Int64) throws(HostError) {
    var failure: HostError?
    unsafe bytes.withUnsafeBytes { buffer in
      do throws(HostError) {
        try unsafe write(buffer, at: offset)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }

  private func writeSparsely(
    _ buffer: UnsafeRawBufferPointer, at offset: Int64
  ) throws(HostError) {
    let size = DiskFormat.blockSize
    var start = 0
    var position = 0
    while position < buffer.count {
      // Up to the next border of a block of the file.
      let end = min(
        buffer.count, position + size - Int((offset + Int64(position)) % Int64(size)))
      if unsafe Self.isZero(UnsafeRawBufferPointer(rebasing: buffer[position..<end])) {
        try unsafe put(buffer, start..<position, offset)
        start = end
      }
      position = end
    }
    try unsafe put(buffer, start..<buffer.count, offset)
  }

  private func put(
    _ buffer: UnsafeRawBufferPointer, _ range: Range<Int>, _ offset: Int64
  ) throws(HostError) {
    if range.isEmpty { return }
    let part = unsafe UnsafeRawBufferPointer(rebasing: buffer[range])
    try unsafe file.pwriteAll(part, at: offset + Int64(range.lowerBound))
  }

  private static let zero = [UInt8](repeating: 0, count: DiskFormat.blockSize)

  private static func isZero(_ buffer: UnsafeRawBufferPointer) -> Bool {
    unsafe buffer.count <= zero.count && memcmp(buffer.baseAddress!, zero, buffer.count) == 0
  }
}
