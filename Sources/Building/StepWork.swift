package import Host
package import Vocabulary

/// What one step does, with everything that it needs already fetched and read: no name is
/// resolved and nothing is looked up while it runs.
package enum StepWork: Sendable, Hashable {
  /// The base of a chain: a Debian suite made from exactly the packages of a repository.
  case bootstrap(suite: String, repository: String, packages: [String])
  /// `packages` as `name=version`; everything that they need is in the repository.
  case install(packages: [String], repository: String, recommends: Bool)
  /// Run by `/bin/sh -e` as `user`, root if there is none.
  case script(String, user: String?)
  case copy([FileToCopy])
}

/// One file, directory or link that a `copy` step puts into the image, owned by root.
package struct FileToCopy: Sendable, Hashable {
  package enum Contents: Sendable, Hashable {
    /// On the host; read when the step runs, and compared with the digest that its key holds.
    case file(path: String, digest: Digest)
    case link(target: String)
    case directory
  }

  package var to: GuestPath
  package var mode: UInt32
  package var contents: Contents

  package init(to: GuestPath, mode: UInt32, contents: Contents) {
    self.to = to
    self.mode = mode
    self.contents = contents
  }
}

/// A step with the place where it runs.
package struct StepJob: Sendable, Hashable {
  /// The store's directory of unpacked layers, and the parents' names in it, topmost first.
  package var trees: String
  package var lower: [String]
  /// A new directory of this job's own, on the store's file system.
  package var directory: String
  package var date: SourceDate
  package var environment: [String: String]
  package var work: StepWork
  package var hasNetwork: Bool
  package var seconds: Int?
  /// What the step finds below `/run/secrets`, by name.
  package var secrets: [String: Secret]
  /// What it may take of the machine; as the machine is, if not given.
  package var limits: ControlGroup.Limits?

  package init(
    trees: String, lower: [String], directory: String, date: SourceDate,
    environment: [String: String], work: StepWork, hasNetwork: Bool = false,
    seconds: Int? = nil, secrets: [String: Secret] = [:],
    limits: ControlGroup.Limits? = nil
  ) {
    self.trees = trees
    self.lower = lower
    self.directory = directory
    self.date = date
    self.environment = environment
    self.work = work
    self.hasNetwork = hasNetwork
    self.seconds = seconds
    self.secrets = secrets
    self.limits = limits
  }

  /// What the step changed: an overlayfs upper directory.
  package var upper: String { directory + "/upper" }
  var scratch: String { directory + "/work" }
  var root: String { directory + "/root" }
  var lowerRoot: String { directory + "/lower" }
  /// The layer as it was packed, and its table of contents.
  package var layerFile: String { directory + "/layer" }
  package var tableFile: String { directory + "/toc" }
}
