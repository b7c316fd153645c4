internal import Launch

/// Where the time of a verb went, in the order in which it went there. Phases don't overlap.
package struct Timings: Sendable, Hashable {
  package private(set) var phases: [Phase] = []

  package struct Phase: Sendable, Hashable {
    package var name: String
    package var milliseconds: Int
  }

  package init() {}

  package mutating func add(_ name: String, _ milliseconds: Int) {
    phases.append(Phase(name: name, milliseconds: milliseconds))
  }

  /// From the start of the emulator to a guest that serves commands.
  mutating func add(boot times: LaunchTimings) {
    add(
      [("boot: kernel and guest program", times.hello), ("boot: root mounted", times.ready)],
      from: times.launched)
  }

  /// From a guest that is ready, or from the request if that came later, to the command's end.
  mutating func add(command times: SessionTimes, ready: UInt64?) {
    add(
      [
        ("command: started", times.started), ("command: first output", times.firstOutput),
        ("command: ended", times.ended),
      ], from: max(times.asked, ready ?? 0))
  }

  /// Points in nanoseconds of the monotonic clock; those that were not reached are left out.
  private mutating func add(_ points: [(name: String, at: UInt64?)], from start: UInt64) {
    var last = start
    for point in points {
      guard let at = point.at, at >= last else { continue }
      add(point.name, Int((at - last) / 1_000_000))
      last = at
    }
  }
}
