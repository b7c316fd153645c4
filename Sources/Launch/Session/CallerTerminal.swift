internal import CLinux
internal import GuestProtocol

/// The caller's terminal in raw mode: every key is the guest's, Ctrl-C included. It is put back
/// when this object goes.
final class CallerTerminal {
  private let descriptor: Int32
  private var saved = [UInt8](repeating: 0, count: 128)
  private var isRaw = false
  /// Readable when the window changed.
  let windowChanges: Int32

  init(_ descriptor: Int32) {
    self.descriptor = descriptor
    windowChanges = hutch_catch_window_changes()
    let count = saved.count
    isRaw =
      unsafe saved.withUnsafeMutableBufferPointer {
        unsafe hutch_terminal_raw(descriptor, $0.baseAddress, count)
      } == 0
  }

  deinit { restore() }

  func restore() {
    guard isRaw else { return }
    isRaw = false
    _ = unsafe saved.withUnsafeBufferPointer {
      unsafe hutch_terminal_restore(descriptor, $0.baseAddress, $0.count)
    }
  }

  static func size(of descriptor: Int32) -> TerminalSize? {
    var (rows, columns): (UInt16, UInt16) = (0, 0)
    guard unsafe hutch_terminal_size(descriptor, &rows, &columns) == 0 else { return nil }
    return TerminalSize(rows: rows, columns: columns)
  }

  /// The new size, after `windowChanges` was readable.
  func changedSize() -> TerminalSize? {
    _ = try? Bytes.read(windowChanges, upTo: 8)
    return Self.size(of: descriptor)
  }
}
