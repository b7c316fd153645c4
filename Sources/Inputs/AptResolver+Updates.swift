internal import Host
package import Recipes
internal import Vocabulary

/// What is newer than what a lock has.
extension AptResolver {
  /// The version that would be installed today, by name. Packages that the lists don't have any
  /// more are left out.
  package func candidates(of names: [String]) throws(InputsError) -> [String: String] {
    try checkNames(names)
    if names.isEmpty { return [:] }
    let lock = try locked()
    // A use at the end: so long it is held.
    defer { _ = lock.descriptor }
    try onHost { () throws(HostError) in
      try Files.write("\(root.directory)/status", [], durable: false)
    }
    let command = root.command("apt-cache", ["show", "--no-all-versions"] + names)
    // It fails if one name is unknown, and tells of the others all the same.
    let result = try onHost { () throws(HostError) in try Processes.run(command) }
    var candidates: [String: String] = [:]
    for stanza in ControlStanza.parse(result.text) {
      guard let name = stanza["Package"], let version = stanza["Version"] else { continue }
      candidates[name] = version
    }
    return candidates
  }

  /// A step's packages with the newest versions of some of them, and what those need; all others
  /// stay as they are.
  ///
  /// - Parameters:
  ///   - wanted: names, or `name=version`; of packages of the step.
  ///   - packages: what the step has, all of them in `own`.
  ///   - parents: what the steps before it install, as `dpkg` would have it in its status.
  ///   - own: what the step installs, likewise.
  package func renew(
    _ wanted: [String], of packages: [LockedPackage], over parents: [UInt8], own: [UInt8]
  ) throws(InputsError) -> [LockedPackage] {
    try checkNames(wanted)
    let found = try resolve(
      wanted, status: parents + own, recommends: false, allowUpgrades: true)
    let before = InstalledPackages(status: parents)
    for package in found.packages {
      if let present = before[package.name], present != package.version {
        throw .wouldUpgrade(package: package.name, from: present, to: package.version)
      }
    }
    let renewed = Set(found.packages.map(\.name))
    return (packages.filter { !renewed.contains($0.name) } + found.packages).sorted()
  }

  /// Throws if these packages can't be installed together.
  ///
  /// - Parameter status: of all of them, as `dpkg` would have it.
  package func requireWhole(_ status: [UInt8]) throws(InputsError) {
    let lock = try locked()
    defer { _ = lock.descriptor }
    try onHost { () throws(HostError) in
      try Files.write("\(root.directory)/status", status, durable: false)
    }
    let command = root.command("apt-get", ["check"])
    let result = try onHost { () throws(HostError) in try Processes.run(command) }
    if result.status.isSuccess { return }
    let explained = explanation(in: result.text + "\n" + result.errorTail)
    throw .wouldBreak(said: explained ?? Apt.complaint(result.errorTail))
  }
}
