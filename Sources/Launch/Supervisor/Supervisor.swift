internal import GuestProtocol
internal import Host
internal import Vocabulary

/// Owns a VM and serves others who talk to it over a socket (`docs/formats/supervisor.md`).
///
/// As a `GuestLink` it is the VM itself, so that a command of this process's own runs while others
/// are served: everything happens in whoever's loop `watch`es and `check`s it.
package final class Supervisor: GuestLink {
  /// How the life of a supervised VM ended.
  package enum Ending: Sendable, Equatable {
    /// Somebody asked for it: a client, or a signal to us.
    case stopped(VirtualMachine.Shutdown)
    /// By itself; `clean` if the guest switched its power off.
    case machineEnded(clean: Bool, reason: String)
  }

  private let machine: any SupervisedMachine
  private let door: SupervisorDoor
  private let budget = SupervisorBudget()
  private var callers: [SupervisorCaller] = []
  private var clients: [SupervisedClient] = []
  /// Who asked for the end and waits for it.
  private var askers: [SupervisorCaller] = []
  private var isStopping = false
  private var isOver = false
  /// When the VM is to try again what the host had no room for.
  private var retriesAt: UInt64?

  /// Connections at once; far more than one person's terminals need.
  private static let most = 128
  private static let retryNanoseconds: UInt64 = 2_000_000_000
  /// What a signal to us gives the commands that run.
  private static let signalGrace = 5000

  /// Listens at `socket`. Its directory is made 0700 and has to be ours; the socket of a
  /// supervisor that died is replaced, the one of a living one is `LaunchError.supervised`.
  ///
  /// - Parameter socket: at most 107 bytes.
  package convenience init(_ vm: VirtualMachine, socket: String) throws {
    try self.init(machine: vm, socket: socket)
  }

  package init(machine: any SupervisedMachine, socket: String) throws {
    self.machine = machine
    door = try SupervisorDoor(socket)
  }

  deinit { close() }

  package var connection: GuestConnection { machine.connection }

  /// Removes the socket. Nobody is served any more.
  package func close() {
    conclude("its supervisor is gone", .error("the supervisor is gone"))
    door.close()
    for client in clients { client.leave() }
    for caller in callers { caller.hangUp() }
    clients = []
    callers = []
  }

  // MARK: The loop

  package func watch(_ set: inout PollSet) {
    // Last, because the others hand over what then waits to be written to the guest.
    defer { machine.watch(&set) }
    if let retriesAt { set.wake(at: retriesAt) }
    guard !isOver else { return }
    if callers.count + 2 * clients.count < Self.most {
      door.watch(&set) { [self] socket in callers.append(SupervisorCaller(socket)) }
    }
    for caller in callers { caller.watch(&set) }
    // Who comes first when the way to the guest has little room.
    if clients.count > 1 { clients.append(clients.removeFirst()) }
    for client in clients { client.watch(&set) }
  }

  package func check() throws {
    if !isOver {
      admit()
      clients.removeAll { $0.isGone }
    }
    do {
      try machine.check()
    } catch LaunchError.diskFull {
      // The emulator repeats the write that failed; if there is room now the guest never knows.
      retriesAt = retriesAt ?? Clock.monotonic() + Self.retryNanoseconds
    } catch {
      tell(error)
      throw error
    }
    if let at = retriesAt, Clock.monotonic() >= at {
      retriesAt = nil
      if !machine.isPaused { machine.resume() }
    }
  }

  /// Serves until the VM ends, a client stops it, or SIGTERM, SIGINT or SIGHUP comes, which means
  /// a clean shutdown with five seconds of grace; a second signal ends it at once. The machine is
  /// off when this returns.
  package func serve() throws -> Ending {
    while true {
      var set = PollSet()
      watch(&set)
      set.watch(Interrupt.descriptor, .reading) { [self] in interrupted() }
      do {
        try set.turn()
        try check()
      } catch LaunchError.stopped(let how) {
        return .stopped(how)
      } catch {
        if isStopping, !isOver {
          // A guest that talks nonsense on its way down is asked no more.
          connection.abandon()
          continue
        }
        let isClean = machine.hasPoweredOff
        machine.kill()
        tell(error)
        return .machineEnded(clean: isClean, reason: isClean ? "" : Self.message(error))
      }
    }
  }

  private func interrupted() {
    guard Interrupt.signal != nil else { return }
    Interrupt.forget()
    if isStopping { machine.kill() } else { stop(graceMilliseconds: Self.signalGrace) }
  }

  // MARK: Callers

  private func admit() {
    for caller in callers {
      switch caller.greeting {
      case .status: caller.answer(status.json)
      case .pause where !connection.isGreeted || connection.readyMilliseconds == nil:
        caller.answer(.error("it is not ready yet"))
      case .pause, .resume:
        if caller.greeting == .pause { machine.pause() } else { machine.resume() }
        caller.answer(.object(["hutch": .integer(1), "kind": .string("done")]))
      case .stop(let milliseconds):
        askers.append(caller)
        stop(graceMilliseconds: milliseconds)
      case .port(.control, let token): pair(caller, token)
      case .port(.streams, _), nil: break
      }
      if caller.isLate { caller.hangUp() }
    }
    callers.removeAll { caller in caller.isGone || askers.contains { $0 === caller } }
  }

  /// Makes one client of two connections, if both are there.
  private func pair(_ caller: SupervisorCaller, _ token: [UInt8]) {
    let wanted = SupervisorGreeting.port(.streams, token: token)
    guard let other = callers.first(where: { $0.greeting == wanted && !$0.isGone }),
      let control = caller.take(), let streams = other.take()
    else { return }
    let client = SupervisedClient(
      connection, control: control, streams: streams, token: token, budget: budget)
    client.takeFirst(caller.rest, .control)
    client.takeFirst(other.rest, .streams)
    caller.hangUp()
    other.hangUp()
    clients.append(client)
  }

  private func stop(graceMilliseconds: Int) {
    isStopping = true
    machine.beginShutdown(graceMilliseconds: graceMilliseconds)
  }

  private var status: SupervisorStatus {
    var status = SupervisorStatus()
    status.isReady = connection.readyMilliseconds != nil
    status.isPaused = machine.isPaused
    status.isDiskFull = retriesAt != nil
    status.isStopping = isStopping
    status.emulator = machine.pid
    status.uptimeMilliseconds = Int64(Clock.monotonic() - machine.launched) / 1_000_000
    status.sessions = connection.sessionCount
    return status
  }

  // MARK: The end

  private static func message(_ error: any Error) -> String {
    (error as? any Failure)?.message ?? "\(error)"
  }

  /// Tells everybody why there is no more.
  private func tell(_ error: any Error) {
    if case LaunchError.stopped(let how) = error {
      let answer: JSON = .object([
        "hutch": .integer(1), "kind": .string("stopped"), "how": .string(how.rawValue),
      ])
      conclude(Self.message(error), answer)
    } else {
      conclude(Self.message(error), .error(Self.message(error)))
    }
  }

  private func conclude(_ reason: String, _ answer: JSON) {
    guard !isOver else { return }
    isOver = true
    for asker in askers { asker.answer(answer) }
    askers = []
    // What commands said last is worth a moment; a client that stands still is not.
    serveClients(milliseconds: 500)
    for client in clients { client.sayGoodbye(reason) }
    serveClients(milliseconds: 100)
  }

  /// Until they have everything that was for them.
  private func serveClients(milliseconds: UInt64) {
    let deadline = Clock.monotonic() + milliseconds * 1_000_000
    while Clock.monotonic() < deadline {
      var set = PollSet()
      for client in clients { client.watch(&set) }
      guard clients.contains(where: { !$0.isServed }) else { return }
      set.wake(at: deadline)
      guard (try? set.turn()) != nil else { return }
    }
  }
}
