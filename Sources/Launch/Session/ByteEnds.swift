internal import CLinux
internal import Glibc
internal import Host

/// Where a stream's input comes from.
package protocol ByteSource: AnyObject {
  /// Readable when there is something; -1 if there always is.
  var descriptor: Int32 { get }
  /// At most `count` bytes: `nil` when there is nothing now, empty at the end.
  func next(_ count: Int) throws -> [UInt8]?
}

/// Where a stream's output goes.
package protocol ByteSink: AnyObject {
  /// Writable when something can be taken; -1 if it always can.
  var descriptor: Int32 { get }
  /// How many bytes were taken; `nil` if nobody wants any more.
  func take(_ bytes: ArraySlice<UInt8>) throws -> Int?
}

/// One of the caller's own descriptors: a terminal, a file, a pipe, a socket, or closed.
package final class DescriptorSource: ByteSource {
  private let raw: Int32
  private let isOpen: Bool
  package var descriptor: Int32 { isOpen ? raw : -1 }

  package init(_ raw: Int32) {
    self.raw = raw
    isOpen = fcntl(raw, F_GETFD) >= 0
  }

  package func next(_ count: Int) throws -> [UInt8]? {
    guard isOpen else { return [] }
    switch try Bytes.read(raw, upTo: count) {
    case .bytes(let bytes): return bytes
    case .nothingNow: return nil
    case .end: return []
    }
  }
}

/// As `DescriptorSource`. The caller's descriptor may be shared with other processes and is never
/// made non-blocking; pipes and terminals are opened anew for that.
package final class DescriptorSink: ByteSink {
  private let raw: Int32
  /// The same file opened anew, ours to close; -1 if there is none.
  private let own: Int32
  private let isOpen: Bool
  /// A pipe that is ready takes this much without waiting (`PIPE_BUF`).
  private let most: Int
  package var descriptor: Int32 { isOpen ? target : -1 }
  private var target: Int32 { own >= 0 ? own : raw }

  package init(_ raw: Int32) {
    self.raw = raw
    isOpen = fcntl(raw, F_GETFD) >= 0
    var status = hutch_status()
    let known = unsafe hutch_status_at(raw, "", &status) == 0
    let kind = known ? Int(status.kind) : -1
    if kind == Int(HUTCH_FIFO.rawValue) || kind == Int(HUTCH_CHARACTER.rawValue) {
      let flags = O_WRONLY | O_NONBLOCK | O_NOCTTY | hutch_o_cloexec
      let again = unsafe hutch_open_at(hutch_at_fdcwd, "/proc/self/fd/\(raw)", flags, 0, 0)
      own = max(again, -1)
      most = again >= 0 ? .max : 4096
    } else {
      own = -1
      most = .max
    }
  }

  deinit { if own >= 0 { close(own) } }

  package func take(_ bytes: ArraySlice<UInt8>) throws -> Int? {
    guard isOpen else { return nil }
    return try Bytes.write(target, bytes.prefix(most))
  }
}

/// Input that a function makes, piece by piece; it gives an empty one at the end.
package final class FunctionSource: ByteSource {
  package let descriptor: Int32 = -1
  private let produce: (Int) throws -> [UInt8]

  /// - Parameter produce: gets the most that it may give.
  package init(_ produce: @escaping (Int) throws -> [UInt8]) { self.produce = produce }

  package convenience init(_ bytes: [UInt8]) {
    var rest = bytes[...]
    self.init { count in
      defer { rest = rest.dropFirst(count) }
      return [UInt8](rest.prefix(count))
    }
  }

  package func next(_ count: Int) throws -> [UInt8]? { try produce(count) }
}

/// Output that a function uses.
package final class FunctionSink: ByteSink {
  package let descriptor: Int32 = -1
  private let consume: ([UInt8]) throws -> Void

  package init(_ consume: @escaping ([UInt8]) throws -> Void) { self.consume = consume }

  package func take(_ bytes: ArraySlice<UInt8>) throws -> Int? {
    try consume([UInt8](bytes))
    return bytes.count
  }
}

/// Output that is kept, up to a limit; what is beyond it is dropped.
package final class MemorySink: ByteSink {
  package let descriptor: Int32 = -1
  package private(set) var bytes: [UInt8] = []
  private let limit: Int

  package init(limit: Int) { self.limit = limit }

  package func take(_ more: ArraySlice<UInt8>) -> Int? {
    bytes += more.prefix(max(0, limit - bytes.count))
    return more.count
  }
}
