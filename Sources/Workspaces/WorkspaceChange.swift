/// One difference between what was sent to a VM and what its command left, as it would be applied.
package struct WorkspaceChange: Sendable, Equatable {
  package enum Kind: String, Sendable {
    case added, changed, removed
  }

  package var kind: Kind
  /// Relative to the top. From the guest: not to be printed as it is.
  package var path: [UInt8]
  /// What it is now; of a removed entry, what it was.
  package var node: WorkspaceKind
  /// What it was, of a changed entry that is of another kind now.
  package var formerNode: WorkspaceKind?
  /// Bytes of a file; 0 for all others.
  package var size: UInt64
  /// As it will be on the host: 0777 at most.
  package var mode: UInt32
  /// Of a symbolic link; of a hard link, the path of the file that it shares. Else empty.
  package var target: [UInt8]
  /// Further entries that are removed with this one because they were below it; they are not
  /// listed themselves.
  package var below: Int
  package var warning: ExecutionHazard?
}

/// Something that the guest changed and that is not applied, with the reason.
package struct WorkspaceLeftOut: Sendable, Equatable {
  package enum Reason: String, Sendable {
    /// It is, or lies in, what git takes for its own directory.
    case git
    /// It lies in a directory that git takes for a repository by what it holds.
    case bareRepository = "bare-repository"
    /// It would replace a directory that holds a repository.
    case replacesRepository = "replaces-repository"
    /// A symbolic link whose target is, or may be, outside the workspace.
    case leadsOut = "leads-out"
    /// A link to something in a repository, or to something that is itself left out.
    case linkToLeftOut = "link-to-left-out"
    /// A name that applying needs for itself.
    case staging

    /// For people.
    package var explanation: String {
      switch self {
      case .git: "git's own files never come back from a VM"
      case .bareRepository: "git would take its directory for a repository"
      case .replacesRepository: "it would replace a directory that holds a git repository"
      case .leadsOut: "the link may lead out of the workspace"
      case .linkToLeftOut: "it is a link to something that does not come back"
      case .staging: "its name is reserved"
      }
    }
  }

  /// The topmost path that the reason is about.
  package var path: [UInt8]
  package var reason: Reason
  /// Changes at and below `path` that are left out.
  package var count: Int
}

/// A path that the host changed too since the workspace was sent.
package struct WorkspaceConflict: Sendable, Equatable {
  package enum Reason: String, Sendable, CustomStringConvertible {
    /// The VM made it, and it is on the host now.
    case appeared
    case vanished
    case changed
    /// It is something else now: a link instead of a directory, a file instead of a link.
    case otherKind = "other-kind"

    package var description: String {
      switch self {
      case .appeared: "appeared"
      case .vanished: "is gone"
      case .changed: "changed"
      case .otherKind: "is of another kind now"
      }
    }
  }

  package var path: [UInt8]
  package var reason: Reason
}
