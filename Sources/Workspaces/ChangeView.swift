internal import GuestProtocol

/// The workspace as it would be with the changes in it: snapshot and change set side by side, in
/// the order of `Paths.precedes`. `ChangePlan` is made from it.
struct ChangeView {
  struct Node {
    var path: [UInt8]
    /// Index into the snapshot.
    var before: Int?
    /// Index into the change set; nil if the change set says nothing of its own about it, or if
    /// what it says is left out.
    var member: Int?
    /// It was there and is not any more.
    var isGone = false
    /// A directory that the change set needs and does not name.
    var isImplied = false
    /// It lies in a repository, or the change set's word on it was left out.
    var isOffLimits = false
    /// Of a hard link: the file that it shares in the end.
    var shared: SharedFile?
  }

  struct SharedFile {
    var path: [UInt8]
    /// nil where that file stays as it was.
    var content: ChangeContent?
  }

  let members: [ChangeMember]
  let snapshot: WorkspaceSnapshot
  var nodes: [Node] = []
  var leftOut: [WorkspaceLeftOut] = []
  /// The directories, by index into `nodes` (nil: the top), that look like a repository.
  var repositories: [Int?] = []
  /// The outermost of their paths, sorted.
  var repositoryPaths: [[UInt8]] = []
  /// What the directories, by index into `nodes` (nil: the top), hold of a repository.
  private var marks: [Int?: RepositoryMarks] = [:]
  private var impliedBytes = 0

  /// Directories that a change set may leave to be guessed: an honest guest does that only below
  /// what its image had there before, and each costs a path of its own.
  private static let impliedLimit = 16 << 20

  init(_ members: [ChangeMember], _ snapshot: WorkspaceSnapshot) {
    self.members = members
    self.snapshot = snapshot
  }

  /// Walks both side by side.
  mutating func merge() throws(WorkspacesError) {
    // Directories on the way to the current path, as indices into `nodes`.
    var open: [Int] = []
    // Everything of the snapshot below this is gone.
    var goneBelow: [UInt8]?
    var member = 0
    var entry = 0
    while member < members.count || entry < snapshot.entries.count {
      let takesMember =
        member < members.count
        && (entry == snapshot.entries.count
          || !Paths.precedes(snapshot.entries[entry].path, members[member].path))
      let takesEntry =
        entry < snapshot.entries.count
        && (!takesMember || snapshot.entries[entry].path == members[member].path)
      let path = takesMember ? members[member].path : snapshot.entries[entry].path
      var node = Node(
        path: path, before: takesEntry ? entry : nil, member: takesMember ? member : nil)
      if takesMember { member += 1 }
      if takesEntry { entry += 1 }

      if let top = goneBelow, Paths.isBelow(path, top) {
        node.isGone = true
        nodes.append(node)
        continue
      }
      goneBelow = nil
      let kind = node.member.map { members[$0].kind }
      if kind == .whiteout {
        // Of something that was never sent: nothing to do.
        guard node.before != nil else { continue }
        node.isGone = true
        node.member = nil
      }
      if isDirectory(before: node), node.isGone || (kind != nil && kind != .directory) {
        goneBelow = path
      }
      if !node.isGone {
        while let last = open.last, !Paths.isBelow(path, nodes[last].path) { open.removeLast() }
        if node.member != nil { try addParents(of: path, &open) }
        note(path, in: open.last)
      }
      nodes.append(node)
      if !node.isGone, kind == .directory || (kind == nil && isDirectory(before: node)) {
        open.append(nodes.count - 1)
      }
    }
    repositories = marks.filter { $0.value.isRepository }.map(\.key)
  }

  private mutating func note(_ path: [UInt8], in directory: Int?) {
    let mark = RepositoryMarks(name: Paths.name(path))
    if !mark.isEmpty { marks[directory, default: []].formUnion(mark) }
  }

  func isDirectory(before node: Node) -> Bool {
    node.before.map { snapshot.entries[$0].kind == .directory } ?? false
  }

  /// A path below something that is no directory is refused; directories that are missing on the
  /// way are made.
  private mutating func addParents(of path: [UInt8], _ open: inout [Int]) throws(WorkspacesError) {
    if let last = nodes.last, !last.isGone, Paths.isBelow(path, last.path),
      open.last != nodes.count - 1
    {
      throw .refused(path: path, reason: .belowNonDirectory)
    }
    let parent = Paths.parent(path)
    while open.last.map({ nodes[$0].path }) ?? [] != parent {
      let known = open.last.map { nodes[$0].path.count + 1 } ?? 0
      let end = parent[known...].firstIndex(of: Paths.slash) ?? parent.count
      impliedBytes += end
      guard impliedBytes <= Self.impliedLimit else {
        throw .refused(path: path, reason: .noParent)
      }
      let missing = [UInt8](parent[..<end])
      note(missing, in: open.last)
      nodes.append(Node(path: missing, isImplied: true))
      open.append(nodes.count - 1)
    }
  }
}

extension ChangeView {
  /// What is to be done about a node; nil for nothing.
  func step(_ node: Node) -> ChangePlan.Step? {
    let before = node.before.map { snapshot.entries[$0] }
    if node.isGone {
      return ChangePlan.Step(
        path: node.path, before: before, action: .remove, mode: 0, modified: 0,
        modifiedNanoseconds: 0)
    }
    if node.isImplied {
      return ChangePlan.Step(
        path: node.path, before: nil, action: .directory, mode: 0o755, modified: 0,
        modifiedNanoseconds: 0)
    }
    guard let member = node.member.map({ members[$0] }) else { return nil }
    let isDirectory = member.kind == .directory
    let mode = ChangePlan.mode(member.mode, before: before, isDirectory ? .directory : .regular)
    if isDirectory, before?.kind == .directory, before?.mode == mode { return nil }
    let action: ChangePlan.Step.Action
    switch member.kind {
    case .whiteout: return nil
    case .directory: action = .directory
    case .file: action = .file(ChangeContent(offset: member.offset, size: member.size))
    case .symbolicLink: action = .symbolicLink(target: member.target)
    case .hardLink:
      guard let shared = node.shared else { return nil }
      action = .hardLink(to: shared.path, content: shared.content)
    }
    return ChangePlan.Step(
      path: node.path, before: before, action: action, mode: mode, modified: member.modified,
      modifiedNanoseconds: member.modifiedNanoseconds)
  }
}
