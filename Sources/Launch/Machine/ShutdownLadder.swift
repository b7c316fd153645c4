internal import GuestProtocol
internal import Host

/// The way down, rung by rung: the guest is asked, then the emulator, then SIGTERM, then SIGKILL.
/// It waits for nothing by itself, so that whoever climbs down can serve others meanwhile.
final class ShutdownLadder {
  private enum Rung {
    case guest
    case emulator
    case term
    case kill
  }

  private var rung = Rung.guest
  /// When the next rung's turn comes at the latest.
  private(set) var deadline: UInt64
  private let exchange = Exchange()
  private var result: VirtualMachine.Shutdown?

  /// After its grace the guest kills, which takes a second, and writes back, which may take some.
  private static let guestExtra = 5000
  private static let emulatorPatience = 2000
  private static let termPatience = 1000

  init(_ vm: VirtualMachine, graceMilliseconds: Int) {
    deadline = Self.time(graceMilliseconds + Self.guestExtra)
    // A machine that stands still hears nothing.
    if vm.monitor.isPaused { vm.monitor.resume() }
    let message = Message.shutdown(
      .powerOff, graceMilliseconds: UInt32(clamping: graceMilliseconds))
    let isAsked =
      vm.isReady && (try? vm.connection.request(message, endpoint: exchange)) != nil
    if !isAsked { ask(vm) }
  }

  private static func time(_ milliseconds: Int) -> UInt64 {
    Clock.monotonic() + UInt64(max(0, milliseconds)) * 1_000_000
  }

  /// The file systems are clean, and nothing is gained by seeing the guest off.
  private var isClean: Bool { exchange.answer == [0] }

  private func ask(_ vm: VirtualMachine) {
    rung = .emulator
    deadline = Self.time(Self.emulatorPatience)
    vm.monitor.quit()
  }

  /// Takes the next rung if it is time. How far it went, once the machine is off.
  func step(_ vm: VirtualMachine) -> VirtualMachine.Shutdown? {
    if let result { return result }
    if let status = vm.process.poll() {
      vm.monitor.hearOut()
      let wentByItself = status.isSuccess && vm.monitor.hasPoweredOff && exchange.answer != nil
      result = isClean || wentByItself ? .clean : rung == .emulator ? .quit : .killed
      return result
    }
    let isLate = Clock.monotonic() >= deadline
    switch rung {
    case .guest:
      let isDone = isClean || exchange.failure != nil || exchange.wasReset
      if isDone || isLate || vm.connection.isClosed { ask(vm) }
    case .emulator:
      guard isLate else { break }
      rung = .term
      deadline = Self.time(Self.termPatience)
      vm.process.signal(15)
    case .term:
      guard isLate else { break }
      rung = .kill
      vm.kill()
      return step(vm)
    case .kill: break
    }
    return nil
  }
}
