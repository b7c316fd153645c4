internal import Catalog
internal import GuestProtocol
internal import Host
internal import Inputs
package import Launch
internal import Planning
internal import Recipes
internal import Vocabulary

extension Session {
  /// What the catalog remembers of a VM's wishes about the network and log-ins.
  func details(of wishes: MachineWishes) -> [String: JSON] {
    var details: [String: JSON] = [:]
    if let mode = wishes.network { details["network"] = .string(mode.rawValue) }
    if !wishes.allow.isEmpty { details["allow"] = .array(wishes.allow.map { .string($0) }) }
    if !wishes.credentials.isEmpty {
      details["credentials"] = .array(Set(wishes.credentials).sorted().map { .string($0) })
    }
    return details
  }

  /// What a VM reaches; `nil` if nothing at all. What the VM was made with comes before what its
  /// image says.
  func networkPolicy(of vm: VMRecord, _ configuration: ImageConfiguration) -> NetworkPolicy? {
    let image = configuration.network
    let own = vm.details["network"]?.string.flatMap(NetworkSettings.Mode.init(rawValue:))
    let mode = own ?? image?.mode ?? .allow
    if mode == .none { return nil }
    if mode == .open {
      report(
        .note("the mode \"open\" is not there yet: the VM reaches only the names in \"allow\""))
    }
    let extra = (vm.details["allow"]?.array ?? []).compactMap(\.string)
    return NetworkPolicy(entries: ((image?.allow ?? []) + extra).flatMap(expanded))
  }

  /// The hosts behind `@apt` and the like. They are this machine's own choice, so they may be on a
  /// private network.
  private func expanded(_ entry: String) -> [String] {
    guard let source = PackageHosts(entry: entry) else { return [entry] }
    let hosts = source.hosts(environment).map { $0 + "@private" }
      .filter { AllowedHost($0.utf8) != nil }
    if hosts.isEmpty {
      report(
        .note("\"\(entry)\" allows nothing: \(source.rawValue) of this machine names no host"))
    }
    return hosts
  }

  /// Tells whoever wonders why a command failed what it was not let to.
  func report(network gate: NetworkGate?) {
    guard let gate else { return }
    if let failure = gate.failure { report(.note("the VM has no network: \(failure)")) }
    if !gate.denied.isEmpty {
      report(
        .note(
          "the VM may not reach \(gate.denied.joined(separator: ", ")): --allow NAME, or "
            + "[network] in the recipe, lets it"))
    }
  }

  /// What a VM reached and what it did not, the oldest first.
  package func networkEvents(of name: String) throws -> [NetworkEvent] {
    let path = layout.networkLog(of: try knownVM(name).name)
    guard Files.exists(path) else { return [] }
    return NetworkLog.events(in: try Files.read(path, limit: 16 << 20))
  }
}
