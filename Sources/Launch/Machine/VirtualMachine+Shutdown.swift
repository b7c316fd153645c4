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

  /// Begins the way down and returns at once; `check` takes it further and throws
  /// `LaunchError.stopped` once the machine is off. Asking twice changes nothing.
  package func beginShutdown(graceMilliseconds: Int) {
    guard ladder == nil else { return }
    ladder = ShutdownLadder(self, graceMilliseconds: graceMilliseconds)
  }

  /// As far as it is by now; `nil` while it goes on, or if nobody asked for it.
  func stepShutdown() -> Shutdown? { ladder?.step(self) }

  /// Asks the guest, which has `graceMilliseconds` for what still runs and five seconds more;
  /// then the emulator, two seconds; then SIGTERM, one second; then SIGKILL. The VM is gone
  /// when this returns.
  @discardableResult
  package func shutdown(graceMilliseconds: Int = 5000) -> Shutdown {
    beginShutdown(graceMilliseconds: graceMilliseconds)
    while true {
      if let how = stepShutdown() { return how }
      var set = PollSet()
      watch(&set)
      do {
        try set.turn()
      } catch {
        // A guest that talks nonsense is asked no more.
        connection.abandon()
      }
    }
  }

  /// Its processors stand still until `resume`.
  package func pause() { monitor.pause() }
  package func resume() { monitor.resume() }
}
