internal import Host

/// The directory in the top of a workspace where new files are written before they get their
/// places. Whoever holds the lock of the top owns it.
final class WorkspaceStaging {
  static let name = [UInt8](".hutch-apply".utf8)

  let folder: OpenFolder
  private let tree: WorkspaceTree
  private let file: ChangesFile

  /// Makes it, empty; one that a killed process left is removed.
  init(_ tree: WorkspaceTree, _ file: ChangesFile) throws {
    self.tree = tree
    self.file = file
    let top = tree.top
    folder = try at(Self.name) { () throws(HostError) in
      try top.descriptor.removeTree(Self.name)
      try top.descriptor.makeDirectory(Self.name, mode: 0o700)
      return OpenFolder(try top.descriptor.openBeneath(Self.name, .directory))
    }
  }

  /// The name of a step's file here.
  static func name(_ step: Int) -> [UInt8] { [UInt8](String(step).utf8) }

  func remove() {
    try? tree.top.descriptor.removeTree(Self.name)
  }

  /// Writes the files and links of all steps that are pending.
  func write(_ plan: ChangePlan, _ states: [WorkspaceInspection.State]) throws {
    // Where content that several names share is: here, or already in its place.
    var places: [[UInt8]: Int] = [:]
    for (index, step) in plan.steps.enumerated() where states[index] == .pending {
      try at([]) { () throws(HostError) in try Interrupt.check() }
      switch step.action {
      case .remove, .directory, .hardLink: continue
      case .file(let content):
        places[step.path] = index
        try write(content, index, step)
      case .symbolicLink(let target):
        try at(step.path) { () throws(HostError) in
          try folder.descriptor.makeLink(target: target, at: Self.name(index))
        }
      }
      try at(step.path) { () throws(HostError) in
        try folder.descriptor.setTimes(
          of: Self.name(index), seconds: step.modified, nanoseconds: step.modifiedNanoseconds)
      }
    }
    // Links may sort before what they share.
    for (index, step) in plan.steps.enumerated() where states[index] == .pending {
      guard case .hardLink(let shared, let content) = step.action else { continue }
      if let place = places[shared] {
        try at(step.path) { () throws(HostError) in
          try folder.descriptor.hardLink(
            from: Self.name(place), into: folder.descriptor, as: Self.name(index))
        }
      } else {
        try link(index, step, to: shared, content, plan)
      }
    }
  }

  private func write(_ content: ChangeContent, _ index: Int, _ step: ChangePlan.Step) throws {
    let name = Self.name(index)
    // The umask of the caller applies to what is new.
    let new = try at(step.path) { () throws(HostError) in
      try folder.descriptor.openBeneath(name, .createExclusive(mode: step.mode))
    }
    try file.read(content) { piece in
      try at(step.path) { () throws(HostError) in try new.writeAll(piece) }
      return true
    }
    // What was there before has a mode that the caller chose.
    if step.before?.kind == .file {
      try at(step.path) { () throws(HostError) in
        try folder.descriptor.setMode(of: name, step.mode)
      }
    }
  }

  /// Links to a file that is in the workspace. One that stays as it was has to be as it was: a
  /// link to anything else would show the host's files where the guest's were to be.
  private func link(
    _ index: Int, _ step: ChangePlan.Step, to shared: [UInt8], _ content: ChangeContent?,
    _ plan: ChangePlan
  ) throws {
    guard let status = try tree.status(shared) else {
      throw WorkspacesError.conflict([WorkspaceConflict(path: shared, reason: .vanished)])
    }
    if content == nil {
      guard let sent = plan.shared[shared],
        sent.isUnchanged(status, ignoringInodeChange: true)
      else { throw WorkspacesError.conflict([WorkspaceConflict(path: shared, reason: .changed)]) }
    }
    guard let parent = try tree.folder(Paths.parent(shared)) else { return }
    try at(step.path) { () throws(HostError) in
      try parent.descriptor.hardLink(
        from: Paths.name(shared), into: folder.descriptor, as: Self.name(index))
    }
  }
}
