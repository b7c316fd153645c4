extension ChangeView {
  /// Takes back whatever changes something that git would read as its own.
  mutating func guardRepositories() {
    let bare = Set(repositories.compactMap { $0 })
    let whole = repositories.contains(nil)
    var root: (path: [UInt8], reason: WorkspaceLeftOut.Reason)?
    if whole {
      root = ([], .bareRepository)
      repositoryPaths = [[]]
    }
    for index in nodes.indices {
      let path = nodes[index].path
      if let current = root, !Paths.isBelow(path, current.path) { root = nil }
      if root == nil, let reason = Self.ownReason(path) { root = (path, reason) }
      if let root {
        takeBack(index, root.path, root.reason)
        nodes[index].isOffLimits = true
      } else if bare.contains(index) {
        root = (path, .bareRepository)
        repositoryPaths.append(path)
      }
    }
    for index in nodes.indices where replacesDirectory(nodes[index]) {
      let holdsRepository = indicesBelow(index).contains {
        GitGuard.isGitName(Paths.name(nodes[$0].path))
      }
      if holdsRepository { takeBack(index, nodes[index].path, .replacesRepository) }
    }
  }

  /// Why the path itself, and all below it, never comes back.
  private static func ownReason(_ path: [UInt8]) -> WorkspaceLeftOut.Reason? {
    if GitGuard.isGitName(Paths.name(path)) { return .git }
    return !path.contains(Paths.slash) && GitGuard.folded(path) == WorkspaceStaging.name
      ? .staging : nil
  }

  func replacesDirectory(_ node: Node) -> Bool {
    node.member.map { members[$0].kind != .directory } ?? false && isDirectory(before: node)
  }

  func indicesBelow(_ index: Int) -> Range<Int> {
    var end = index + 1
    while end < nodes.count, Paths.isBelow(nodes[end].path, nodes[index].path) { end += 1 }
    return (index + 1)..<end
  }

  /// Leaves out what the change set says of one node; what was there stays, with all below it.
  mutating func takeBack(
    _ index: Int, _ top: [UInt8], _ reason: WorkspaceLeftOut.Reason
  ) {
    guard nodes[index].member != nil || nodes[index].isGone || nodes[index].isImplied else {
      return
    }
    if leftOut.last?.path == top, leftOut.last?.reason == reason {
      leftOut[leftOut.count - 1].count += 1
    } else {
      leftOut.append(WorkspaceLeftOut(path: top, reason: reason, count: 1))
    }
    if replacesDirectory(nodes[index]) {
      for below in indicesBelow(index) { nodes[below].isGone = false }
    }
    nodes[index].member = nil
    nodes[index].isGone = false
    nodes[index].isImplied = false
    nodes[index].isOffLimits = true
  }

  /// A directory that is gone stays where something in it stays.
  mutating func keepParentsOfKept() {
    var kept: [UInt8]?
    for index in nodes.indices.reversed() where nodes[index].before != nil {
      if nodes[index].isGone {
        guard let last = kept, Paths.isBelow(last, nodes[index].path) else { continue }
        nodes[index].isGone = false
      }
      if !replacesDirectory(nodes[index]) { kept = nodes[index].path }
    }
  }
}
