internal import Glibc
internal import Host
internal import Inputs
internal import Vocabulary

/// Runs one step and normalises what it changed. Inside a user and mount namespace of its own,
/// as root there: see `Worker`.
package struct StepRunner {
  private let job: StepJob
  private let onLine: (String) -> Void

  package init(_ job: StepJob, onLine: @escaping (String) -> Void) {
    self.job = job
    self.onLine = onLine
  }

  /// Afterwards `job.upper` holds the normalised changes.
  package func run() throws {
    try makeDirectories()
    switch job.work {
    case .bootstrap(let suite, let repository, let packages):
      try bootstrap(suite: suite, repository: repository, packages: packages)
    case .install(let packages, let repository, let recommends):
      try install(packages, from: repository, recommends: recommends)
    case .script(let script, let user):
      try run(script: script, user: user)
    case .copy(let files):
      try copy(files)
    case .unpack(let archive, let target, let strip):
      try unpack(archive, to: target, strip: strip)
    case .tool(let tool):
      try run(tool)
    }
    try normalise()
  }

  /// Runs a tool that brings something into directories of ours; what it changes in the image is
  /// thrown away.
  package func download() throws {
    guard case .tool(let tool) = job.work else {
      throw BuildingError.unexpectedAnswer("a download without a tool")
    }
    try makeDirectories()
    try run(tool)
  }

  private func makeDirectories() throws {
    for directory in [job.upper, job.scratch, job.root, job.lowerRoot] {
      try Files.makeDirectories(directory)
    }
    try Files.setMode(job.upper, 0o755)
  }

  private func normalise() throws {
    var lowerPath: String?
    if let only = job.lower.first {
      // overlayfs without an upper directory wants two lower ones; one is shown by a bind.
      if job.lower.count == 1 {
        try Mounts.bind("\(job.trees)/\(only)", at: job.lowerRoot)
      } else {
        try Mounts.overlay(trees: job.lower, in: job.trees, at: job.lowerRoot)
      }
      lowerPath = job.lowerRoot
    }
    let tree = try OwnedDescriptor.open(job.upper, .directory)
    try TreeNormaliser(date: job.date, lowerPath: lowerPath).apply(to: tree)
    if lowerPath != nil { try Mounts.unmount(job.lowerRoot) }
  }

  // MARK: In the sandbox

  private static let script = "/run/hutch/step"

  private func sandbox() -> StepSandbox {
    StepSandbox(
      trees: job.trees, lower: job.lower, upper: job.upper, work: job.scratch, root: job.root,
      date: job.date, environment: job.environment, hasNetwork: job.hasNetwork)
  }

  private func install(
    _ packages: [String], from repository: String, recommends: Bool
  ) throws {
    let names = packages.map { $0.prefix(while: { $0 != "=" }) }
    try run(
      sandbox(installing: packages, from: repository, recommends: recommends),
      ["/bin/sh", "-eu", Self.script], what: "apt " + names.joined(separator: " "))
  }

  private func sandbox(
    installing packages: [String], from repository: String, recommends: Bool
  ) -> StepSandbox {
    var sandbox = sandbox()
    sandbox.installsPackages = true
    sandbox.readable[OfflineApt.repositoryPath] = repository
    sandbox.directories = OfflineApt.directories
    sandbox.files[OfflineApt.configurationPath] = OfflineApt.configuration(recommends: recommends)
    sandbox.files[OfflineApt.sourceListPath] = OfflineApt.sourceLine
    let commands = OfflineApt.commands(installing: packages)
    sandbox.files[Self.script] = commands.map { words in
      Command(words[0], Array(words.dropFirst())).display + "\n"
    }.joined()
    return sandbox
  }

  private func run(script: String, user: String?) throws {
    var command = ["/bin/sh", "-eu", Self.script]
    if let user { command = ["/usr/sbin/runuser", "-u", user, "--"] + command }
    if let user, !job.secrets.isEmpty {
      // Only the image knows the user's number.
      let give = "chown -- \"$1\" \(StepSandbox.secretsPath)/* && shift && exec \"$@\""
      command = ["/bin/sh", "-c", give, "sh", user] + command
    }
    let first = script.split(separator: "\n").first.map(String.init) ?? ""
    let more = script.split(separator: "\n").count > 1 ? " …" : ""
    try run(sandbox(running: script, user: user), command, what: "run \(first)\(more)")
  }

  private func sandbox(running script: String, user: String?) -> StepSandbox {
    var sandbox = sandbox()
    sandbox.files[Self.script] = script.hasSuffix("\n") ? script : script + "\n"
    sandbox.secrets = job.secrets
    if let user { sandbox.environment["USER"] = user }
    return sandbox
  }

  private func run(_ tool: ToolWork) throws {
    try run(sandbox(for: tool), ["/bin/sh", "-eu", Self.script], what: tool.what)
  }

  private func sandbox(for tool: ToolWork) -> StepSandbox {
    var sandbox = sandbox()
    sandbox.files = tool.files
    sandbox.files[Self.script] = tool.script
    sandbox.readable = tool.readable
    sandbox.secrets = job.secrets
    sandbox.writable = tool.writable
    sandbox.environment.merge(tool.environment) { _, own in own }
    return sandbox
  }

  private func run(
    _ sandbox: StepSandbox, _ arguments: [String], what: String
  ) throws {
    let command = Command(
      arguments[0], Array(arguments.dropFirst()), environment: sandbox.variables)
    let tail = LineTail()
    let filter = SecretFilter(job.secrets.values) { line in
      tail.add(line)
      onLine(line)
    }
    defer { filter.finish() }
    let limits = job.limits ?? StepLimits.standard
    let group = ControlGroup.make(limits)
    var isolation = sandbox.isolation
    isolation.actions.insert(contentsOf: StepLimits.actions(group, limits), at: 0)
    let result: CommandResult
    do {
      result = try Processes.run(
        merged(command), milliseconds: job.seconds.map { $0 * 1000 }, isolation: isolation,
        until: { group?.excess != nil },
        onErrorLine: filter.add)
    } catch {
      if case .timedOut(_, let seconds) = error {
        throw BuildingError.stepTimedOut(what: what, seconds: seconds)
      }
      throw error
    }
    // Also of a step that went on without what it did not get: it may get it the next time.
    if let excess = group?.excess {
      throw BuildingError.stepBeyondLimit(what: what, excess: excess, limits: limits)
    }
    if result.status.isSuccess { return }
    filter.finish()
    throw BuildingError.stepFailed(what: what, status: result.status, tail: tail.text)
  }

  /// Both outputs on standard error, in the order in which they were written.
  private func merged(_ command: Command) -> Command {
    var merged = command
    merged.executable = "/bin/sh"
    merged.arguments = ["-c", "exec \"$@\" 1>&2", "sh", command.executable] + command.arguments
    return merged
  }

  /// A shell where the step failed, on the caller's own terminal; what it changes is thrown away.
  package func openShell() throws {
    let sandbox: StepSandbox
    switch job.work {
    case .install(let packages, let repository, let recommends):
      sandbox = self.sandbox(installing: packages, from: repository, recommends: recommends)
    case .script(let script, let user): sandbox = self.sandbox(running: script, user: user)
    case .tool(let tool): sandbox = self.sandbox(for: tool)
    // Nothing of these runs in a sandbox of ours.
    case .bootstrap, .copy, .unpack: return
    }
    onLine("a shell where the step failed, which is \(Self.script); leave it with `exit`:")
    let shell = try RunningProcess.start(
      Command("/bin/sh", ["-i"], environment: sandbox.variables), descriptors: [0, 1, 2],
      session: false, isolation: sandbox.isolation)
    _ = shell.wait()
  }

  // MARK: The base

  private func bootstrap(
    suite: String, repository: String, packages: [String]
  ) throws {
    let bootstrap = Bootstrap(
      suite: suite, repository: repository, packages: packages, target: job.upper,
      root: job.root, date: job.date)
    let limits = job.limits ?? StepLimits.standard
    let group = ControlGroup.make(limits)
    var isolation = bootstrap.isolation
    isolation.actions.insert(contentsOf: StepLimits.actions(group, limits), at: 0)
    do {
      try Processes.runChecked(
        bootstrap.command, milliseconds: job.seconds.map { $0 * 1000 }, isolation: isolation,
        onErrorLine: onLine)
    } catch {
      guard let excess = group?.excess else { throw error }
      throw BuildingError.stepBeyondLimit(
        what: "mmdebstrap \(suite)", excess: excess, limits: limits)
    }
  }

  // MARK: Files

  private func copy(_ files: [FileToCopy]) throws {
    try Mounts.overlay(
      trees: job.lower, in: job.trees, upper: job.upper, work: job.scratch, at: job.root)
    let root = try OwnedDescriptor.open(job.root, .directory)
    for file in files { try copy(file, into: root) }
    try Mounts.unmount(job.root)
  }

  private func unpack(_ archive: String, to target: GuestPath, strip: Int) throws {
    try Mounts.overlay(
      trees: job.lower, in: job.trees, upper: job.upper, work: job.scratch, at: job.root)
    do {
      let root = try OwnedDescriptor.open(job.root, .directory)
      let directory = try makeDirectories(target, in: root)
      try ArchiveUnpacking(archive, into: directory, strip: strip, date: job.date).run()
    }
    try Mounts.unmount(job.root)
  }

  private func copy(_ file: FileToCopy, into root: borrowing OwnedDescriptor) throws {
    guard let parent = file.to.parent else {
      // The root itself: only as a directory that is there anyway.
      return
    }
    let directory = try makeDirectories(parent, in: root)
    let name = Array(file.to.name)
    switch file.contents {
    case .directory:
      switch try directory.statusIfPresent(of: name)?.kind {
      case nil: break
      case .directory: return
      // As on the way to a file: `/bin` may be a link to where the image has it.
      case .symlink:
        _ = try makeDirectories(file.to, in: root).raw
        return
      default: throw BuildingError.notADirectory(file.to)
      }
      try directory.makeDirectory(name, mode: file.mode)
    case .link(let target):
      try directory.removeTree(name)
      try directory.makeLink(target: Array(target.utf8), at: name)
      return try directory.setOwner(of: name, uid: 0, gid: 0)
    case .file(let path, let digest):
      let source = try OwnedDescriptor.open(path, .read)
      try directory.removeTree(name)
      let target = try directory.openBeneath(name, .createExclusive(mode: 0o600))
      var stream = DigestStream()
      while true {
        let part = try source.read(upTo: 1 << 20)
        if part.isEmpty { break }
        stream.update(part)
        try target.writeAll(part)
      }
      if stream.finish() != digest { throw BuildingError.copiedFileChanged(path: path) }
    }
    try directory.setOwner(of: name, uid: 0, gid: 0)
    try directory.setMode(of: name, file.mode)
    // Never from the file system it came from: a checkout's times must not show.
    try directory.setTimes(of: name, seconds: job.date.seconds)
  }

  /// Links on the way are followed as the image itself would; what is missing is made.
  private func makeDirectories(
    _ path: GuestPath, in root: borrowing OwnedDescriptor
  ) throws -> OwnedDescriptor {
    guard let above = path.parent else { return try root.duplicate() }
    let failure: HostError
    do {
      return try root.openInRoot(path.bytes, .directory)
    } catch {
      failure = error
    }
    guard case .system(_, _, let number) = failure else { throw failure }
    if number == ENOTDIR { throw BuildingError.notADirectory(path) }
    if number != ENOENT { throw failure }
    let directory = try makeDirectories(above, in: root)
    let name = Array(path.name)
    try directory.makeDirectory(name, mode: 0o755)
    try directory.setMode(of: name, 0o755)
    try directory.setTimes(of: name, seconds: job.date.seconds)
    return try directory.openBeneath(name, .directory)
  }
}
