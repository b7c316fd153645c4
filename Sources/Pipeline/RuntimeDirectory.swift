internal import Host
internal import Vocabulary

/// Where the sockets of running VMs are. Outside the store, because a socket's path may have no
/// more than 107 bytes.
struct RuntimeDirectory {
  /// One for each store.
  let path: String

  init(store: String, _ environment: HostEnvironment) {
    let short = Digest.of(Array(store.utf8)).hex.prefix(8)
    path = "\(environment.runtimeDirectory)/\(short)"
  }

  func socket(of vm: String) -> String { "\(path)/\(vm).sock" }

  /// Makes it. Below `/tmp` somebody else may have been there first: a directory that is not ours
  /// alone is refused.
  func prepare(_ environment: HostEnvironment) throws {
    for directory in [Files.parent(of: path), path] {
      if !Files.exists(directory) { try Files.makeDirectories(directory, mode: 0o700) }
      guard let status = Files.status(directory), status.kind == .directory,
        status.uid == environment.userID, status.mode & 0o077 == 0
      else { throw PipelineError.unsafeRuntimeDirectory(path: directory) }
    }
  }
}
