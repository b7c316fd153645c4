/// What a command left in its copy of a workspace, in the form in which it can be taken.
package enum WorkspaceWork: Sendable {
  /// Changes of files, to be made in the directory.
  case files(WorkspaceChanges)
  /// Commits, to become a branch.
  case branch(GitChanges)

  package var list: [WorkspaceChange] {
    switch self {
    case .files(let changes): changes.list
    case .branch(let changes): changes.list
    }
  }

  package var leftOut: [WorkspaceLeftOut] {
    switch self {
    case .files(let changes): changes.leftOut
    case .branch: []
    }
  }

  /// Nothing to take. Commits that change nothing are still commits.
  package var isEmpty: Bool {
    switch self {
    case .files(let changes): changes.isEmpty
    case .branch: false
    }
  }
}
