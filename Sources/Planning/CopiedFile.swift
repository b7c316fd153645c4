package import Vocabulary

/// One file that a copy step brings into the image, as somebody read it from disk: the image sees
/// nothing of the checkout's owner, umask and dates.
package struct CopiedFile: Sendable, Hashable, Comparable {
  package enum Content: Sendable, Hashable {
    /// Always 0755.
    case directory
    case regular(executable: Bool, size: ByteCount, digest: Digest)
    case symlink(target: [UInt8])
  }

  /// Relative to the copied file or directory; the root for itself.
  package let path: GuestPath
  package let content: Content

  package init(path: GuestPath, content: Content) {
    self.path = path
    self.content = content
  }

  package static func < (left: CopiedFile, right: CopiedFile) -> Bool { left.path < right.path }

  /// The mode that the file gets: the step's own, or one by the executable bit.
  package func mode(asked: UInt32?) -> UInt32 {
    switch content {
    case .directory: 0o755
    case .symlink: 0o777
    case .regular(let executable, _, _): asked ?? (executable ? 0o755 : 0o644)
    }
  }

  /// As it stands in a record.
  func recorded(asked: UInt32?) -> String {
    switch content {
    case .directory: return "directory"
    case .symlink(let target): return "symlink \(Escape.word(target))"
    case .regular(_, _, let digest):
      let octal = String(mode(asked: asked), radix: 8)
      return "0" + String(repeating: "0", count: max(0, 3 - octal.count)) + "\(octal) \(digest)"
    }
  }
}
