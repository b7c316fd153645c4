package import Host
package import Vocabulary

/// Making a Debian base with `mmdebstrap` from a local repository of exactly the locked packages.
///
/// The host's own tools do it, so they must be seen; the rest of the host must not: maintainer
/// scripts run as the namespace's root in a plain chroot, which holds nobody who wants out.
package struct Bootstrap: Sendable, Hashable {
  package var suite: String
  /// A flat repository on the host.
  package var repository: String
  /// Beyond what Debian calls essential and required.
  package var packages: [String]
  /// An empty directory on the host; the base stands there afterwards.
  package var target: String
  /// An empty directory on the host to build the view in.
  package var root: String
  package var date: SourceDate

  package init(
    suite: String, repository: String, packages: [String], target: String, root: String,
    date: SourceDate
  ) {
    self.suite = suite
    self.repository = repository
    self.packages = packages
    self.target = target
    self.root = root
    self.date = date
  }

  package var command: Command {
    var arguments = [
      // Root of a user namespace is root enough, and the same path serves real root.
      "--mode=root", "--variant=minbase", "--format=directory",
      // The target is ours and empty; what is cleaned up and why is our own table's affair.
      "--skip=check/empty,chroot/mount/sys,cleanup/reproducible",
    ]
    // Where apt is not of priority "required" (bookworm), minbase leaves it out.
    arguments.append("--include=" + (["apt"] + packages).joined(separator: ","))
    arguments += [suite, "/hutch/target", "deb [trusted=yes] copy:/hutch/repository ./"]
    var environment = Command.plainEnvironment
    environment["SOURCE_DATE_EPOCH"] = "\(date.seconds)"
    environment["HOME"] = "/root"
    environment["DEBIAN_FRONTEND"] = "noninteractive"
    environment["DEBCONF_NONINTERACTIVE_SEEN"] = "true"
    return Command("mmdebstrap", arguments, environment: environment)
  }

  /// For a process that is root in a user namespace already.
  package var isolation: Isolation {
    var actions: [Isolation.Action] = [
      .umask(0o022),
      .mount(source: "tmpfs", target: root, type: "tmpfs", options: "mode=755"),
    ]
    for name in ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
      actions += show("/" + name)
    }
    actions.append(.makeDirectory(root + "/etc"))
    for name in Self.settings { actions += show("/etc/" + name) }
    actions += [
      .write(root + "/etc/hostname", text: "localhost\n"),
      .write(root + "/etc/resolv.conf", text: ""),
      .makeDirectory(root + "/proc"),
      .mount(source: "proc", target: root + "/proc", type: "proc"),
      .makeDirectory(root + "/dev"),
    ]
    for node in ["null", "zero", "full", "random", "urandom", "tty"] {
      let path = "\(root)/dev/\(node)"
      actions += [.touch(path), .bind(source: "/dev/" + node, target: path)]
    }
    actions += [
      .makeLink(target: "/proc/self/fd", at: root + "/dev/fd"),
      .makeLink(target: "pts/ptmx", at: root + "/dev/ptmx"),
      .makeDirectory(root + "/dev/pts"),
      .mount(
        source: "devpts", target: root + "/dev/pts", type: "devpts",
        options: "newinstance,ptmxmode=0666,mode=0620", flags: [.noSetID, .noExecution]),
      .makeDirectory(root + "/dev/shm", mode: 0o1777),
    ]
    for directory in ["tmp", "run", "root", "sys", "var", "var/lib", "var/tmp", "hutch"] {
      actions.append(.makeDirectory("\(root)/\(directory)"))
    }
    actions += [
      .makeDirectory(root + "/hutch/target"),
      .bind(source: target, target: root + "/hutch/target"),
      .makeDirectory(root + "/hutch/repository"),
      .bind(source: repository, target: root + "/hutch/repository", flags: .readOnly),
      .pivotRoot(root), .hostname("localhost"), .loopbackUp, .noCoreFiles,
      .limitOpenFiles(4096),
    ]
    return Isolation(
      namespaces: [.mount, .process, .network, .ipc, .hostname, .cgroup], actions: actions)
  }

  /// What perl, apt, dpkg and the dynamic linker read; none of it says who we are.
  private static let settings = [
    "passwd", "group", "nsswitch.conf", "ld.so.cache", "alternatives",
  ]

  /// The host's file, directory or link, read-only, if there is one.
  private func show(_ path: String) -> [Isolation.Action] {
    guard let status = Files.status(path) else { return [] }
    switch status.kind {
    case .symlink:
      guard
        let target = try? OwnedDescriptor.open(Files.parent(of: path), .directory)
          .readLink(Array(Files.name(of: path).utf8))
      else { return [] }
      return [.makeLink(target: String(decoding: target, as: UTF8.self), at: root + path)]
    case .directory:
      return [
        .makeDirectory(root + path), .bind(source: path, target: root + path, flags: .readOnly),
      ]
    case .regular:
      return [.touch(root + path), .bind(source: path, target: root + path, flags: .readOnly)]
    default: return []
    }
  }
}
