package import Host
package import Vocabulary

/// The walls around one build step: what the step sees, as the list of actions that make it so.
/// A pure value; `Host` carries it out.
package struct StepSandbox: Sendable, Hashable {
  /// The directory that holds the parents' trees.
  package var trees: String
  /// Names in `trees`, the topmost layer first. Never empty: a step has a base.
  package var lower: [String]
  /// Where the step's changes go, overlayfs's scratch directory and the mount point: absolute,
  /// all three on one file system with `trees`.
  package var upper: String
  package var work: String
  package var root: String
  package var date: SourceDate
  /// What the recipes ask for in `[env]`, over the fixed part.
  package var environment: [String: String]
  /// Directories of ours that the step may read, by their place inside.
  package var readable: [String: String]
  /// Directories of ours that the step may write, by their place inside.
  package var writable: [String: String] = [:]
  /// Directories and text files of the step's own below `/run/hutch`, by their place inside; gone
  /// with the step.
  package var directories: [String]
  package var files: [String: String]
  /// Files below `/run/secrets`, by name; in memory, gone with the step.
  package var secrets: [String: Secret] = [:]
  package var hasNetwork: Bool
  /// Whether maintainer scripts may run, which must not start services (Debian Policy 9.3.3.1,
  /// invoke-rc.d). What says so is a file in the tree, so other steps do without.
  package var installsPackages = false

  package init(
    trees: String, lower: [String], upper: String, work: String, root: String, date: SourceDate,
    environment: [String: String] = [:], readable: [String: String] = [:],
    directories: [String] = [], files: [String: String] = [:], hasNetwork: Bool = false
  ) {
    self.trees = trees
    self.lower = lower
    self.upper = upper
    self.work = work
    self.root = root
    self.date = date
    self.environment = environment
    self.readable = readable
    self.directories = directories
    self.files = files
    self.hasNetwork = hasNetwork
  }

  /// The whole environment of a step: nothing of the builder's shows.
  package var variables: [String: String] {
    let fixed = [
      "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "HOME": "/root", "LC_ALL": "C.UTF-8", "TZ": "UTC", "SHELL": "/bin/sh",
      "SOURCE_DATE_EPOCH": "\(date.seconds)", "DEBIAN_FRONTEND": "noninteractive",
      "DEBCONF_NONINTERACTIVE_SEEN": "true", "PYTHONHASHSEED": "0",
    ]
    return fixed.merging(environment) { _, asked in asked }
  }

  /// For a process that is root in a user namespace already.
  package var isolation: Isolation {
    var namespaces: Isolation.Namespaces = [.mount, .process, .ipc, .hostname, .cgroup]
    if !hasNetwork { namespaces.insert(.network) }
    return Isolation(
      namespaces: namespaces, actions: mounts + devices + scratch + ending,
      filtersSystemCalls: true)
  }

  private var mounts: [Isolation.Action] {
    let options = Mounts.overlayOptions(trees: lower, upper: upper, work: work)
    return [
      .umask(0o022),
      // Names of trees are relative: mount options have to fit into one page.
      .changeDirectory(trees),
      .mount(source: "overlay", target: root, type: "overlay", options: options),
      .mount(
        source: "proc", target: root + "/proc", type: "proc",
        flags: [.noSetID, .noDevices, .noExecution]),
    ]
      + (hasNetwork
        ? []
        : [
          .mount(
            source: "sysfs", target: root + "/sys", type: "sysfs",
            flags: [.readOnly, .noSetID, .noDevices, .noExecution])
        ])
  }

  /// The nodes that programs expect; a user namespace can't make any, so they are the host's.
  private var devices: [Isolation.Action] {
    let dev = root + "/dev"
    var actions: [Isolation.Action] = [
      .mount(
        source: "tmpfs", target: dev, type: "tmpfs", options: "mode=755,size=64k",
        flags: [.noSetID])
    ]
    for node in ["null", "zero", "full", "random", "urandom", "tty"] {
      actions += [
        .touch("\(dev)/\(node)"), .bind(source: "/dev/\(node)", target: "\(dev)/\(node)"),
      ]
    }
    return actions + [
      .makeLink(target: "/proc/self/fd", at: dev + "/fd"),
      .makeLink(target: "/proc/self/fd/0", at: dev + "/stdin"),
      .makeLink(target: "/proc/self/fd/1", at: dev + "/stdout"),
      .makeLink(target: "/proc/self/fd/2", at: dev + "/stderr"),
      .makeLink(target: "pts/ptmx", at: dev + "/ptmx"),
      .makeDirectory(dev + "/pts"),
      .mount(
        source: "devpts", target: dev + "/pts", type: "devpts",
        options: "newinstance,ptmxmode=0666,mode=0620", flags: [.noSetID, .noExecution]),
      .makeDirectory(dev + "/shm", mode: 0o1777),
      .mount(
        source: "tmpfs", target: dev + "/shm", type: "tmpfs", options: "mode=1777",
        flags: [.noSetID, .noDevices]),
    ]
  }

  private var scratch: [Isolation.Action] {
    var actions: [Isolation.Action] = [
      .mount(
        source: "tmpfs", target: root + "/tmp", type: "tmpfs", options: "mode=1777",
        flags: [.noSetID, .noDevices]),
      .mount(
        source: "tmpfs", target: root + "/run", type: "tmpfs", options: "mode=755",
        flags: [.noSetID, .noDevices]),
      .makeDirectory(root + "/run/lock", mode: 0o1777),
      .makeDirectory(root + "/run/hutch"),
    ]
    for directory in directories.flatMap(Self.withParents) {
      actions.append(.makeDirectory(root + directory))
    }
    for (place, text) in files.sorted(by: { $0.key < $1.key }) {
      actions.append(.write(root + place, text: text, mode: 0o755))
    }
    if !secrets.isEmpty { actions.append(.makeDirectory(root + Self.secretsPath)) }
    for (name, value) in secrets.sorted(by: { $0.key < $1.key }) {
      actions.append(.writeSecret("\(root)\(Self.secretsPath)/\(name)", value))
    }
    for (place, source) in readable.sorted(by: { $0.key < $1.key }) {
      actions.append(.makeDirectory(root + place))
      actions.append(
        .bind(source: source, target: root + place, flags: [.readOnly, .noSetID, .noDevices]))
    }
    for (place, source) in writable.sorted(by: { $0.key < $1.key }) {
      actions.append(.makeDirectory(root + place))
      actions.append(.bind(source: source, target: root + place, flags: [.noSetID, .noDevices]))
    }
    return actions
  }

  package static let secretsPath = "/run/secrets"

  /// `/a/b` → `/a`, `/a/b`.
  private static func withParents(_ path: String) -> [String] {
    let parts = path.split(separator: "/")
    return parts.indices.map { "/" + parts[...$0].joined(separator: "/") }
  }

  private var ending: [Isolation.Action] {
    (installsPackages
      // Normalisation takes it away again.
      ? [.write(root + "/usr/sbin/policy-rc.d", text: "#!/bin/sh\nexit 101\n", mode: 0o755)] : [])
      + [
        .pivotRoot(root), .hostname("localhost"),
      ]
      + (hasNetwork ? [] : [.loopbackUp])
      + [.noCoreFiles, .limitProcesses(16384), .limitOpenFiles(4096), .changeDirectory("/")]
  }
}
