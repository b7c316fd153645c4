internal import CLinux
internal import Glibc

/// Stream sockets with a path (`unix(7)`), all of them non-blocking.
package enum LocalSocket {
  /// What `sun_path` holds beside its NUL.
  package static let longestPath = 107

  /// A listener whose file only its user may use; fails if anything stands at `path`.
  package static func listen(_ path: String) throws(HostError) -> OwnedDescriptor {
    OwnedDescriptor(owning: try check(unsafe hutch_unix_listen(path), "listen at", path))
  }

  /// `nil` if nobody listens there.
  package static func connect(_ path: String) throws(HostError) -> OwnedDescriptor? {
    let raw = unsafe hutch_unix_connect(path)
    if raw == -ENOENT || raw == -ECONNREFUSED || raw == -ENOTDIR { return nil }
    return OwnedDescriptor(owning: try check(raw, "connect to", path))
  }

  /// The next caller; `nil` if there is none now.
  package static func accept(
    _ listener: borrowing OwnedDescriptor
  ) throws(HostError) -> OwnedDescriptor? {
    let raw = hutch_accept(listener.raw)
    // A caller that hung up while it waited is none.
    if raw == -EAGAIN || raw == -EINTR || raw == -ECONNABORTED { return nil }
    return OwnedDescriptor(owning: try check(raw, "accept at", "descriptor \(listener.raw)"))
  }

  /// Whether the process at the other end belongs to the user that we are.
  package static func isOurs(_ socket: borrowing OwnedDescriptor) -> Bool {
    var user: UInt32 = 0
    return unsafe hutch_peer_user(socket.raw, &user) == 0 && user == geteuid()
  }
}
