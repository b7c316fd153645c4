internal import Glibc
package import Vocabulary

/// A group of processes with limits that hold for all of them together (`cgroups(7)`), of either
/// version. Whoever is in it is to have ended before it goes.
package final class ControlGroup {
  package struct Limits: Sendable, Hashable {
    /// With file systems in memory and without what the kernel can drop at any time.
    package var memory: ByteCount
    /// Threads included.
    package var processes: Int

    package init(memory: ByteCount, processes: Int) {
      self.memory = memory
      self.processes = processes
    }
  }

  package enum Excess: String, Sendable {
    case memory, processes
  }

  /// A directory below `/sys/fs/cgroup`, and which of its files count what went beyond a limit.
  private struct Directory {
    var path: String
    var counters: [(file: String, line: String, excess: Excess)]
  }

  private let directories: [Directory]
  package let limits: Limits

  private init(_ directories: [Directory], _ limits: Limits) {
    self.directories = directories
    self.limits = limits
  }

  deinit {
    for directory in directories { Self.remove(directory.path) }
  }

  /// `nil` where this machine has none for us: a user who is not root needs a part of the tree that
  /// is theirs, which systemd gives to sessions of a desktop and to `systemd-run --user`.
  package static func make(_ limits: Limits) -> ControlGroup? {
    let lines = text("/proc/self/cgroup").split(separator: "\n")
    var directories: [Directory] = []
    for line in lines {
      // hierarchy:controllers:path
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let path = String(fields[2])
      switch fields[1] {
      case "": directories += unified(path, limits)
      case "memory":
        directories += old(
          "memory", path, [("memory.limit_in_bytes", "\(limits.memory.bytes)")],
          ("memory.oom_control", "oom_kill", .memory))
      case "pids":
        directories += old(
          "pids", path, [("pids.max", "\(limits.processes)")], ("pids.events", "max", .processes))
      default: break
      }
    }
    return directories.isEmpty ? nil : ControlGroup(directories, limits)
  }

  /// Whether all of the memory is limited, and not only each process's share.
  package var limitsMemory: Bool {
    directories.contains { $0.counters.contains { $0.excess == .memory } }
  }

  /// For the first thing that a child does.
  package var actions: [Isolation.Action] {
    directories.map { .tell($0.path + "/cgroup.procs", text: "0") }
  }

  /// What was wanted beyond a limit since the group was made.
  package var excess: Excess? {
    for directory in directories {
      for counter in directory.counters {
        for line in Self.text("\(directory.path)/\(counter.file)").split(separator: "\n") {
          let words = line.split(separator: " ")
          if words.count == 2, words[0] == counter.line, words[1] != "0" { return counter.excess }
        }
      }
    }
    return nil
  }

  // MARK: Making

  private static let root = "/sys/fs/cgroup"

  /// Version 2. A group that has processes gives none of its limits on to groups in it, so ours is
  /// the sister of ours or of one above.
  private static func unified(_ path: String, _ limits: Limits) -> [Directory] {
    var parent = Files.parent(of: root + path)
    while parent.hasPrefix(root) {
      let given = text(parent + "/cgroup.subtree_control").split(whereSeparator: \.isWhitespace)
      let isOurs = unsafe access(parent, W_OK) == 0 && access(parent + "/cgroup.procs", W_OK) == 0
      if given.contains("memory"), given.contains("pids"), isOurs {
        let made = make(
          in: parent,
          [("memory.max", "\(limits.memory.bytes)"), ("pids.max", "\(limits.processes)")],
          // Paging would only make it slow first; and of a step nothing is of use without the rest.
          wishes: [("memory.swap.max", "0"), ("memory.oom.group", "1")])
        if let made {
          return [
            Directory(
              path: made,
              counters: [
                ("memory.events", "oom_kill", .memory), ("pids.events", "max", .processes),
              ])
          ]
        }
      }
      parent = Files.parent(of: parent)
    }
    return []
  }

  /// Version 1: a tree for each kind of limit. In a container the path may be that of the host.
  private static func old(
    _ controller: String, _ path: String, _ settings: [(String, String)],
    _ counter: (String, String, Excess)
  ) -> [Directory] {
    let top = "\(root)/\(controller)"
    let parent = Files.isDirectory(top + path) ? top + path : top
    guard let made = make(in: parent, settings, wishes: []) else { return [] }
    return [Directory(path: made, counters: [counter])]
  }

  private static let prefix = "hutch-"

  private static func make(
    in parent: String, _ settings: [(String, String)], wishes: [(String, String)]
  ) -> String? {
    sweep(parent)
    let name = "\(prefix)\(getpid())-\(Hex.encode(Randomness.bytes(4)))"
    let path = "\(parent)/\(name)"
    do {
      try OwnedDescriptor.open(parent, .directory).makeDirectory(Array(name.utf8), mode: 0o755)
      for (file, value) in settings { try set("\(path)/\(file)", value) }
    } catch {
      remove(path)
      return nil
    }
    for (file, value) in wishes { try? set("\(path)/\(file)", value) }
    return path
  }

  private static func set(_ path: String, _ value: String) throws(HostError) {
    try OwnedDescriptor.open(path, .readWrite).writeAll(Array(value.utf8))
  }

  /// What killed processes of ours left; the kernel keeps those that somebody is in.
  private static func sweep(_ parent: String) {
    for name in (try? Files.list(parent)) ?? [] where name.hasPrefix(prefix) {
      let owner = name.dropFirst(prefix.count).prefix { $0 != "-" }
      if Int32(owner) != nil, !Files.exists("/proc/\(owner)") { remove("\(parent)/\(name)") }
    }
  }

  private static func remove(_ path: String) {
    // Processes that have just ended are counted for a moment.
    for _ in 0..<50 {
      if unsafe rmdir(path) == 0 || errno != EBUSY { return }
      Clock.pause(milliseconds: 10)
    }
  }

  private static func text(_ path: String) -> String {
    String(decoding: (try? Files.read(path, limit: 1 << 20)) ?? [], as: UTF8.self)
  }
}
