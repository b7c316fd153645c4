package import Vocabulary

/// How a supervised VM is.
package struct SupervisorStatus: Sendable, Equatable {
  /// Commands are served.
  package var isReady = false
  /// Its processors stand still because somebody said so.
  package var isPaused = false
  /// They stand still because the host has no room for what it writes; it goes on by itself once
  /// there is some.
  package var isDiskFull = false
  package var isStopping = false
  /// The emulator's process.
  package var emulator: Int32 = 0
  /// Since the emulator was started.
  package var uptimeMilliseconds: Int64 = 0
  /// Commands that run, everybody's.
  package var sessions = 0

  package init() {}

  package var json: JSON {
    .object([
      "hutch": .integer(1), "kind": .string("supervisor-status"), "ready": .bool(isReady),
      "paused": .bool(isPaused), "disk_full": .bool(isDiskFull), "stopping": .bool(isStopping),
      "emulator_process": .integer(Int64(emulator)),
      "uptime_milliseconds": .integer(uptimeMilliseconds), "sessions": .integer(Int64(sessions)),
    ])
  }

  init?(_ json: JSON) {
    guard json["kind"]?.string == "supervisor-status", let isReady = json["ready"]?.bool,
      let isPaused = json["paused"]?.bool, let isDiskFull = json["disk_full"]?.bool,
      let isStopping = json["stopping"]?.bool,
      let emulator = json["emulator_process"]?.integer.flatMap(Int32.init(exactly:)),
      let uptime = json["uptime_milliseconds"]?.integer,
      let sessions = json["sessions"]?.integer.flatMap(Int.init(exactly:))
    else { return nil }
    self.isReady = isReady
    self.isPaused = isPaused
    self.isDiskFull = isDiskFull
    self.isStopping = isStopping
    self.emulator = emulator
    uptimeMilliseconds = uptime
    self.sessions = sessions
  }
}
