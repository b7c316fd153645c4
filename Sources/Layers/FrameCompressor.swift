internal import CZstd
internal import Dispatch
package import Host
internal import Synchronization
package import Vocabulary

/// Independent zstd frames of exactly 4 MiB of input, then a seek table (Zstandard Seekable
/// Format 0.1.0). Any zstd reads it as one stream; the bytes depend on libzstd's version and not
/// on the number of cores.
package final class FrameCompressor {
  package static let frameSize = 4 << 20
  static let level: Int32 = 3
  static let windowLog: Int32 = 22

  /// As a manifest records it: `zstd:1.5.4:l3:f4M`.
  package static var codec: String {
    let number = ZSTD_versionNumber()
    return "zstd:\(number / 10_000).\(number / 100 % 100).\(number % 100):l\(level):f4M"
  }

  private let file: OwnedDescriptor
  private let queue = DispatchQueue(label: "hutch.zstd", attributes: .concurrent)
  private let threads: Int
  private let results = Results()
  private let contexts = Contexts()
  private var submitted = 0
  private var written = 0
  private var pending: [UInt8] = []
  private var sizes: [(compressed: UInt32, plain: UInt32)] = []
  private var plainSizes: [UInt32] = []
  private let plain = PlainDigest()
  private var blob = DigestStream()
  private var blobSize: Int64 = 0

  /// More than eight threads could not be fed, and would only hold more frames in memory.
  package init(
    to file: consuming OwnedDescriptor, threads: Int = min(8, HostEnvironment.current.cpuCount)
  ) {
    self.file = file
    self.threads = max(1, threads)
    pending.reserveCapacity(Self.frameSize)
  }

  package func append(_ bytes: ArraySlice<UInt8>) throws(LayersError) {
    var rest = bytes
    while !rest.isEmpty {
      let part = rest.prefix(Self.frameSize - pending.count)
      pending += part
      rest = rest.dropFirst(part.count)
      if pending.count == Self.frameSize { try submit() }
    }
  }

  /// Writes the last frame and the seek table and syncs the file. `plain` is the digest of all
  /// that was appended.
  package func finish() throws(LayersError) -> (plain: Digest, blob: Digest, size: ByteCount) {
    if !pending.isEmpty || submitted == 0 { try submit() }
    while written < submitted { try writeNext() }
    try write(seekTable)
    do { try file.sync() } catch { throw .host(error) }
    let stream = blob
    return (plain.finish(), stream.finish(), ByteCount(blobSize))
  }

  private func submit() throws(LayersError) {
    // Twice as many frames as cores are under way at most.
    while submitted - written >= 2 * threads { try writeNext() }
    let input = pending
    let number = submitted
    plainSizes.append(UInt32(input.count))
    plain.update(input)
    queue.async { [results, contexts] in results.add(contexts.compress(input), number) }
    submitted += 1
    pending = []
    pending.reserveCapacity(Self.frameSize)
  }

  /// In order, whichever is ready first.
  private func writeNext() throws(LayersError) {
    let frame = try results.wait(for: written).get()
    sizes.append((UInt32(frame.count), plainSizes[written]))
    written += 1
    try write(frame)
  }

  private func write(_ bytes: [UInt8]) throws(LayersError) {
    blob.update(bytes)
    blobSize += Int64(bytes.count)
    do { try file.writeAll(bytes) } catch { throw .host(error) }
  }

  /// A skippable frame (RFC 8878, section 3.1.2) that decoders pass over.
  private var seekTable: [UInt8] {
    var table: [UInt8] = []
    for size in sizes {
      table += littleEndian(size.compressed)
      table += littleEndian(size.plain)
    }
    table += littleEndian(UInt32(sizes.count)) + [0] + littleEndian(SeekTable.footerMagic)
    return littleEndian(SeekTable.frameMagic) + littleEndian(UInt32(table.count)) + table
  }
}

/// SHA-256 of one frame after the other, beside the compressing.
private final class PlainDigest: Sendable {
  private let queue = DispatchQueue(label: "hutch.digest")
  private let stream = Mutex(DigestStream())

  func update(_ bytes: [UInt8]) {
    queue.async { [self] in stream.withLock { $0.update(bytes) } }
  }

  func finish() -> Digest {
    queue.sync {
      stream.withLock { stream in
        let whole = stream
        return whole.finish()
      }
    }
  }
}

/// Compression contexts between frames: a new one for each frame would be several megabytes to
/// clear every time. A frame's bytes don't depend on what its context did before.
private final class Contexts: Sendable {
  private let idle = Mutex<[Context]>([])

  func compress(_ input: [UInt8]) -> Result<[UInt8], LayersError> {
    guard let context = idle.withLock({ $0.popLast() }) ?? Context() else {
      return .failure(.compression("out of memory"))
    }
    defer { idle.withLock { $0.append(context) } }
    return context.compress(input)
  }
}

/// One thread's at a time.
@safe private final class Context: @unchecked Sendable {
  private let pointer: OpaquePointer

  init?() {
    guard let new = unsafe ZSTD_createCCtx() else { return nil }
    unsafe pointer = new
    unsafe ZSTD_CCtx_setParameter(new, ZSTD_c_compressionLevel, FrameCompressor.level)
    unsafe ZSTD_CCtx_setParameter(new, ZSTD_c_windowLog, FrameCompressor.windowLog)
    unsafe ZSTD_CCtx_setParameter(new, ZSTD_c_contentSizeFlag, 1)
    unsafe ZSTD_CCtx_setParameter(new, ZSTD_c_checksumFlag, 1)
  }

  deinit { unsafe ZSTD_freeCCtx(pointer) }

  func compress(_ input: [UInt8]) -> Result<[UInt8], LayersError> {
    var code = 0
    let bound = ZSTD_compressBound(input.count)
    let output = unsafe [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
      code = unsafe input.withUnsafeBytes { source in
        unsafe ZSTD_compress2(pointer, buffer.baseAddress, bound, source.baseAddress, source.count)
      }
      count = ZSTD_isError(code) == 0 ? code : 0
    }
    if ZSTD_isError(code) != 0 {
      return .failure(.compression(unsafe String(cString: ZSTD_getErrorName(code))))
    }
    return .success(output)
  }
}

/// Frames that are compressed and not written yet, by number.
private final class Results: Sendable {
  private let finished = Mutex<[Int: Result<[UInt8], LayersError>]>([:])
  private let signal = DispatchSemaphore(value: 0)

  func add(_ result: Result<[UInt8], LayersError>, _ number: Int) {
    finished.withLock { $0[number] = result }
    signal.signal()
  }

  func wait(for number: Int) -> Result<[UInt8], LayersError> {
    while true {
      if let result = finished.withLock({ $0.removeValue(forKey: number) }) { return result }
      signal.wait()
    }
  }
}

func littleEndian(_ value: UInt32) -> [UInt8] {
  [UInt8(value & 255), UInt8(value >> 8 & 255), UInt8(value >> 16 & 255), UInt8(value >> 24)]
}
