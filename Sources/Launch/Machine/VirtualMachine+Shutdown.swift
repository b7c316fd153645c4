internal import GuestProtocol
internal import Host

extension VirtualMachine {
  /// How far it had to go.
  package enum Shutdown: String, Sendable {
    /// The guest ended what ran, and its file systems are clean.
    case clean
    /// It did not answer in time; the emulator ended by request.
    case quit
    /// By signal.
    case killed
  }

  /// Asks the guest, which has `graceMilliseconds` for what still runs and five seconds more;
  /// then the emulator, two seconds; then SIGTERM, one second; then SIGKILL. The VM is gone
  /// when this returns.
  @discardableResult
  package func shutdown(graceMilliseconds: Int = 5000) -> Shutdown {
    timings.shutdownAsked = Clock.monotonic()
    defer { timings.off = Clock.monotonic() }
    if isReady, !connection.isClosed {
      let exchange = Exchange()
      let message = Message.shutdown(
        .powerOff, graceMilliseconds: UInt32(clamping: graceMilliseconds))
      if (try? connection.request(message, endpoint: exchange)) != nil {
        let isClean = turn(milliseconds: graceMilliseconds + 5000) {
          // 0: the file systems are clean, and nothing is gained by seeing the guest off.
          exchange.answer == [0] || exchange.failure != nil || exchange.wasReset
        }
        if process.poll() != nil { return .clean }
        if isClean, exchange.answer == [0] {
          monitor.quit()
          _ = turn(milliseconds: 2000) { false }
          if process.poll() == nil { process.terminate(graceMilliseconds: 1000) }
          return .clean
        }
      }
    }
    if process.poll() == nil {
      monitor.quit()
      _ = turn(milliseconds: 2000) { false }
      if process.poll() != nil { return .quit }
      process.terminate(graceMilliseconds: 1000)
      return .killed
    }
    return .quit
  }

  /// Serves the channels until `isDone`, the emulator's end, or the time is up.
  private func turn(milliseconds: Int, until isDone: () -> Bool) -> Bool {
    let deadline = Clock.monotonic() + UInt64(milliseconds) * 1_000_000
    while !isDone() {
      if process.poll() != nil || Clock.monotonic() >= deadline { return false }
      var set = PollSet()
      watch(&set)
      set.wake(at: deadline)
      do {
        try set.turn()
      } catch {
        // A guest that talks nonsense is asked no more.
        connection.abandon()
        return false
      }
    }
    return true
  }

  /// Its processors stand still until `resume`.
  package func pause() { monitor.pause() }
  package func resume() { monitor.resume() }
}
