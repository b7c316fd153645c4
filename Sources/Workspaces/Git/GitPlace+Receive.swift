internal import Host
internal import Vocabulary

extension GitPlace {
  /// Checks what came and keeps of it what the guest's last commit needs, as `refs/hutch/result`.
  ///
  /// All of it is unpacked into a quarantine first, by `git index-pack --strict`: git's own checks
  /// of every object, which refuse names that any file system folds to `.git`, `..`, links in the
  /// place of `.gitmodules`, and addresses in it that are options. Nothing of it is left where a
  /// check fails.
  ///
  /// - Returns: nil if there is nothing new.
  package func receive(
    _ answer: GitAnswer, limits: GitLimits = GitLimits()
  ) throws -> GitChanges? {
    guard let tip = answer.tip, tip != base else { return nil }
    let quarantine = path + "/quarantine"
    try Files.removeTree(quarantine)
    defer { try? Files.removeTree(quarantine) }
    try Files.makeDirectories(quarantine + "/pack", mode: 0o700)
    let held = GitTool(.ours(path), quarantine: quarantine)
    if answer.packSize > 0 {
      let arguments = [
        "index-pack", "--stdin", "--fix-thin", "--strict",
        "--max-input-size=\(limits.size.bytes)",
      ]
      do {
        try held.pass(arguments, from: answer.pack, aside: path + "/said")
      } catch WorkspacesError.git(_, let said) {
        throw WorkspacesError.gitRefused(.badObjects(said))
      }
    }
    guard try held.line(["cat-file", "-t", tip]) == "commit" else {
      throw WorkspacesError.gitRefused(.noCommit)
    }
    try held.measure(tip, from: base, limits)
    try GitChanges.checkPaths(held, from: try comparable(), to: tip)
    try keep(tip, held)
    return try GitChanges(self, tip: tip)
  }

  /// Only what the commit needs leaves the quarantine.
  private func keep(_ tip: String, _ held: GitTool) throws {
    try Files.makeDirectories(path + "/objects/pack")
    try held.output(
      ["pack-objects", "--revs", "--delta-base-offset", "-q", path + "/objects/pack/pack"],
      input: Self.wanted(tip, without: base))
    // Two children of one commit: without the quarantine all of it must be there.
    let tool = self.tool
    guard try tool.line(["cat-file", "-t", tip]) == "commit" else {
      throw WorkspacesError.gitRefused(.noCommit)
    }
    try tool.output(["update-ref", "--no-deref", Self.resultName, tip])
  }

  static func wanted(_ tip: String, without base: String?) -> [UInt8] {
    Array("\(tip)\n\(base.map { "^\($0)\n" } ?? "")".utf8)
  }
}

extension GitTool {
  /// Walks everything that `tip` has and `base` has not: all of it is there, and together no larger
  /// than it may be.
  fileprivate func measure(_ tip: String, from base: String?, _ limits: GitLimits) throws {
    let walk =
      ["rev-list", "--objects", "--no-object-names", tip] + (base.map { ["^" + $0] } ?? [])
    let listed = try run(walk)
    guard listed.status.isSuccess else {
      throw WorkspacesError.gitRefused(.badObjects(failure(walk, listed.errorTail).message))
    }
    let sizes = try output(
      ["cat-file", "--batch-check=%(objectsize)"], input: listed.output)
    var sum: Int64 = 0
    for line in sizes.split(separator: 10) {
      guard let size = Int64(String(decoding: line, as: UTF8.self)), size >= 0 else {
        throw WorkspacesError.gitRefused(.noCommit)
      }
      let (next, overflow) = sum.addingReportingOverflow(size)
      guard !overflow, next <= limits.unpacked.bytes else {
        throw WorkspacesError.gitRefused(.tooMuchUnpacked(limits.unpacked))
      }
      sum = next
    }
  }
}
