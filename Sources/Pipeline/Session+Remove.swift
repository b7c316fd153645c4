internal import Catalog
internal import Host
internal import Launch
internal import Vocabulary

extension Session {
  /// Removes a VM with all that is in it. A running one, and one that holds work that nobody has
  /// taken, only with `force`.
  package func remove(_ name: String, force: Bool) throws {
    let vm = try knownVM(name)
    if vm.unsynced && !force { throw PipelineError.holdsWork(name) }
    if vm.supervised {
      guard force else { throw PipelineError.vmIsRunning(name) }
      try end(vm, graceMilliseconds: 0)
    }
    let lease = try catalog.lease(for: "rm \(name)")
    defer { lease.release() }
    do {
      try delete(name, reason: force ? "removed by force" : "removed", lease)
    } catch CatalogError.virtualMachineInUse {
      throw PipelineError.vmIsRunning(name)
    }
  }

  /// Asks the guest to shut down and waits until the machine is off.
  package func stop(_ name: String, seconds: Int) throws {
    let vm = try knownVM(name)
    guard vm.supervised else { throw PipelineError.vmIsNotRunning(name) }
    try report.during("stop \(name)") {
      try end(vm, graceMilliseconds: seconds * 1000)
    }
  }

  /// Halts the VM's processors until `resume`: it takes no time then, and keeps its memory.
  package func pause(_ name: String) throws {
    try reach(name, evenPaused: true).pause()
    try catalog.setState(name, .paused)
  }

  package func resume(_ name: String) throws {
    try reach(name, evenPaused: true).resume()
    try catalog.setState(name, .running)
  }

  /// The way to a running VM. One that is paused answers nothing, and would be waited for.
  func reach(_ name: String, evenPaused: Bool = false) throws -> SupervisorLink {
    let vm = try knownVM(name)
    guard vm.supervised, let socket = vm.socket else { throw PipelineError.vmIsNotRunning(name) }
    guard vm.state != .paused || evenPaused else { throw PipelineError.vmIsPaused(name) }
    return try SupervisorLink(socket: socket)
  }

  package func isVM(_ name: String) throws -> Bool { try knownVMOrNil(name) != nil }

  func knownVM(_ name: String) throws -> VMRecord {
    do {
      return try catalog.vm(named: name)
    } catch {
      guard case .unknownVM = error else { throw error }
      throw PipelineError.noSuchVM(name)
    }
  }

  /// How long a supervisor may take for its own affairs after its machine is off.
  private static let farewell = 10_000

  /// The supervisor ends its machine; gone is gone: the VM has no supervisor when this returns.
  private func end(_ vm: VMRecord, graceMilliseconds: Int) throws {
    guard let socket = vm.socket else { throw PipelineError.vmIsNotRunning(vm.name) }
    _ = try SupervisorLink(socket: socket).stop(graceMilliseconds: graceMilliseconds)
    let clock = Stopwatch()
    while try knownVMOrNil(vm.name)?.supervised == true {
      try Interrupt.check()
      guard clock.milliseconds < Self.farewell else { throw PipelineError.vmIsRunning(vm.name) }
      Clock.pause(milliseconds: 10)
    }
  }

  /// `nil` once it is removed: a throwaway VM goes with its run.
  private func knownVMOrNil(_ name: String) throws -> VMRecord? {
    do {
      return try knownVM(name)
    } catch PipelineError.noSuchVM {
      return nil
    }
  }
}
