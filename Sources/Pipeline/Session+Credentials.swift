internal import Catalog
internal import Host
internal import Launch
internal import Planning
internal import Recipes
internal import Vocabulary

package struct LogInRequest: Sendable {
  /// A tool that is an agent.
  package var agent: String
  /// What is run in place of what its recipe says.
  package var words: [String]
  /// What the VM may reach besides.
  package var allow: [String]
  package var mayBuild: Bool

  package init(
    agent: String, words: [String] = [], allow: [String] = [], mayBuild: Bool = true
  ) {
    self.agent = agent
    self.words = words
    self.allow = allow
    self.mayBuild = mayBuild
  }
}

/// A log-in as it is kept.
package struct LogIn: Sendable {
  package var agent: String
  /// The files of it that are there, below the home that a VM's user has.
  package var files: [String]
  /// Whether any of them is new.
  package var isNew: Bool
}

/// Log-ins of agents: files with tokens, each agent's in one directory of the user's, which VMs get
/// that were asked for with `--credentials` (docs/decisions/0007-log-ins.md).
extension Session {
  /// For the guest to have all files before a command begins, and the host afterwards. Milliseconds.
  static let settlePatience = 10_000

  // MARK: Verbs

  /// Lets a person log an agent in, in a VM that is thrown away, and keeps the files that hold its
  /// tokens.
  package func logIn(_ request: LogInRequest) throws -> LogIn {
    let agent = try agent(request.agent, mayBuild: request.mayBuild)
    let before = try contents(of: agent)
    var words = request.words
    if words.isEmpty { words = agent.settings.login }
    if words.isEmpty { words = agent.settings.command }
    let outcome = try run(
      RunRequest(
        image: Self.baseRecipe, command: CommandRequest(words: words),
        machine: MachineWishes(
          allow: request.allow, tools: [request.agent], credentials: [agent.name]),
        mayBuild: request.mayBuild, isLogIn: true))
    let after = try contents(of: agent)
    if after.isEmpty { throw PipelineError.notLoggedIn(agent.name, status: outcome.status) }
    return LogIn(
      agent: agent.name, files: agent.settings.credentials.filter { after[$0] != nil },
      isNew: after != before)
  }

  /// Forgets a log-in, also in VMs that share it now.
  package func logOut(_ agent: String) throws {
    guard Names.isRecipe(agent), try SharedDirectory.remove(directory(of: agent)) else {
      throw PipelineError.noLogIn(agent)
    }
  }

  /// A tool that logs in.
  private struct Agent {
    var name: String
    var settings: AgentSettings
  }

  private func agent(_ reference: String, mayBuild: Bool) throws -> Agent {
    let lease = try catalog.lease(for: "login \(reference)")
    defer { lease.release() }
    var timings = Timings()
    let image = try findImage(reference, mayBuild: mayBuild, lease, &timings)
    let configuration = try configuration(of: image.id)
    guard let tool = configuration.tool else { throw PipelineError.notATool(reference) }
    return Agent(name: tool.name, settings: try logInSettings(tool.name, configuration))
  }

  private func logInSettings(
    _ name: String, _ configuration: ImageConfiguration
  ) throws -> AgentSettings {
    guard let settings = configuration.agent, !settings.credentials.isEmpty else {
      throw PipelineError.keepsNoLogIn(name)
    }
    return settings
  }

  private func directory(of agent: String) -> String {
    "\(environment.credentialsDirectory)/\(agent)"
  }

  /// What the files of a log-in hold, as digests.
  private func contents(of agent: Agent) throws -> [String: Digest] {
    let path = directory(of: agent.name)
    guard Files.status(path) != nil else { return [:] }
    let directory = try SharedDirectory(path)
    return Dictionary(
      uniqueKeysWithValues: agent.settings.credentials.compactMap { file in
        directory.read(file).map { (file, Digest.of($0)) }
      })
  }

  // MARK: In VMs

  /// Refuses log-ins of what is not in the VM, or has none.
  func requireAgents(_ names: [String], _ tools: [ReadyTool]) throws {
    try requireAgents(
      names, Dictionary(tools.map { ($0.name, $0.configuration) }) { first, _ in first })
  }

  func requireAgents(_ names: [String], of vm: VMRecord) throws {
    if names.isEmpty { return }
    try requireAgents(names, try configurations(of: vm))
  }

  private func requireAgents(
    _ names: [String], _ tools: [String: ImageConfiguration]
  ) throws {
    var owners: [String: String] = [:]
    for name in Set(names).sorted() {
      guard let tool = tools[name] else { throw PipelineError.noSuchAgent(name) }
      for file in try logInSettings(name, tool).credentials {
        if let other = owners.updateValue(name, forKey: file) {
          throw PipelineError.oneFileOfTwo(file, other, name)
        }
      }
    }
  }

  private func configurations(of vm: VMRecord) throws -> [String: ImageConfiguration] {
    try Dictionary(vm.tools.map { ($0.name, try configuration(of: $0.image)) }) { first, _ in
      first
    }
  }

  /// What a VM shares with others. Which files these are, its tools say; it was asked for when the VM
  /// was made or started.
  func sharedFiles(of vm: VMRecord, user: String) throws -> [SharedFiles] {
    let names = vm.credentials
    if names.isEmpty { return [] }
    let tools = try configurations(of: vm)
    try requireAgents(names, tools)
    return try Set(names).sorted().map { name in
      guard let tool = tools[name] else { throw PipelineError.noSuchAgent(name) }
      return SharedFiles(
        name: name, directory: directory(of: name),
        files: try logInSettings(name, tool).credentials, user: user)
    }
  }

  /// Before a command begins, its agent is logged in.
  func shareLogIns(_ running: RunningMachine) throws {
    let folders = running.machine.folders
    if folders.isEmpty { return }
    try running.machine.waitUntilReady()
    try running.supervisor.settle(folders, milliseconds: Self.settlePatience)
  }

  /// What the command changed last is not lost with the VM.
  ///
  /// - Parameter tellsMissing: whether it is worth a word that there is none.
  func settleLogIns(_ running: RunningMachine, tellsMissing: Bool) {
    let folders = running.machine.folders
    for folder in folders { folder.synchronise() }
    do {
      try running.supervisor.settle(folders, milliseconds: Self.settlePatience)
    } catch {
      // The command's own outcome is what counts.
      report(.note("the log-ins may be older than those in the VM"))
    }
    for folder in folders {
      let name = folder.shared.name
      if let failure = folder.failure {
        report(.note("the log-in of \"\(name)\" is shared no more: \(failure)"))
      } else if !folder.isSettled {
        report(.note("the VM did not say whether the log-in of \"\(name)\" changed"))
      } else if folder.isEmpty, tellsMissing {
        report(.note("there is no log-in of \"\(name)\": `hutch login \(name)` makes one"))
      }
    }
  }
}
