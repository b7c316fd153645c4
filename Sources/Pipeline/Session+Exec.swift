internal import Catalog
internal import Host
internal import Launch
internal import Vocabulary

extension Session {
  /// Runs a command in a running VM; returns what `hutch exec` ends with.
  package func exec(_ name: String, _ request: CommandRequest) throws -> Int32 {
    let vm = try knownVM(name)
    guard let configuration = try configuration(of: vm) else {
      throw PipelineError.vmIsNotRunning(name)
    }
    let link = try reach(name)
    let open = try request.open(
      configuration, startingIn: vm.workspaceStart, environment)
    let outcome = try link.run(
      open, io: .standard(wantsTerminal: request.wantsTerminal)
    ).outcome
    report(failure: outcome)
    return outcome.status
  }

  /// The last of what the VM's kernel and its init said, as bytes of a guest: not to be shown
  /// before they are cleaned.
  package func console(of name: String) throws -> [UInt8] {
    let path = layout.virtualMachine(try knownVM(name).name) + "/console.log"
    guard Files.exists(path) else { return [] }
    return try Files.read(path, limit: 16 << 20)
  }
}
