import CGuest
import GuestProtocol

/// An open directory. Everything in a tree is reached through one, name by name, so that no link
/// in the tree can lead out of it.
final class Folder {
  let descriptor: Int32
  /// Relative to the top of the tree; for messages and members.
  let path: [UInt8]

  private init(_ descriptor: Int32, path: [UInt8]) {
    self.descriptor = descriptor
    self.path = path
  }

  deinit { _ = guest_close(descriptor) }

  /// The top, whose own path may go through links.
  static func open(_ path: [UInt8]) throws(ArchiveError) -> Folder {
    let descriptor = unsafe guest_open(text(path) + "/.", Int32(GUEST_OPEN_READ))
    guard descriptor >= 0 else {
      throw .system(path: path, operation: "open", errno: -descriptor)
    }
    return Folder(descriptor, path: [])
  }

  func path(of name: some Collection<UInt8>) -> [UInt8] {
    path.isEmpty ? [UInt8](name) : path + [UInt8(ascii: "/")] + name
  }

  /// Throws what a call on `name` came back with.
  @discardableResult
  func check(
    _ result: Int32, _ operation: String, _ name: some Collection<UInt8>
  ) throws(ArchiveError) -> Int32 {
    guard result >= 0 else {
      throw .system(path: path(of: name), operation: operation, errno: -result)
    }
    return result
  }

  /// The directory of that name; a link of that name is an error.
  func folder(_ name: some Collection<UInt8>) throws(ArchiveError) -> Folder {
    let result = unsafe guest_open_directory_at(descriptor, c(name))
    if result == -Errno.loop || (result == -Errno.notDirectory && kind(name) == GUEST_SYMLINK) {
      throw .link(path: path(of: name))
    }
    return Folder(try check(result, "open", name), path: path(of: name))
  }

  /// nil if there is nothing of that name. "" means the directory itself.
  func status(_ name: some Collection<UInt8>) -> guest_status? {
    var status = guest_status()
    return unsafe guest_status_at(descriptor, c(name), &status) == 0 ? status : nil
  }

  private func kind(_ name: some Collection<UInt8>) -> Int? {
    status(name).map { Int($0.kind) }
  }

  /// Sorted by bytes.
  func names() throws(ArchiveError) -> [[UInt8]] {
    do {
      return try Guest.names(in: descriptor)
    } catch {
      throw .system(path: path, operation: "list", errno: error.errno)
    }
  }

  /// Removes what has that name, with all below it, if there is anything.
  func remove(_ name: some Collection<UInt8>) throws(ArchiveError) {
    guard let status = status(name) else { return }
    if Int(status.kind) == GUEST_DIRECTORY {
      let folder = try folder(name)
      for child in try folder.names() { try folder.remove(child) }
      try check(unsafe guest_unlink_at(descriptor, c(name), 1), "remove", name)
    } else {
      try check(unsafe guest_unlink_at(descriptor, c(name), 0), "remove", name)
    }
  }
}
