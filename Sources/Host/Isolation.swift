internal import CLinux
internal import Glibc
package import Vocabulary

/// What a child is cut off from, and how its view of the file system is made before it starts.
package struct Isolation: Sendable {
  package struct Namespaces: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package static let mount = Namespaces(rawValue: UInt32(HUTCH_NEW_MOUNT.rawValue))
    /// The command runs below a reaping PID 1 of ours; with it dies everything it started.
    package static let process = Namespaces(rawValue: UInt32(HUTCH_NEW_PID.rawValue))
    package static let network = Namespaces(rawValue: UInt32(HUTCH_NEW_NET.rawValue))
    package static let ipc = Namespaces(rawValue: UInt32(HUTCH_NEW_IPC.rawValue))
    package static let hostname = Namespaces(rawValue: UInt32(HUTCH_NEW_UTS.rawValue))
    package static let cgroup = Namespaces(rawValue: UInt32(HUTCH_NEW_CGROUP.rawValue))
  }

  package var namespaces: Namespaces
  /// With a map the child is root in a user namespace of its own.
  package var identities: IdentityMap?
  package var actions: [Action]
  /// The system call filter of a build step: no mounts, no key rings, fsync does nothing.
  package var filtersSystemCalls: Bool

  package init(
    namespaces: Namespaces, identities: IdentityMap? = nil, actions: [Action] = [],
    filtersSystemCalls: Bool = false
  ) {
    self.namespaces = namespaces
    self.identities = identities
    self.actions = actions
    self.filtersSystemCalls = filtersSystemCalls
  }

  /// One thing that the child does, in order, before it runs its command.
  package enum Action: Sendable, Hashable {
    case mount(
      source: String, target: String, type: String, options: String = "", flags: MountFlags = [])
    /// Recursive; `flags` are added by a remount of the top.
    case bind(source: String, target: String, flags: MountFlags = [])
    case makeDirectory(String, mode: UInt32 = 0o755)
    case makeLink(target: String, at: String)
    /// An empty file, for something to be bound to.
    case touch(String)
    case write(String, text: String, mode: UInt32 = 0o644)
    /// Readable by its owner and nobody else.
    case writeSecret(String, Secret)
    /// The directory becomes `/`; everything outside it is gone.
    case pivotRoot(String)
    case changeDirectory(String)
    case hostname(String)
    case loopbackUp
    case umask(UInt32)
    /// It and what it starts see one processor, where the machine lets us say so.
    case oneProcessor
    case limitProcesses(UInt64)
    case limitOpenFiles(UInt64)
    /// Writable memory of a process's own (`RLIMIT_DATA`). Not its addresses: some programs set
    /// terabytes of these aside.
    case limitData(ByteCount)
    /// Writes to a file of the kernel's.
    case tell(String, text: String)
    case noCoreFiles
  }

  package struct MountFlags: OptionSet, Sendable, Hashable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package static let readOnly = MountFlags(rawValue: hutch_ms_rdonly)
    package static let noSetID = MountFlags(rawValue: hutch_ms_nosuid)
    package static let noDevices = MountFlags(rawValue: hutch_ms_nodev)
    package static let noExecution = MountFlags(rawValue: hutch_ms_noexec)
  }
}

/// Which ids of this machine stand for which ids inside a user namespace.
package struct IdentityMap: Sendable, Hashable {
  package struct Range: Sendable, Hashable {
    package var inside: UInt32
    package var outside: UInt32
    package var count: UInt32
  }

  package var users: [Range]
  package var groups: [Range]
  /// Whether the set-user-id tools `newuidmap` and `newgidmap` must write the maps.
  package var needsTools: Bool

  /// Names, for root, the first of the ids that stand for 1 to 65535. Not for people: with it a
  /// build takes other ids than the last one did.
  package static let firstVariable = "HUTCH_FIRST_ID"

  /// 0 stays what it is, so that what is root's is within reach; 1 and those that follow are
  /// others.
  package static func shifted(first: UInt32) -> IdentityMap {
    let ranges = [
      Range(inside: 0, outside: 0, count: 1), Range(inside: 1, outside: first, count: 65535),
    ]
    return IdentityMap(users: ranges, groups: ranges, needsTools: false)
  }

  /// For the running user: root keeps every number as it is, unless told otherwise; somebody else
  /// is 0 inside, and the ranges of `/etc/subuid` and `/etc/subgid` follow from 1 on (`subuid(5)`).
  package static func current(
    _ environment: HostEnvironment = .current
  ) throws(HostError) -> IdentityMap {
    if environment.isRoot {
      if let first = environment[firstVariable].flatMap({ UInt32($0) }) {
        return shifted(first: first)
      }
      let all = Range(inside: 0, outside: 0, count: 65536)
      return IdentityMap(users: [all], groups: [all], needsTools: false)
    }
    let users = try subordinate(
      "/etc/subuid", id: environment.userID, name: environment.userName)
    let groups = try subordinate(
      "/etc/subgid", id: environment.userID, name: environment.userName)
    return IdentityMap(
      users: [Range(inside: 0, outside: environment.userID, count: 1), users],
      groups: [Range(inside: 0, outside: environment.groupID, count: 1), groups],
      needsTools: true)
  }

  private static func subordinate(
    _ file: String, id: UInt32, name: String
  ) throws(HostError) -> Range {
    let text = String(decoding: (try? Files.read(file, limit: 1 << 20)) ?? [], as: UTF8.self)
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: ":", omittingEmptySubsequences: false)
      guard fields.count == 3, fields[0] == name || fields[0] == "\(id)",
        let start = UInt32(fields[1]), let count = UInt32(fields[2]), count >= 65535
      else { continue }
      return Range(inside: 1, outside: start, count: 65535)
    }
    throw .noSubordinateIDs(user: name, file: file)
  }
}
