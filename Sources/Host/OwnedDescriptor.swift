internal import CLinux
internal import Glibc

/// How a file is opened. All descriptors are close-on-exec.
package enum OpenMode: Sendable {
  case read
  /// Opens FIFOs and devices without waiting for their other end. Look at the status afterwards.
  case readWithoutWaiting
  case readWrite
  /// Fails if something with that name is there.
  case createExclusive(mode: UInt32)
  case createTruncated(mode: UInt32)
  case append(mode: UInt32)
  case directory
  /// A handle that can only be used to look and to go on from (`O_PATH`).
  case path

  fileprivate var flags: Int32 {
    switch self {
    case .read: hutch_o_rdonly
    case .readWithoutWaiting: hutch_o_rdonly | hutch_o_nonblock
    case .readWrite: hutch_o_rdwr
    case .createExclusive: hutch_o_rdwr | hutch_o_creat | hutch_o_excl
    case .createTruncated: hutch_o_rdwr | hutch_o_creat | hutch_o_trunc
    case .append: hutch_o_wronly | hutch_o_creat | hutch_o_append
    case .directory: hutch_o_rdonly | hutch_o_directory
    case .path: hutch_o_path | hutch_o_nofollow
    }
  }

  fileprivate var creationMode: UInt32 {
    switch self {
    case .createExclusive(let mode), .createTruncated(let mode), .append(let mode): mode
    default: 0
    }
  }
}

/// An open file that closes itself when its owner lets go of it.
package struct OwnedDescriptor: ~Copyable, Sendable {
  /// Valid as long as this value lives. For calls that take a number; never to be closed.
  package let raw: Int32

  package init(owning raw: Int32) { self.raw = raw }

  deinit { _ = Glibc.close(raw) }

  /// Gives the number away; the caller closes it.
  package consuming func release() -> Int32 {
    let raw = raw
    discard self
    return raw
  }

  package static func open(
    _ path: String, _ mode: OpenMode
  ) throws(HostError) -> OwnedDescriptor {
    let raw = unsafe hutch_open_at(hutch_at_fdcwd, path, mode.flags, mode.creationMode, 0)
    return OwnedDescriptor(owning: try check(raw, "open", path))
  }

  /// Opens a name below this directory. No part of it may be a symbolic link or lead out
  /// (`openat2(2)`, `RESOLVE_BENEATH`). With `sameMount` no part may be a mount point either
  /// (`EXDEV`): what can't be renamed to.
  package func openBeneath(
    _ name: [UInt8], _ mode: OpenMode, sameMount: Bool = false
  ) throws(HostError) -> OwnedDescriptor {
    let resolve = UInt32(HUTCH_BENEATH | HUTCH_NO_LINKS | (sameMount ? HUTCH_SAME_MOUNT : 0))
    let raw = unsafe withName(name) {
      unsafe hutch_open_at(self.raw, $0, mode.flags, mode.creationMode, resolve)
    }
    return OwnedDescriptor(owning: try check(raw, "open", printable(name)))
  }

  /// Opens a path as a process with this directory as its `/` would: links are followed, but
  /// none leads out (`openat2(2)`, `RESOLVE_IN_ROOT`). For trees whose own links count.
  package func openInRoot(
    _ path: [UInt8], _ mode: OpenMode
  ) throws(HostError) -> OwnedDescriptor {
    let raw = unsafe withName(path) {
      unsafe hutch_open_at(self.raw, $0, mode.flags, mode.creationMode, UInt32(HUTCH_IN_ROOT))
    }
    return OwnedDescriptor(owning: try check(raw, "open", printable(path)))
  }

  package func duplicate() throws(HostError) -> OwnedDescriptor {
    OwnedDescriptor(owning: try check(hutch_duplicate(raw), "duplicate", "descriptor \(raw)"))
  }

  /// Both ends of a pipe: what is written to `write` comes out of `read`.
  package static func pipe() throws(HostError) -> DescriptorPair {
    var ends: [Int32] = [-1, -1]
    let result = unsafe ends.withUnsafeMutableBufferPointer { unsafe hutch_pipe($0.baseAddress) }
    try check(result, "make", "a pipe")
    return DescriptorPair(
      first: OwnedDescriptor(owning: ends[0]), second: OwnedDescriptor(owning: ends[1]))
  }

  /// Two connected stream sockets.
  package static func socketPair() throws(HostError) -> DescriptorPair {
    var ends: [Int32] = [-1, -1]
    let result = unsafe ends.withUnsafeMutableBufferPointer {
      unsafe hutch_socket_pair($0.baseAddress)
    }
    try check(result, "make", "a socket pair")
    return DescriptorPair(
      first: OwnedDescriptor(owning: ends[0]), second: OwnedDescriptor(owning: ends[1]))
  }
}

/// Two descriptors that belong together. For a pipe `first` is the reading end.
package struct DescriptorPair: ~Copyable, Sendable {
  package var first: OwnedDescriptor
  package var second: OwnedDescriptor

  package consuming func release() -> (first: Int32, second: Int32) {
    (first.release(), second.release())
  }
}

/// Runs `body` with a NUL-terminated copy of the name.
func withName<Result>(_ name: [UInt8], _ body: (UnsafePointer<CChar>) -> Result) -> Result {
  let terminated = name.map(CChar.init(bitPattern:)) + [0]
  return unsafe terminated.withUnsafeBufferPointer { buffer in
    guard let base = buffer.baseAddress else { preconditionFailure("never empty") }
    return unsafe body(base)
  }
}

func printable(_ name: [UInt8]) -> String { String(decoding: name, as: UTF8.self) }
