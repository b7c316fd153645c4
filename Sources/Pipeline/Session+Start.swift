package import Catalog
internal import Glibc
internal import Host
internal import Launch
internal import Planning
internal import Recipes
internal import Vocabulary

package struct StartRequest: Sendable {
  /// A VM, or an image of which one is made first.
  package var reference: String
  /// Name of the VM that is made of an image.
  package var name: String?
  package var machine: MachineWishes
  package var mayBuild: Bool

  package init(
    reference: String, name: String? = nil, machine: MachineWishes = MachineWishes(),
    mayBuild: Bool = true
  ) {
    self.reference = reference
    self.name = name
    self.machine = machine
    self.mayBuild = mayBuild
  }
}

extension Session {
  /// Starts a VM in the background, under a supervisor of its own, and returns when it answers.
  package func start(_ request: StartRequest) throws -> VMRecord {
    let vm = try vmToStart(request)
    if vm.supervised { throw PipelineError.vmIsRunning(vm.name) }
    if vm.state == .finished { throw PipelineError.holdsWork(vm.name) }
    try requireDisks(of: vm)
    var timings = Timings()
    return try report.stage("start \(vm.name)", &timings) {
      let process = try launchSupervisor(of: vm.name)
      do {
        try awaitReady(vm.name, process)
      } catch {
        // Also on Ctrl-C: what was asked for is not wanted any more.
        process.supervisor.terminate(graceMilliseconds: 10_000)
        throw error
      }
      return try catalog.vm(named: vm.name)
    }
  }

  /// Stops a VM, if it runs, and starts it.
  package func restart(_ name: String, seconds: Int) throws {
    if try knownVM(name).supervised { try stop(name, seconds: seconds) }
    _ = try start(StartRequest(reference: name))
  }

  private func vmToStart(_ request: StartRequest) throws -> VMRecord {
    if request.name == nil, let vm = try? knownVM(request.reference) {
      return try changed(vm, request.machine)
    }
    let made = try clone(
      CloneRequest(
        image: request.reference, name: request.name, machine: request.machine,
        mayBuild: request.mayBuild))
    return made[0]
  }

  /// Of a VM that is there only what it reaches and which log-ins it shares can be changed, while it
  /// does not run.
  private func changed(_ vm: VMRecord, _ wishes: MachineWishes) throws -> VMRecord {
    var rest = wishes
    rest.network = nil
    rest.allow = []
    rest.credentials = []
    guard rest == MachineWishes() else { throw PipelineError.vmIsMade(vm.name) }
    let details = details(of: wishes)
    if details.isEmpty || vm.supervised { return vm }
    try requireAgents(wishes.credentials, of: vm)
    var known = vm.details.object ?? [:]
    // A new mode without names takes back those from before.
    if details["network"] != nil || details["allow"] != nil {
      for name in ["network", "allow"] { known[name] = nil }
    }
    try catalog.setDetail(
      vm.name, JSON.object(known.merging(details) { _, new in new }).description)
    return try catalog.vm(named: vm.name)
  }

  /// The hidden verb that the executable answers with `supervise`.
  package static let supervisorVerb = "internal-supervisor"

  /// The process, and the end of the pipe on which it says how it went.
  private struct Launched {
    var supervisor: RunningProcess
    var report: Int32
  }

  private func launchSupervisor(of name: String) throws -> Launched {
    var variables = Command.plainEnvironment
    for name in [
      "HOME", "PATH", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "HUTCH_GUEST",
    ] {
      variables[name] = environment[name]
    }
    let (reading, writing) = try OwnedDescriptor.pipe().release()
    defer { Glibc.close(writing) }
    do {
      let supervisor = try RunningProcess.start(
        Command(
          environment.executable, [Self.supervisorVerb, layout.root, name],
          environment: variables, workingDirectory: "/"),
        descriptors: [-1, writing, -1], outlivesUs: true)
      return Launched(supervisor: supervisor, report: reading)
    } catch {
      Glibc.close(reading)
      throw error
    }
  }

  /// A supervisor says one line: nothing but its being ready, or why it is not.
  private func awaitReady(_ name: String, _ process: Launched) throws {
    let line = try Self.readLine(OwnedDescriptor(owning: process.report))
    let answer = try? JSON(parsing: line)
    if answer?["ready"]?.bool == true { return }
    throw PipelineError.notStarted(
      name: name,
      reason: answer?["message"]?.string ?? "its supervisor ended without a word")
  }

  private static func readLine(_ pipe: consuming OwnedDescriptor) throws -> [UInt8] {
    var line: [UInt8] = []
    while line.last != UInt8(ascii: "\n") {
      var waiting = [
        pollfd(fd: pipe.raw, events: Int16(POLLIN), revents: 0),
        pollfd(fd: Interrupt.descriptor, events: Int16(POLLIN), revents: 0),
      ]
      _ = unsafe poll(&waiting, 2, -1)
      try Interrupt.check()
      let part = try pipe.read(upTo: 4096)
      if part.isEmpty { break }
      line += part
    }
    return line
  }

  // MARK: The supervisor

  /// The process in the background: keeps one VM up until it is told to stop, the guest powers
  /// off, or a signal comes. Arguments: the store and the VM.
  package static func supervise(_ arguments: [String]) -> Never {
    guard arguments.count == 2 else { exit(FailureKind.usage.rawValue) }
    do {
      try Session(store: arguments[0]).keepUp(arguments[1])
      exit(0)
    } catch {
      let failure = error as? any Failure
      say(.object(["message": .string(failure?.message ?? "\(error)")]))
      exit((failure?.kind ?? .failed).rawValue)
    }
  }

  /// To whoever started us, and only once: afterwards nobody listens.
  private static func say(_ answer: JSON) {
    let output = OwnedDescriptor(owning: STDOUT_FILENO)
    try? output.writeAll(answer.rendered + [0x0A])
  }

  private func keepUp(_ name: String) throws {
    var timings = Timings()
    let lease = try catalog.lease(for: "vm \(name)")
    defer { lease.release() }
    do {
      try catalog.supervise(name, lease)
    } catch CatalogError.virtualMachineInUse {
      throw PipelineError.vmIsRunning(name)
    }
    let vm = try catalog.vm(named: name)
    guard let configuration = try configuration(of: vm) else {
      throw PipelineError.noSuchImage(name)
    }
    // Before anything is started: the state is true also if starting fails.
    defer { try? catalog.setState(name, .stopped) }
    let running = try bringUp(
      vm, configuration, try bundle(for: vm, lease, &timings),
      mode: configuration.machine.initSystem == .systemd ? .start : .run)
    defer { running.supervisor.close() }
    try running.machine.waitUntilReady()
    try running.supervisor.settle(running.machine.folders, milliseconds: Self.settlePatience)
    Self.say(.object(["ready": .bool(true)]))
    _ = try running.supervisor.serve()
  }
}
