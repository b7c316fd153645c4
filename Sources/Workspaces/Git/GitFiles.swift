internal import Host

/// Which files of a work tree go into a VM, and what git is not to look at there.
package struct GitFiles: Sendable {
  /// Files, links, and directories of submodules.
  private(set) var paths: Set<[UInt8]> = []
  /// Tracked, and not to be compared with the work tree inside: a filter of the host's (git-lfs,
  /// git-crypt) made what lies there, or a sparse checkout left it out.
  package private(set) var unwatched: Set<[UInt8]> = []
  /// Submodules whose files go in.
  package private(set) var submodules: [[UInt8]] = []
  /// Repositories inside that the outer one does not know; they stay.
  package private(set) var nested: [[UInt8]] = []

  package init(_ repository: GitRepository) throws {
    let tool = repository.tool
    var tracked: [[UInt8]] = []
    for record in try tool.output(["ls-files", "-z", "-s", "-t"]).split(separator: 0) {
      // "H 100644 OBJECT 0\tPATH"
      guard let tab = record.firstIndex(of: 9), record.count > 8 else { continue }
      let path = [UInt8](record[record.index(after: tab)...])
      let isSubmodule = record.dropFirst(2).starts(with: "160000".utf8)
      paths.insert(path)
      if record.first == UInt8(ascii: "S") { unwatched.insert(path) }
      if isSubmodule { try add(submodule: path, in: repository.top) } else { tracked.append(path) }
    }
    var others = ["ls-files", "-z", "--others", "--exclude-standard"]
    if !repository.prefix.isEmpty { others += ["--", repository.prefix] }
    for record in try tool.output(others).split(separator: 0) {
      if record.last == Paths.slash {
        nested.append([UInt8](record.dropLast()))
      } else {
        paths.insert([UInt8](record))
      }
    }
    try findFiltered(tracked, tool)
  }

  /// Whether there is anything whose changes a commit would not show.
  package var hasUnseen: Bool { !submodules.isEmpty || !unwatched.isEmpty }

  /// Whether a commit would not show this change.
  package func hides(_ change: WorkspaceChange) -> Bool {
    if unwatched.contains(change.path) { return true }
    if submodules.contains(where: { Paths.isBelow(change.path, $0) }) { return true }
    // Of a directory that goes only the directory is listed.
    guard change.below > 0 else { return false }
    return unwatched.contains { Paths.isBelow($0, change.path) }
      || submodules.contains { Paths.isBelow($0, change.path) || $0 == change.path }
  }

  private mutating func add(submodule path: [UInt8], in top: String) throws {
    guard let name = String(validating: path, as: UTF8.self) else { return }
    let directory = top + "/" + name
    // Without it git would answer for the outer repository.
    guard Files.exists(directory + "/.git") else { return }
    submodules.append(path)
    let listed = try GitTool(.users(directory)).run(
      ["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
    guard listed.status.isSuccess else { return }
    for record in listed.output.split(separator: 0) where record.last != Paths.slash {
      paths.insert(Paths.join(path, [UInt8](record)))
    }
  }

  private mutating func findFiltered(_ tracked: [[UInt8]], _ tool: GitTool) throws {
    guard !tracked.isEmpty else { return }
    let asked = [UInt8](tracked.joined(separator: [0])) + [0]
    let answer = try tool.output(["check-attr", "-z", "--stdin", "filter"], input: asked)
    let fields = answer.split(separator: 0, omittingEmptySubsequences: false)
    for index in stride(from: 0, to: fields.count - 2, by: 3) {
      let value = String(decoding: fields[index + 2], as: UTF8.self)
      if !["unspecified", "unset", "set", ""].contains(value) {
        unwatched.insert([UInt8](fields[index]))
      }
    }
  }
}

/// What of a directory an archive takes, and what stands at `.git`.
struct ArchiveSelection: Sendable {
  private let paths: Set<[UInt8]>
  private var directories: Set<[UInt8]> = []
  /// A repository of ours.
  let repository: String

  static let repositoryName = [UInt8](".git".utf8)

  init(_ paths: Set<[UInt8]>, repository: String) {
    self.paths = paths
    self.repository = repository
    for path in paths {
      var parent = Paths.parent(path)
      while !parent.isEmpty, directories.insert(parent).inserted { parent = Paths.parent(parent) }
    }
  }

  func takes(_ path: [UInt8], isDirectory: Bool) -> Bool {
    if path.split(separator: Paths.slash).contains(where: GitGuard.isGitName) { return false }
    return paths.contains(path) || isDirectory && directories.contains(path)
  }
}
