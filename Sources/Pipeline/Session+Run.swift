internal import Catalog
internal import GuestProtocol
internal import Host
internal import Launch
internal import Planning
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
  package var ending: WorkspaceEnding
  /// The VM stays.
  package var keeps: Bool
  /// How long the command may take.
  package var seconds: Int?
  package var mayBuild: Bool
  /// Asks a person what is to become of changes; `.ask` means that nobody is there.
  package var decide: @Sendable (WorkspaceChanges) -> WorkspaceEnding

  package init(
    image: String, name: String? = nil, command: CommandRequest,
    machine: MachineWishes = MachineWishes(), workspace: String? = nil,
    ending: WorkspaceEnding = .ask, keeps: Bool = false, seconds: Int? = nil,
    mayBuild: Bool = true,
    decide: @escaping @Sendable (WorkspaceChanges) -> WorkspaceEnding = { _ in .ask }
  ) {
    self.image = image
    self.name = name
    self.command = command
    self.machine = machine
    self.workspace = workspace
    self.ending = ending
    self.keeps = keeps
    self.seconds = seconds
    self.mayBuild = mayBuild
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
    let workspace = try request.workspace.map { try OutgoingWorkspace(directory: $0) }
    let ready = try readyImage(request.image, mayBuild: request.mayBuild, lease, &timings)
    let open = try request.command.open(
      ready.configuration, startingIn: workspace == nil ? nil : OutgoingWorkspace.guestPath,
      environment)
    let vm = try report.stage("clone", &timings) {
      try throwawayVM(request, ready, workspace, lease)
    }
    var fate = Fate.remove
    // Whatever happens from here on, the VM ends up where its fate says.
    defer { settle(vm.name, fate, lease) }
    let running = try bringUp(vm, ready.configuration, ready.boot.bundle, mode: .run)
    let link: any GuestLink = running.supervisor
    defer { running.supervisor.close() }
    if let workspace {
      try running.machine.waitUntilReady()
      timings.add(boot: running.machine.timings)
      try workspace.send(to: layout.virtualMachine(vm.name), over: link, report, &timings)
    }
    let (outcome, times) = try link.run(
      open, io: .standard(wantsTerminal: request.command.wantsTerminal),
      milliseconds: request.seconds.map { $0 * 1000 })
    if workspace == nil { timings.add(boot: running.machine.timings) }
    timings.add(command: times, ready: running.machine.timings.ready)
    report(failure: outcome)
    if request.keeps { fate = .keep }
    if let workspace {
      // From here on there may be work in the VM that must not get lost.
      fate = .needsRescue
      let result = try workspace.fetchChanges(
        to: layout.virtualMachine(vm.name), over: link, report, &timings)
      fate = .holdsWork
      fate = try finish(result, of: vm, request, &timings)
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
      if let workspace {
        new.detail = JSON.object(["workspace": .string(workspace.directory)]).description
      }
      do {
        try catalog.createVM(new, supervisor: lease)
        return try catalog.vm(named: name)
      } catch {
        guard case .nameTaken = error else { throw error }
        if request.name != nil { throw PipelineError.vmExists(name) }
      }
    }
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

  /// Decides about the changes: applied, thrown away, or kept with the VM.
  private func finish(
    _ changes: WorkspaceChanges, of vm: VMRecord, _ request: RunRequest, _ timings: inout Timings
  ) throws -> Fate {
    for path in changes.leftOut {
      report(
        .note(
          "stays in the VM: \"\(OutgoingWorkspace.text(path.path))\": \(path.reason.explanation)"))
    }
    let rest: Fate = request.keeps ? .keep : .remove
    if changes.isEmpty { return rest }
    let ending = request.ending == .ask ? request.decide(changes) : request.ending
    switch ending {
    case .discard: return rest
    case .apply:
      guard let directory = vm.workspace else { return .holdsWork }
      do {
        try report.stage("workspace applied", &timings) { try changes.apply(to: directory) }
      } catch {
        // Nothing is lost: it can be applied once what was in the way is settled.
        report(.note(kept(changes, vm.name)))
        throw error
      }
      report(.note("applied \(changes.count) to \"\(directory)\""))
      return rest
    case .ask:
      report(.note(kept(changes, vm.name)))
      return .holdsWork
    }
  }

  private func kept(_ changes: WorkspaceChanges, _ name: String) -> String {
    "VM \"\(name)\" holds \(changes.count): `hutch sync \(name)` shows them, "
      + "--apply takes them, --discard drops them"
  }
}
