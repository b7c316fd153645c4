internal import Host

/// The part of applying that changes the workspace: removals, directories, renames, in this order,
/// and the modes of directories at last. Directories that forbid it are writable meanwhile.
struct ChangesApplication {
  private let tree: WorkspaceTree
  private let staging: WorkspaceStaging

  init(_ tree: WorkspaceTree, _ staging: WorkspaceStaging) {
    self.tree = tree
    self.staging = staging
  }

  /// A call of which something may have changed before.
  static func step<Value: ~Copyable>(
    _ path: [UInt8], _ body: () throws(HostError) -> Value
  ) throws(WorkspacesError) -> Value {
    do {
      return try body()
    } catch {
      guard case .system(let operation, _, let errno) = error else { throw .host(error) }
      throw .incomplete(path: path, operation: operation, errno: errno)
    }
  }

  func apply(_ plan: ChangePlan, _ states: [WorkspaceInspection.State]) throws {
    do {
      try run(plan, states)
    } catch WorkspacesError.system(let operation, let path, let errno) {
      // Even a look that failed comes in the middle here.
      throw WorkspacesError.incomplete(path: path, operation: operation, errno: errno)
    }
  }

  private func run(_ plan: ChangePlan, _ states: [WorkspaceInspection.State]) throws {
    let pending = plan.steps.indices.filter { states[$0] == .pending }
    var opened: [(path: [UInt8], mode: UInt32)] = []
    do {
      for index in pending where !plan.steps[index].changesModeOnly {
        if let mode = try open(Paths.parent(plan.steps[index].path)) {
          opened.append((Paths.parent(plan.steps[index].path), mode))
        }
      }
      let made = try change(pending, plan)
      close(opened)
      for index in made.reversed() { try complete(plan.steps[index]) }
    } catch {
      close(opened)
      throw error
    }
  }

  /// Makes a directory writable for its owner, who we are (`WorkspacePermissions`); its mode
  /// before, if that was needed.
  private func open(_ path: [UInt8]) throws -> UInt32? {
    guard let folder = try tree.folder(path) else { return nil }
    return try Self.step(path) { () throws(HostError) in
      if try folder.descriptor.mayChangeEntries() { return nil }
      let mode = try folder.descriptor.status().mode
      try folder.descriptor.setMode(of: [], mode | 0o300)
      return mode
    }
  }

  /// What is no directory any more has no mode to get back.
  private func close(_ opened: [(path: [UInt8], mode: UInt32)]) {
    for (path, mode) in opened.reversed() {
      try? tree.top.descriptor.openBeneath(path, .directory).setMode(of: [], mode)
    }
  }

  /// The directories whose modes and times are ours to set.
  private func change(_ pending: [Int], _ plan: ChangePlan) throws -> [Int] {
    for index in pending.reversed() { try clear(plan.steps[index]) }
    var made: [Int] = []
    for index in pending {
      let step = plan.steps[index]
      switch step.action {
      case .remove: continue
      case .directory:
        if step.changesModeOnly {
          made.append(index)
        } else if try make(step) {
          made.append(index)
        }
      case .file, .symbolicLink, .hardLink: try place(index, step)
      }
    }
    return made
  }

  private func parent(of step: ChangePlan.Step) throws -> OpenFolder {
    guard let folder = try tree.folder(Paths.parent(step.path)) else {
      // ENOENT: somebody took the directory away meanwhile.
      throw WorkspacesError.incomplete(path: step.path, operation: "change", errno: 2)
    }
    return folder
  }

  /// Takes away what goes, or what is of another kind than what comes. Content goes before its
  /// directory.
  private func clear(_ step: ChangePlan.Step) throws {
    guard let before = step.before else { return }
    let isDirectory = before.kind == .directory
    guard step.action == .remove || isDirectory != (step.action == .directory) else { return }
    guard let status = try tree.status(step.path) else { return }
    // Only what the inspection saw is removed; what somebody put in its place meanwhile makes
    // the call fail.
    guard (status.kind == .directory) == isDirectory else { return }
    let folder = try parent(of: step)
    try Self.step(step.path) { () throws(HostError) in
      try folder.descriptor.unlink(Paths.name(step.path), directory: isDirectory)
    }
  }

  /// Whether it is ours to finish.
  private func make(_ step: ChangePlan.Step) throws -> Bool {
    let folder = try parent(of: step)
    let name = Paths.name(step.path)
    if let status = try tree.status(step.path), status.kind == .directory {
      return step.isUnfinished(status)
    }
    try Self.step(step.path) { () throws(HostError) in
      try folder.descriptor.makeDirectory(name, mode: step.mode | 0o700)
    }
    return true
  }

  private func place(_ index: Int, _ step: ChangePlan.Step) throws {
    let folder = try parent(of: step)
    let replaces = step.before.map { $0.kind != .directory } ?? false
    try Self.step(step.path) { () throws(HostError) in
      try staging.folder.descriptor.rename(
        WorkspaceStaging.name(index), into: folder.descriptor, as: Paths.name(step.path),
        replacing: replaces)
    }
  }

  /// Nothing is put into a directory any more: now it may forbid that, and keeps its time.
  private func complete(_ step: ChangePlan.Step) throws {
    let folder = try parent(of: step)
    let name = Paths.name(step.path)
    try Self.step(step.path) { () throws(HostError) in
      if step.changesModeOnly {
        try folder.descriptor.setMode(of: name, step.mode)
      } else {
        let made = try folder.descriptor.status(of: name).mode
        let wanted = made & (step.mode | ~0o700)
        if wanted != made { try folder.descriptor.setMode(of: name, wanted) }
        if step.modified != 0 {
          try folder.descriptor.setTimes(
            of: name, seconds: step.modified, nanoseconds: step.modifiedNanoseconds)
        }
      }
    }
  }
}
