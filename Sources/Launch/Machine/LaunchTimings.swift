package import Vocabulary

/// Where the time of a run went. Points in nanoseconds of the monotonic clock.
package struct LaunchTimings: Sendable, Equatable {
  /// QEMU is about to be started.
  package var launched: UInt64 = 0
  package var hello: UInt64?
  package var ready: UInt64?
  package var commandStarted: UInt64?
  package var firstOutput: UInt64?
  package var commandEnded: UInt64?
  package var shutdownAsked: UInt64?
  package var off: UInt64?

  package init() {}

  package mutating func add(_ times: SessionTimes) {
    commandStarted = commandStarted ?? times.started
    firstOutput = firstOutput ?? times.firstOutput
    commandEnded = times.ended ?? commandEnded
  }

  /// Each phase that was reached, with the milliseconds since the one before it.
  package var phases: [(name: String, milliseconds: Int64)] {
    let points: [(String, UInt64?)] = [
      ("kernel and guest program", hello), ("root mounted", ready),
      ("command started", commandStarted), ("first output", firstOutput),
      ("command ended", commandEnded), ("until told to stop", shutdownAsked), ("off", off),
    ]
    var last = launched
    var phases: [(name: String, milliseconds: Int64)] = []
    for (name, point) in points {
      guard let point else { continue }
      phases.append((name, (Int64(point) - Int64(last)) / 1_000_000))
      last = point
    }
    return phases
  }

  package var totalMilliseconds: Int64 { phases.reduce(0) { $0 + $1.milliseconds } }

  /// One line a phase, and the sum.
  package var table: String {
    (phases + [("total", totalMilliseconds)]).map { name, milliseconds in
      let number = "\(milliseconds)"
      let padding = String(repeating: " ", count: max(1, 34 - name.count - number.count))
      return "\(name)\(padding)\(number) ms"
    }.joined(separator: "\n")
  }

  package var json: JSON {
    .array(
      phases.map { name, milliseconds in
        .object(["phase": .string(name), "milliseconds": .integer(milliseconds)])
      })
  }
}
