internal import Catalog
internal import GuestProtocol
internal import Host
internal import Launch
internal import Planning
internal import Recipes
internal import Vocabulary
package import Workspaces

/// What becomes of the changes that a command made in its copy of the workspace.
package enum WorkspaceEnding: Sendable, Hashable {
  case apply
  case discard
  /// The person is asked, where there is one; else they are kept with the VM.
  case ask
}

package struct RunRequest: Sendable {
  package var image: String
  package var name: String?
  package var command: CommandRequest
  package var machine: MachineWishes
  /// A directory whose copy the command works on.
  package var workspace: String?
  /// nil for what the directory suggests.
  package var workspaceMode: WorkspaceMode?
  /// Without one, an agent gets the project in the current directory.
  package var takesProject: Bool
  /// How much of a repository's history goes in.
  package var history: GitHistory
  package var ending: WorkspaceEnding
  /// The VM stays.
  package var keeps: Bool
  /// How long the command may take.
  package var seconds: Int?
  package var mayBuild: Bool
  /// The command is to log an agent in.
  package var isLogIn: Bool
  /// Asks a person what is to become of a VM's work; `.ask` means that nobody is there.
  package var decide: @Sendable (WorkspaceWork, _ name: String) -> WorkspaceEnding

  package init(
    image: String, name: String? = nil, command: CommandRequest,
    machine: MachineWishes = MachineWishes(), workspace: String? = nil,
    workspaceMode: WorkspaceMode? = nil, takesProject: Bool = false,
    history: GitHistory = GitHistory(),
    ending: WorkspaceEnding = .ask, keeps: Bool = false, seconds: Int? = nil,
    mayBuild: Bool = true, isLogIn: Bool = false,
    decide: @escaping @Sendable (WorkspaceWork, String) -> WorkspaceEnding = { _, _ in .ask }
  ) {
    self.image = image
    self.name = name
    self.command = command
    self.machine = machine
    self.workspace = workspace
    self.workspaceMode = workspaceMode
    self.takesProject = takesProject
    self.history = history
    self.ending = ending
    self.keeps = keeps
    self.seconds = seconds
    self.mayBuild = mayBuild
    self.isLogIn = isLogIn
    self.decide = decide
  }
}

package struct RunOutcome: Sendable {
  /// What `hutch run` ends with: the command's own status.
  package var status: Int32
  package var timings: Timings
}

extension Session {
  /// A new VM of an image, a command in it, and the VM away again.
  package func run(_ request: RunRequest) throws -> RunOutcome {
    if let name = request.name, !VMNames.isValid(name) { throw PipelineError.badVMName(name) }
    try requireFloor()
    var timings = Timings()
    let lease = try catalog.lease(for: "run \(request.image)")
    defer { lease.release() }
    let explicit = try request.workspace.map {
      try OutgoingWorkspace(directory: $0, mode: request.workspaceMode, history: request.history)
    }
    let ready = try readyImage(
      request.image, with: request.machine.tools, project: request.workspace,
      mayBuild: request.mayBuild, lease, &timings)
    try requireAgents(request.machine.credentials, ready.tools)
    let workspace = try explicit ?? projectWorkspace(of: request, ready)
    let open = try command(of: request, ready).open(
      ready.effective, startingIn: workspace?.start, environment)
    let vm = try report.stage("clone", &timings) {
      try throwawayVM(request, ready, workspace, lease)
    }
    var fate = Fate.remove
    // Whatever happens from here on, the VM ends up where its fate says.
    defer { settle(vm.name, fate, lease) }
    let running = try bringUp(
      vm, ready.effective, ready.boot.bundle, mode: .run, user: request.command.user ?? "")
    let link: any GuestLink = running.supervisor
    defer { running.supervisor.close() }
    let folder = layout.virtualMachine(vm.name)
    let sent = try workspace.map { workspace in
      try running.machine.waitUntilReady()
      timings.add(boot: running.machine.timings)
      return try workspace.send(to: folder, over: link, report, &timings)
    }
    try shareLogIns(running)
    let (outcome, times) = try link.run(
      open, io: .standard(wantsTerminal: request.command.wantsTerminal),
      milliseconds: request.seconds.map { $0 * 1000 })
    if workspace == nil { timings.add(boot: running.machine.timings) }
    timings.add(command: times, ready: running.machine.timings.ready)
    report(failure: outcome)
    settleLogIns(running, tellsMissing: !request.isLogIn)
    report(network: running.machine.network)
    if request.keeps { fate = .keep }
    if let workspace, let sent {
      // From here on there may be work in the VM that must not get lost.
      fate = .needsRescue
      let fetched = try workspace.fetch(
        sent, user: open.user, to: folder, over: link, report, &timings)
      fate = .holdsWork
      fate = try finish(fetched, of: vm, request, &timings)
    }
    report.stage("stop", &timings) {
      if fate.keepsDisk { running.machine.shutdown() } else { running.machine.kill() }
    }
    return RunOutcome(status: outcome.status, timings: timings)
  }

  /// The row says from the beginning that this process is its supervisor: if the process dies,
  /// the VM is garbage.
  private func throwawayVM(
    _ request: RunRequest, _ ready: ReadyImage, _ workspace: OutgoingWorkspace?, _ lease: Lease
  ) throws -> VMRecord {
    let size = machineSize(of: ready, request.machine)
    var taken: Set<String> = []
    while true {
      let name = request.name ?? freshName(image: request.image, taken: &taken)
      var new = NewVM(
        name: name, image: ready.image.id, disk: ready.disk.key, boot: ready.boot.key,
        diskSize: size.disk, seed: Randomness.bytes(32), ephemeral: true, cpus: size.cpus,
        memory: size.memory)
      new.tools = ready.tools.map(\.asNew)
      new.detail =
        JSON.object(details(of: request.machine)).merging(workspace?.details ?? [:]).description
      do {
        try catalog.createVM(new, supervisor: lease)
        return try catalog.vm(named: name)
      } catch {
        guard case .nameTaken = error else { throw error }
        if request.name != nil { throw PipelineError.vmExists(name) }
      }
    }
  }

  /// An agent that was asked for without a command is what is run.
  private func command(of request: RunRequest, _ ready: ReadyImage) -> CommandRequest {
    var command = request.command
    if command.words.isEmpty, let agent = ready.agent?.configuration.agent {
      command.words = agent.command
    }
    return command
  }

  /// Whoever asks for an agent wants it to work on the project that they stand in.
  private func projectWorkspace(
    of request: RunRequest, _ ready: ReadyImage
  ) throws -> OutgoingWorkspace? {
    guard ready.agent != nil, request.takesProject else { return nil }
    let here = try OutgoingWorkspace(
      directory: ".", mode: request.workspaceMode, history: request.history)
    if here.repository != nil || Files.exists(RecipeFinder.projectFile) { return here }
    report(
      .note(
        "without a workspace: this directory is in no git work tree and has no "
          + "\(RecipeFinder.projectFile); --workspace . takes it"))
    return nil
  }

  /// Words for a command that could not be started: its status alone says little.
  func report(failure outcome: SessionOutcome) {
    switch outcome {
    case .failed(let failure):
      report(.note("hutch: \(TailBuffer.printable(failure.text))"))
    case .timedOut: report(.note("hutch: the command took longer than it might, and was ended"))
    default: break
    }
  }

  /// What is to become of the VM of a run.
  enum Fate {
    case remove
    case keep
    /// Its changes are here, and nobody has taken or discarded them.
    case holdsWork
    /// Its changes are in it, and could not be fetched.
    case needsRescue

    var keepsDisk: Bool { self != .remove }
  }

  private func settle(_ name: String, _ fate: Fate, _ lease: Lease) {
    switch fate {
    case .remove: try? delete(name, reason: "its run ended", lease)
    case .keep: try? catalog.setState(name, .stopped, ephemeral: false)
    case .holdsWork:
      try? catalog.setState(name, .finished, unsynced: true, ephemeral: false)
    case .needsRescue:
      try? catalog.setState(name, .stopped, unsynced: true, ephemeral: false)
      report(.note("VM \"\(name)\" is kept: `hutch start \(name)` brings it up again"))
    }
  }

  /// Decides about the work: taken, thrown away, or kept with the VM.
  private func finish(
    _ fetched: FetchedWork, of vm: VMRecord, _ request: RunRequest, _ timings: inout Timings
  ) throws -> Fate {
    let rest: Fate = request.keeps || fetched.staysInside ? .keep : .remove
    guard let work = fetched.work else { return settled(rest, vm, fetched) }
    if fetched.staysInside { try markStays(vm.name) }
    let ending = request.ending == .ask ? request.decide(work, vm.name) : request.ending
    switch ending {
    case .discard: return settled(rest, vm, fetched)
    case .apply:
      do {
        try report.stage("workspace applied", &timings) { try take(work, of: vm) }
      } catch {
        // Nothing is lost: it can be applied once what was in the way is settled.
        report(.note(kept(work, vm.name)))
        throw error
      }
      return settled(rest, vm, fetched)
    case .ask:
      report(.note(kept(work, vm.name)))
      return .holdsWork
    }
  }

  /// Whoever keeps the VM needs nothing of its work any more.
  private func settled(_ fate: Fate, _ vm: VMRecord, _ fetched: FetchedWork) -> Fate {
    if fate == .keep {
      if fetched.staysInside { report(.note("VM \"\(vm.name)\" is kept for what stays in it")) }
      forgetWork(of: vm.name)
    }
    return fate
  }

  private func kept(_ work: WorkspaceWork, _ name: String) -> String {
    "VM \"\(name)\" holds \(work.count): `hutch sync \(name)` shows them, "
      + "--apply takes them, --discard drops them"
  }
}
