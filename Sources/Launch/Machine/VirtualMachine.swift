package import GuestProtocol
internal import Host

/// All that a boot needs.
package struct Launch {
  package var machine: MachineConfiguration
  package var emulator: Emulator
  /// Sent before anything else runs; also on the kernel command line for the image's init.
  package var identity: GuestIdentity?
  /// Where the console goes; nowhere if `nil`.
  package var consoleLog: String?
  /// What the VM reaches, and where that is written down; no network if `nil`.
  package var network: (policy: NetworkPolicy, log: String)?
  /// What the VM shares with others.
  package var shared: [SharedFiles] = []
  /// How long the guest may take to greet.
  package var helloSeconds: Int

  package init(
    machine: MachineConfiguration, emulator: Emulator, identity: GuestIdentity?,
    consoleLog: String?
  ) {
    self.machine = machine
    self.emulator = emulator
    self.identity = identity
    self.consoleLog = consoleLog
    helloSeconds = machine.accelerator.helloSeconds
  }
}

/// A running VM, owned by this process: when this object goes, the VM is gone.
package final class VirtualMachine: GuestLink {
  package let connection: GuestConnection
  let process: RunningProcess
  let monitor: MachineMonitor
  private let console: OwnedDescriptor
  private let messages: OwnedDescriptor
  private let consoleLog: ConsoleLog
  private var messagesTail = TailBuffer(capacity: 8 << 10)
  private var consoleEnded = false
  private var messagesEnded = false
  private let helloSeconds: Int
  /// From greeting to a mounted root: device detection, and growing a file system.
  private static let readySeconds = 60
  package internal(set) var timings = LaunchTimings()
  private let settling = Settling()
  /// The way out, if there is one.
  package private(set) var network: NetworkGate?
  /// What it shares with others.
  package private(set) var folders: [SharedFolder] = []
  /// The way down, once somebody asked for it.
  var ladder: ShutdownLadder?

  /// Starts the emulator, greets, and sends identity and time. The guest has not answered when
  /// this returns: commands may be asked for at once and wait for it.
  ///
  /// `machine.commandLine.nonce` is replaced by a new one.
  package static func boot(_ launch: Launch) throws -> VirtualMachine {
    var machine = launch.machine
    machine.commandLine.nonce = Randomness.bytes(16)
    if let identity = launch.identity { machine.commandLine.identify(as: identity) }
    let log = try ConsoleLog(path: launch.consoleLog)
    let launched = Clock.monotonic()
    let emulator = try EmulatorProcess.start(machine, launch.emulator)
    do {
      let connection = try GuestConnection(
        control: emulator.take(.control), streams: emulator.take(.streams),
        nonce: machine.commandLine.nonce)
      let vm = VirtualMachine(emulator, connection, log, launch.helloSeconds)
      vm.timings.launched = launched
      if let identity = launch.identity {
        _ = try connection.request(.setIdentity(identity), endpoint: vm.settling)
      }
      let (seconds, nanoseconds) = Clock.wall()
      _ = try connection.request(
        .setTime(seconds: seconds, nanoseconds: nanoseconds), endpoint: vm.settling)
      if let (policy, log) = launch.network {
        vm.network = try NetworkGate(connection, policy, log: NetworkLog(path: log))
      }
      vm.folders = try launch.shared.map { try SharedFolder(connection, $0) }
      return vm
    } catch {
      emulator.process.terminate(graceMilliseconds: 0)
      throw error
    }
  }

  private init(
    _ emulator: EmulatorProcess, _ connection: GuestConnection, _ log: ConsoleLog,
    _ helloSeconds: Int
  ) {
    process = emulator.process
    self.connection = connection
    monitor = MachineMonitor(emulator.take(.monitor))
    console = emulator.take(.console)
    messages = emulator.take(.messages)
    consoleLog = log
    self.helloSeconds = helloSeconds
  }

  deinit { kill() }

  /// At once, without asking anybody.
  package func kill() {
    if process.poll() == nil { process.terminate(graceMilliseconds: 0) }
  }

  package var isReady: Bool { connection.readyMilliseconds != nil }
  package var hasEnded: Bool { process.poll() != nil }
  /// Whether it ended because the guest switched its power off.
  package var hasPoweredOff: Bool {
    guard process.poll()?.isSuccess == true else { return false }
    monitor.hearOut()
    return monitor.hasPoweredOff
  }
  /// Whether it stands still because of `pause`.
  package var isPaused: Bool { monitor.isPaused }
  /// The emulator's.
  package var pid: Int32 { process.pid }

  /// Until the root is mounted and commands are served.
  package func waitUntilReady() throws {
    while !isReady {
      var set = PollSet()
      watch(&set)
      set.watch(Interrupt.descriptor, .reading) { try Interrupt.check() }
      try set.turn()
      try check()
    }
  }

  /// Until the guest program is there, or a signal came to us, which is then still to be heeded.
  package func waitUntilGreeted() throws {
    while !connection.isGreeted, Interrupt.signal == nil {
      var set = PollSet()
      watch(&set)
      set.watch(Interrupt.descriptor, .reading) {}
      try set.turn()
      try check()
    }
  }

  // MARK: The loop

  package func watch(_ set: inout PollSet) {
    network?.watch(&set)
    for folder in folders { folder.watch(&set) }
    connection.watch(&set)
    monitor.watch(&set)
    if !consoleEnded { set.watch(console.raw, .reading) { [self] in try readConsole() } }
    if !messagesEnded { set.watch(messages.raw, .reading) { [self] in try readMessages() } }
    set.watch(process.pidDescriptor, .reading) {}
    if let ladder {
      set.wake(at: ladder.deadline)
    } else if !isReady {
      set.wake(at: deadline)
    }
  }

  private var deadline: UInt64 {
    let base = timings.hello.map { $0 + UInt64(Self.readySeconds) * 1_000_000_000 }
    return base ?? timings.launched + UInt64(helloSeconds) * 1_000_000_000
  }

  package func check() throws {
    if ladder != nil {
      if let how = stepShutdown() { throw LaunchError.stopped(how) }
      return
    }
    let now = Clock.monotonic()
    if connection.isGreeted, timings.hello == nil { timings.hello = now }
    if isReady, timings.ready == nil { timings.ready = now }
    if let reason = connection.fatal {
      throw LaunchError.guestGaveUp(
        reason: TailBuffer.printable(reason), console: tail())
    }
    if let failure = settling.failure {
      throw LaunchError.guestGaveUp(
        reason: TailBuffer.printable(failure.text), console: tail())
    }
    if connection.isClosed || process.poll() != nil {
      let status = process.wait(milliseconds: 2000)
      let console = tail()
      guard let status else { throw LaunchError.channelClosed }
      throw LaunchError.machineEnded(
        status: status, console: console, emulator: messagesTail.lines(12))
    }
    if monitor.isDiskFull { throw LaunchError.diskFull }
    if monitor.stoppedByItself {
      throw LaunchError.guestGaveUp(reason: "its processor stopped", console: tail())
    }
    if !isReady, now >= deadline {
      throw LaunchError.silent(
        awaiting: connection.isGreeted ? "become ready" : "greet",
        seconds: connection.isGreeted ? Self.readySeconds : helloSeconds, console: tail())
    }
  }

  /// The end of the console, with all that came so far.
  package func tail() -> String {
    for _ in 0..<16 {
      let before = consoleLog.contents.count
      try? readConsole()
      try? readMessages()
      if consoleEnded || consoleLog.contents.count == before { break }
    }
    return consoleLog.tail()
  }

  private func readConsole() throws {
    if consoleEnded { return }
    switch try Bytes.read(console.raw, upTo: 64 << 10) {
    case .bytes(let bytes): consoleLog.append(bytes)
    case .end: consoleEnded = true
    case .nothingNow: break
    }
  }

  private func readMessages() throws {
    if messagesEnded { return }
    switch try Bytes.read(messages.raw, upTo: 8 << 10) {
    case .bytes(let bytes): messagesTail.append(bytes)
    case .end: messagesEnded = true
    case .nothingNow: break
    }
  }
}

/// Hears of identity and time. A guest that can't take them must not run anything.
private final class Settling: StreamEndpoint {
  var failure: GuestFailure?

  func streamReceived(_ event: StreamEvent, on stream: UInt32) {
    if case .failed(let reason) = event { failure = failure ?? reason }
  }
}
