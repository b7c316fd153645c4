extension ChangeView {
  /// Leaves out the symbolic links that could lead a program out of the workspace or into git's
  /// files, and refuses hard links to anything but a file that is there.
  mutating func judgeLinks() throws(WorkspacesError) {
    for index in nodes.indices {
      guard let member = nodes[index].member, members[member].kind == .symbolicLink else {
        continue
      }
      let target = members[member].target
      if let before = nodes[index].before, snapshot.entries[before].kind == .symbolicLink,
        snapshot.entries[before].target == target
      {
        // The user's own link, wherever it leads.
        nodes[index].member = nil
        continue
      }
      switch LinkRule.judge(link: nodes[index].path, target: target) {
      case .leadsOut: takeBack(index, nodes[index].path, .leadsOut)
      case .inside(let place):
        if GitGuard.isGuarded(place) || isInRepository(place) {
          takeBack(index, nodes[index].path, .linkToLeftOut)
        }
      }
    }
    try judgeHardLinks()
  }

  /// Whether a path is, or lies in, a directory that looks like a repository.
  private func isInRepository(_ path: [UInt8]) -> Bool {
    var low = 0
    var high = repositoryPaths.count
    while low < high {
      let middle = (low + high) / 2
      if Paths.precedes(path, repositoryPaths[middle]) { high = middle } else { low = middle + 1 }
    }
    guard low > 0 else { return false }
    let root = repositoryPaths[low - 1]
    return root == path || Paths.isBelow(path, root)
  }

  private mutating func judgeHardLinks() throws(WorkspacesError) {
    let links = nodes.indices.filter {
      nodes[$0].member.map { members[$0].kind == .hardLink } ?? false
    }
    guard !links.isEmpty else { return }
    var places: [[UInt8]: Int] = [:]
    for (index, node) in nodes.enumerated() { places[node.path] = index }
    // A target that is itself a link came before it, so it is judged before it.
    for index in links.sorted(by: { offset($0) < offset($1) }) {
      guard let member = nodes[index].member else { continue }
      let target = members[member].target
      let place = places[target]
      if GitGuard.isGuarded(target) || place.map({ nodes[$0].isOffLimits }) ?? false {
        takeBack(index, nodes[index].path, .linkToLeftOut)
        continue
      }
      guard let place, let shared = sharedFile(place, before: offset(index)) else {
        throw .refused(path: nodes[index].path, reason: .hardLinkTarget)
      }
      nodes[index].shared = shared
    }
  }

  private func offset(_ index: Int) -> UInt64 {
    nodes[index].member.map { members[$0].offset } ?? 0
  }

  /// nil unless there is a file in the end that came before `offset` in the change set, or that
  /// stays as it was.
  private func sharedFile(_ index: Int, before offset: UInt64) -> SharedFile? {
    let node = nodes[index]
    guard !node.isGone else { return nil }
    guard let member = node.member.map({ members[$0] }) else {
      let isFile = node.before.map { snapshot.entries[$0].kind == .file } ?? false
      return isFile ? SharedFile(path: node.path, content: nil) : nil
    }
    guard member.offset < offset else { return nil }
    switch member.kind {
    case .file:
      return SharedFile(
        path: node.path, content: ChangeContent(offset: member.offset, size: member.size))
    case .hardLink: return node.shared
    case .directory, .symbolicLink, .whiteout: return nil
    }
  }
}
