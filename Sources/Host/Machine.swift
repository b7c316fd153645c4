internal import CLinux
internal import Glibc
package import Vocabulary

/// Ctrl-C and its relatives. Installed once by the executable; long work asks now and then.
package enum Interrupt {
  package static func install() { _ = hutch_catch_interrupts() }

  /// Throws once SIGINT, SIGTERM or SIGHUP has come.
  package static func check() throws(HostError) {
    let signal = hutch_interrupted()
    if signal != 0 { throw .interrupted(signal: signal) }
  }

  package static var signal: Int32? {
    let signal = hutch_interrupted()
    return signal == 0 ? nil : signal
  }

  /// Readable once a signal has come: for poll loops. -1 if nothing is installed.
  package static var descriptor: Int32 { hutch_catch_interrupts() }

  /// For cleaning up, which takes processes of its own: the wish to end that is there already is put
  /// aside for so long; another one counts.
  package static func setAside<Result>(during body: () throws -> Result) rethrows -> Result {
    guard let signal else { return try body() }
    forget()
    defer { hutch_restore_interrupt(signal) }
    return try body()
  }

  /// For a command that hands the signal on instead of ending by it.
  package static func forget() { hutch_forget_interrupt() }
}

package enum Clock {
  /// Whole seconds since 1970-01-01T00:00:00Z.
  package static func now() -> Int64 { hutch_unix_time() }

  /// The time of day: Unix seconds and the nanoseconds beyond them.
  package static func wall() -> (seconds: Int64, nanoseconds: UInt32) {
    var time = timespec()
    _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
    return (Int64(time.tv_sec), UInt32(clamping: time.tv_nsec))
  }

  /// Nanoseconds that only ever grow, for measuring and deadlines.
  package static func monotonic() -> UInt64 { hutch_monotonic_ns() }

  /// For waiting on another process where there is nothing to poll.
  package static func pause(milliseconds: Int) {
    _ = Glibc.poll(nil, 0, Int32(clamping: milliseconds))
  }

  /// For waiting between tries. Throws as soon as somebody wants an end.
  package static func pause(seconds: Int) throws(HostError) {
    let end = monotonic() + UInt64(seconds) * 1_000_000_000
    while monotonic() < end {
      try Interrupt.check()
      pause(milliseconds: 100)
    }
  }

  /// Changes with every boot of the host.
  package static func bootID() -> String {
    let bytes = (try? Files.read("/proc/sys/kernel/random/boot_id", limit: 64)) ?? []
    return String(decoding: bytes.prefix(36), as: UTF8.self)
  }
}

package enum Randomness {
  package static func bytes(_ count: Int) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: count)
    let result = unsafe buffer.withUnsafeMutableBufferPointer {
      unsafe hutch_random($0.baseAddress, $0.count)
    }
    precondition(result == 0, "getrandom(2) does not fail on kernels that we run on")
    return buffer
  }
}

/// The environment of this process and the places that follow from it.
package struct HostEnvironment: Sendable {
  private let variables: [String: String]

  package static let current = HostEnvironment(variables: Self.read())

  /// For tests.
  package init(variables: [String: String]) { self.variables = variables }

  package subscript(name: String) -> String? {
    guard let value = variables[name], !value.isEmpty else { return nil }
    return value
  }

  /// All variables, also empty ones.
  package var all: [String: String] { variables }

  private static func read() -> [String: String] {
    var found: [String: String] = [:]
    guard let bytes = try? Files.read("/proc/self/environ", limit: 4 << 20) else { return [:] }
    for entry in bytes.split(separator: 0) {
      guard let equals = entry.firstIndex(of: UInt8(ascii: "=")) else { continue }
      let name = String(decoding: entry[..<equals], as: UTF8.self)
      found[name] = String(decoding: entry[(equals + 1)...], as: UTF8.self)
    }
    return found
  }

  package var home: String { self["HOME"] ?? "/" }

  /// `HUTCH_STORE`, else `$XDG_DATA_HOME/hutch`.
  package var storePath: String {
    self["HUTCH_STORE"] ?? (self["XDG_DATA_HOME"] ?? home + "/.local/share") + "/hutch"
  }

  /// For sockets: `$XDG_RUNTIME_DIR/hutch`, else a directory of the user's in `/tmp`. Short,
  /// because a socket's path may have 107 bytes.
  package var runtimeDirectory: String {
    if let directory = self["XDG_RUNTIME_DIR"], Files.isDirectory(directory) {
      return directory + "/hutch"
    }
    return "/tmp/hutch-\(userID)"
  }

  package var configDirectory: String {
    (self["XDG_CONFIG_HOME"] ?? home + "/.config") + "/hutch"
  }

  /// For log-ins, each in a directory of its own: `$XDG_STATE_HOME/hutch/credentials`. Neither in a
  /// store, which may be copied and deleted, nor where people keep settings, which they publish.
  package var credentialsDirectory: String {
    (self["XDG_STATE_HOME"] ?? home + "/.local/state") + "/hutch/credentials"
  }

  package var searchPath: [String] {
    (self["PATH"] ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
      .split(separator: ":").map(String.init)
  }

  package var userID: UInt32 { geteuid() }
  package var groupID: UInt32 { getegid() }
  package var isRoot: Bool { userID == 0 }
  package var cpuCount: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

  /// All that the machine has.
  package var memory: ByteCount {
    ByteCount(Int64(sysconf(Int32(_SC_PHYS_PAGES))) * Int64(sysconf(Int32(_SC_PAGESIZE))))
  }

  /// As it stands in the user database; the number if it does not.
  package var userName: String {
    guard let entry = unsafe getpwuid(userID) else { return "\(userID)" }
    return unsafe String(cString: entry.pointee.pw_name)
  }

  /// The running program itself.
  package var executable: String {
    Files.canonical("/proc/self/exe") ?? "/proc/self/exe"
  }
}
