internal import Catalog
internal import GuestProtocol
package import Host
internal import Launch
internal import Planning
internal import Recipes
internal import Vocabulary
internal import Workspaces

extension Session {
  /// The hidden verb that `ssh` starts to reach a VM.
  package static let secureShellProxyVerb = "ssh-proxy"

  /// What `ssh` has to know of VMs to reach them, as a part of its configuration.
  ///
  /// - Parameter names: none for all that there are.
  package func secureShellConfiguration(_ names: [String]) throws -> String {
    let vms = try names.isEmpty ? catalog.vms() : names.map { try knownVM($0) }
    return try vms.map { try section(of: $0) }.joined(separator: "\n")
  }

  /// `ssh` to a running VM, ready to take this process's place.
  package func secureShell(_ name: String, options: [String], command: [String]) throws -> Command {
    _ = try reach(name)
    guard let ssh = Processes.find("ssh") else {
      throw HostError.missingTool(name: "ssh", debianPackage: "openssh-client")
    }
    let section = try section(of: try knownVM(name))
    let file = layout.virtualMachine(name) + "/ssh/config"
    try Files.write(file, Array(section.utf8), mode: 0o600, durable: false)
    return Command(
      ssh, ["-F", file] + options + [SecureShell.alias(of: name)] + command,
      environment: environment.all)
  }

  /// The server's end of one connection: standard input and output are the client's.
  package func secureShellProxy(_ name: String) throws -> Int32 {
    let vm = try knownVM(name)
    let link = try reach(name)
    let archive = try WorkspaceArchive(directory: try serverFiles(of: vm))
    let sent = try link.sendTree(
      to: Array(SecureShell.guestDirectory.utf8), user: Array("0:0".utf8), remembers: false,
      tar: archive.next)
    guard sent.isSuccess else {
      throw PipelineError.notCopied(
        "keys", to: name, reason: TailBuffer.printable(sent.messages.utf8))
    }
    var request = OpenRequest(.exec)
    request.arguments = SecureShell.serverCommand.map { Array($0.utf8) }
    request.directory = [UInt8(ascii: "/")]
    request.user = Array("0:0".utf8)
    let outcome = try link.run(request, io: .standard(wantsTerminal: false)).outcome
    // What a shell says of a program that is not there.
    if outcome == .exited(127) { throw PipelineError.noSecureShell(name) }
    return outcome.status
  }

  private func section(of vm: VMRecord) throws -> String {
    let folder = try serverFolder(of: vm)
    let key = try publicKey(of: "\(folder)/server/\(SecureShell.hostKey)")
    try Files.write(
      folder + "/known_hosts", Array(SecureShell.knownHost(vm.name, key: key).utf8), mode: 0o600,
      durable: false)
    let user = try vm.image.flatMap { try configuration(of: $0).machine.user } ?? "root"
    return SecureShell.section(
      vm: vm.name, user: user, identity: try clientKey(), knownHosts: folder + "/known_hosts",
      proxy: [
        environment.executable, Self.secureShellProxyVerb, "--store", layout.root, vm.name,
      ])
  }

  // MARK: Keys

  /// The VM's own files for ssh; its key is made at the first call.
  private func serverFolder(of vm: VMRecord) throws -> String {
    let folder = layout.virtualMachine(vm.name) + "/ssh"
    try Files.makeDirectories(folder + "/server", mode: 0o700)
    try makeKey("\(folder)/server/\(SecureShell.hostKey)", comment: vm.name)
    return folder
  }

  /// The folder whose content the server in the VM gets.
  private func serverFiles(of vm: VMRecord) throws -> String {
    let server = try serverFolder(of: vm) + "/server"
    let client = try publicKey(of: try clientKey())
    // Read by the server with the rights of the user who logs in; no secret is in it.
    try Files.write(
      "\(server)/\(SecureShell.authorizedKeys)", Array("\(client)\n".utf8), mode: 0o644,
      durable: false)
    try Files.write(
      "\(server)/\(SecureShell.serverSettings)", Array(SecureShell.serverConfiguration.utf8),
      mode: 0o600, durable: false)
    return server
  }

  /// One for all VMs of a store; only the public half ever gets into one.
  private func clientKey() throws -> String {
    try Files.makeDirectories(layout.secureShell, mode: 0o700)
    let path = layout.secureShell + "/id_ed25519"
    try makeKey(path, comment: "hutch")
    return path
  }

  /// Whoever comes first makes it; a half-written one is never seen.
  private func makeKey(_ path: String, comment: String) throws {
    if Files.exists(path) { return }
    let aside = "\(path).\(Hex.encode(Randomness.bytes(6))).tmp"
    defer { for file in [aside, aside + ".pub"] { try? Files.remove(file) } }
    let arguments = ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", aside]
    try Processes.runChecked(Command(try keygen(), arguments))
    do {
      try Files.rename(aside, to: path, replacing: false)
    } catch {
      guard Files.exists(path) else { throw error }
    }
  }

  /// Type and base64.
  private func publicKey(of path: String) throws -> String {
    let text = try Processes.runChecked(Command(try keygen(), ["-y", "-f", path])).text
    return text.split(whereSeparator: \.isWhitespace).prefix(2).joined(separator: " ")
  }

  private func keygen() throws -> String {
    guard let path = Processes.find("ssh-keygen") else {
      throw HostError.missingTool(name: "ssh-keygen", debianPackage: "openssh-client")
    }
    return path
  }
}
