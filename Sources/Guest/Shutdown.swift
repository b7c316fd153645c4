import CGuest
import GuestProtocol

/// The way down: ask, kill, make the disk clean, off.
final class Shutdown {
  private let kind: ShutdownKind
  private let deadline: UInt64
  private let stream: UInt32
  /// Without an init of the image's it is us who end everything.
  private let isInit: Bool
  /// When the image's init is told again.
  private var remindsAt: UInt64 = 0

  /// An init that is only just starting has no handler yet, and the kernel drops what PID 1 does
  /// not handle. One that is on its way down already is not disturbed by a second word.
  private static let patience: UInt64 = 250

  init(_ kind: ShutdownKind, grace: UInt64, stream: UInt32, isInit: Bool) {
    self.kind = kind
    self.stream = stream
    self.isInit = isInit
    deadline = guest_monotonic_ms() + grace
  }

  func begin(_ server: Server) {
    // Init may be faster than we are.
    server.flushShares()
    if isInit {
      _ = guest_signal_group(-1, 15)
    } else {
      remind()
      server.control.send(Message.done([1]).encoded(stream: stream))
    }
  }

  private func remind() {
    _ = guest_signal_init(kind == .reboot ? 1 : 0)
    remindsAt = guest_monotonic_ms() + Shutdown.patience
  }

  /// Called by the loop until the machine is off.
  func step(_ server: Server, _ now: UInt64) {
    if !isInit, now >= remindsAt, now < deadline { remind() }
    guard now >= deadline || (isInit && !server.isBusy && !Shutdown.hasChildren) else { return }
    server.flushShares()
    if isInit {
      _ = guest_signal_group(-1, 9)
      Shutdown.reapAll()
      let readOnly = GUEST_REMOUNT | GUEST_READ_ONLY
      guest_sync()
      let result = unsafe guest_mount(nil, "/", nil, UInt32(readOnly), nil)
      if result < 0 { log("the root could not be made read-only: \(words(-result))") }
      server.control.send(Message.done([0]).encoded(stream: stream))
      server.control.drain(milliseconds: 1000)
    }
    Shutdown.powerOff(kind == .reboot ? GUEST_REBOOT : GUEST_POWER_OFF)
  }

  /// At once; what was written stays written.
  static func powerOff(_ how: Int) -> Never {
    guest_sync()
    _ = guest_reboot(Int32(how))
    guest_exit(1)
  }

  private static var hasChildren: Bool { guest_has_children() == 1 }

  /// Waits for what was killed, for a second at most.
  private static func reapAll() {
    var signalled: Int32 = 0
    var value: Int32 = 0
    let deadline = guest_monotonic_ms() + 1000
    while guest_monotonic_ms() < deadline {
      let pid = unsafe guest_reap(&signalled, &value)
      if pid < 0 { return }
      if pid == 0 { _ = guest_poll(nil, 0, 1) }
    }
  }
}
