/// When a machine came up, in nanoseconds of the monotonic clock.
package struct LaunchTimings: Sendable, Equatable {
  /// QEMU is about to be started.
  package var launched: UInt64 = 0
  /// The guest program greeted.
  package var hello: UInt64?
  /// The root is mounted.
  package var ready: UInt64?

  package init() {}
}
