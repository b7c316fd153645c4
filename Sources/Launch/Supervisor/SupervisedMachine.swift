internal import Host

/// What a supervisor must be able to do with a machine: a VM, or a stand-in in tests.
package protocol SupervisedMachine: GuestLink {
  /// The emulator's process.
  var pid: Int32 { get }
  /// When it was started, in nanoseconds of the monotonic clock.
  var launched: UInt64 { get }
  /// Whether it stands still because of `pause`.
  var isPaused: Bool { get }
  /// Whether it ended because the guest switched its power off.
  var hasPoweredOff: Bool { get }
  func pause()
  func resume()
  /// From now on `check` goes on with it, and throws `LaunchError.stopped` once it is off.
  func beginShutdown(graceMilliseconds: Int)
  /// At once; it is off when this returns.
  func kill()
}

extension VirtualMachine: SupervisedMachine {
  package var launched: UInt64 { timings.launched }
}
