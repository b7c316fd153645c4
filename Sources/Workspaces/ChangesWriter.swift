internal import Host
internal import Vocabulary

/// Stores what a guest sends as its changes, checking it on the way.
///
/// The file appears under its name only once it is whole and keeps every rule that needs no
/// knowledge of the workspace; it is the tar stream as it came. Nothing is left behind otherwise.
package final class ChangesWriter {
  private let path: String
  private let aside: String
  private let file: OwnedDescriptor
  private var scan: ChangesScan
  private var isOpen = true
  /// Bytes that were stored.
  package private(set) var byteCount: UInt64 = 0

  /// - Parameter path: replaced by `finish` if it is there.
  package init(path: String, limits: ChangesLimits = ChangesLimits()) throws {
    self.path = path
    aside = "\(path).\(Hex.encode(Randomness.bytes(6))).tmp"
    file = try OwnedDescriptor.open(aside, .createExclusive(mode: 0o600))
    scan = ChangesScan(limits)
  }

  deinit {
    if isOpen { try? Files.remove(aside) }
  }

  /// The next bytes. After an error all further calls fail.
  package func take(_ bytes: [UInt8]) throws {
    guard isOpen else { throw WorkspacesError.changesClosed }
    do {
      try scan.take(bytes)
      try file.writeAll(bytes)
      byteCount += UInt64(bytes.count)
    } catch {
      close()
      throw error
    }
  }

  /// Checks the whole and gives it its name, durably.
  package func finish() throws {
    guard isOpen else { throw WorkspacesError.changesClosed }
    do {
      _ = try scan.finish()
      try file.sync()
      try Files.rename(aside, to: path, replacing: true)
      isOpen = false
      try Files.syncDirectory(Files.parent(of: path))
    } catch {
      close()
      throw error
    }
  }

  private func close() {
    if isOpen { try? Files.remove(aside) }
    isOpen = false
  }
}
