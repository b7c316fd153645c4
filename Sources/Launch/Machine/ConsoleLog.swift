internal import Host

/// What the VM says on its serial line, kept in a file that never grows beyond a limit: when it is
/// full, its older half goes. People may read it at any time.
package final class ConsoleLog {
  private let file: OwnedDescriptor?
  private var kept: TailBuffer
  private var size = 0
  private let limit: Int

  static let notice = [UInt8]("[what came before is gone]\n".utf8)

  /// Without a path it is only remembered. A file that exists begins anew.
  package init(path: String?, limit: Int = 512 << 10) throws {
    if let path {
      file = try OwnedDescriptor.open(path, .createTruncated(mode: 0o600))
    } else {
      file = nil
    }
    self.limit = limit
    kept = TailBuffer(capacity: limit / 2 - Self.notice.count)
  }

  /// A log that can't be written is no reason to stop a VM.
  package func append(_ bytes: [UInt8]) {
    kept.append(bytes)
    guard file != nil else { return }
    if size + bytes.count <= limit {
      try? file?.pwriteAll(bytes, at: Int64(size))
      size += bytes.count
    } else {
      let half = Self.notice + kept.contents
      try? file?.truncate(to: 0)
      try? file?.pwriteAll(half, at: 0)
      size = half.count
    }
  }

  /// The last lines, for an error message.
  package func tail(_ lines: Int = 12) -> String { kept.lines(lines) }

  package var contents: ArraySlice<UInt8> { kept.contents }
}
