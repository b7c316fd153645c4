internal import Host

extension GitChanges {
  /// What the branch of a VM is called.
  package static func branch(of name: String) -> String { "hutch/\(name)" }

  /// Makes the branch `hutch/NAME` in the user's repository. No branch that is there is moved;
  /// HEAD, index, work tree and configuration are not touched.
  ///
  /// - Parameter directory: in the user's repository.
  package func take(into directory: String, as name: String) throws {
    guard let repository = try GitRepository.find(directory) else {
      throw WorkspacesError.notARepository(path: directory)
    }
    let tool = repository.tool
    let branch = "refs/heads/" + Self.branch(of: name)
    guard try tool.line(["rev-parse", "-q", "--verify", branch]) == nil else {
      throw WorkspacesError.branchExists(name: Self.branch(of: name))
    }
    try bring(to: tool)
    // Created, never moved: nobody may have made it meanwhile.
    let none = String(repeating: "0", count: tip.utf8.count)
    try tool.output(["update-ref", "-m", "hutch: work of \(name)", branch, tip, none])
  }

  private func bring(to tool: GitTool) throws {
    var without = place.base
    if let base = place.base {
      let isThere = try tool.run(["cat-file", "-e", base + "^{commit}"]).status.isSuccess
      // Rewritten and collected meanwhile: then all that was sent goes back with it.
      if !isThere {
        guard !place.isShallow else { throw WorkspacesError.baseGone(commit: base) }
        without = nil
      }
    }
    let listed = try place.tool.output(
      ["rev-list", "--objects", "--no-object-names", "--max-count=1", tip]
        + (without.map { ["^" + $0] } ?? []))
    if listed.isEmpty { return }
    let pack = place.path + "/going.pack"
    let asked = place.path + "/going"
    let aside = place.path + "/said"
    defer {
      try? Files.remove(pack)
      try? Files.remove(asked)
    }
    try Files.write(asked, GitPlace.wanted(tip, without: without), durable: false)
    try place.tool.pass(
      ["pack-objects", "--revs", "--thin", "--delta-base-offset", "-q", "--stdout"], from: asked,
      to: pack, aside: aside)
    // What the user's own history holds is not ours to judge.
    let strict = without == nil && place.base != nil ? [] : ["--strict"]
    try tool.pass(
      ["index-pack", "--stdin", "--fix-thin"] + strict, from: pack, aside: aside)
  }
}
