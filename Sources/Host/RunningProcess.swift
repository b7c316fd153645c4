internal import CLinux
internal import Glibc
internal import Synchronization
internal import Vocabulary

/// A child of ours. It dies when we die. Whoever starts it waits for it or terminates it.
package final class RunningProcess: Sendable {
  package let command: Command
  package let pid: Int32
  /// Readable once the child has ended: for poll loops.
  package var pidDescriptor: Int32 { handle.raw }
  private let handle: OwnedDescriptor
  private let ended = Mutex<ExitStatus?>(nil)

  private init(command: Command, pid: Int32, handle: consuming OwnedDescriptor) {
    self.command = command
    self.pid = pid
    self.handle = handle
  }

  /// The child's descriptor *n* is `descriptors[n]`, -1 stands for `/dev/null`; it gets no other.
  /// `session` puts it into a session of its own: the terminal's Ctrl-C does not reach it.
  /// `outlivesUs` is for a supervisor that is to stay when we end.
  package static func start(
    _ command: Command, descriptors: [Int32] = [-1, -1, -1], session: Bool = true,
    isolation: Isolation? = nil, outlivesUs: Bool = false
  ) throws(HostError) -> RunningProcess {
    guard let executable = Processes.find(command.executable) else {
      throw .missingTool(
        name: command.executable, debianPackage: Processes.debianPackage(of: command.executable))
    }
    var tools: (users: String, groups: String)?
    if isolation?.identities?.needsTools == true {
      guard let users = Processes.find("newuidmap"), let groups = Processes.find("newgidmap")
      else { throw .missingTool(name: "newuidmap", debianPackage: "uidmap") }
      tools = (users, groups)
    }
    let arena = unsafe SpawnArena(
      command, executable: executable, descriptors: descriptors, isolation: isolation,
      tools: tools)
    if session { unsafe arena.spawn.flags |= UInt32(HUTCH_NEW_SESSION.rawValue) }
    if !outlivesUs { unsafe arena.spawn.flags |= UInt32(HUTCH_DIE_WITH_PARENT.rawValue) }
    SpawnThread.shared.run { unsafe arena.perform() }
    let (pid, failure) = unsafe (arena.pid, arena.failure)
    if pid < 0 { throw explain(failure, -pid, command, isolation) }
    let handle = hutch_pidfd(pid)
    if handle < 0 {
      _ = kill(pid, SIGKILL)
      var status: Int32 = 0
      _ = unsafe hutch_reap(pid, 1, &status)
      throw .system(operation: "watch", path: "process \(pid)", errno: -handle)
    }
    return RunningProcess(command: command, pid: pid, handle: OwnedDescriptor(owning: handle))
  }

  private static func explain(
    _ failure: hutch_spawn_failure, _ errno: Int32, _ command: Command, _ isolation: Isolation?
  ) -> HostError {
    let stage: String
    switch UInt32(failure.stage) {
    case HUTCH_AT_NAMESPACE.rawValue:
      if isolation?.identities != nil && failure.action == 0 {
        return .userNamespacesBlocked(errno: errno)
      }
      stage = "making its namespaces"
    case HUTCH_AT_MAP.rawValue: stage = "mapping its users"
    case HUTCH_AT_DESCRIPTORS.rawValue: stage = "arranging its descriptors"
    case HUTCH_AT_ACTION.rawValue:
      let actions = isolation?.actions ?? []
      let index = Int(failure.action)
      stage = actions.indices.contains(index) ? "\(actions[index])" : "preparing"
    case HUTCH_AT_SECCOMP.rawValue: stage = "filtering its system calls"
    case HUTCH_AT_DIRECTORY.rawValue: stage = "entering \"\(command.workingDirectory ?? "")\""
    case HUTCH_AT_EXEC.rawValue: stage = "executing it"
    default: stage = "forking"
    }
    return .notStarted(command: command.display, stage: stage, errno: errno)
  }

  /// How it ended, `nil` while it runs.
  package func poll() -> ExitStatus? {
    ended.withLock { ended in
      if let ended { return ended }
      var status: Int32 = 0
      let result = unsafe hutch_reap(pid, 0, &status)
      if result != 0 { ended = result > 0 ? ExitStatus(packed: status) : .signalled(SIGKILL) }
      return ended
    }
  }

  /// `nil` if it still runs after `milliseconds`. Without a limit it waits for ever.
  package func wait(milliseconds: Int? = nil) -> ExitStatus? {
    let deadline = milliseconds.map { Clock.monotonic() + UInt64($0) * 1_000_000 }
    while true {
      if let status = poll() { return status }
      var left: Int32 = -1
      if let deadline {
        let now = Clock.monotonic()
        if now >= deadline { return nil }
        left = Int32(clamping: (deadline - now + 999_999) / 1_000_000)
      }
      var set = pollfd(fd: handle.raw, events: Int16(POLLIN), revents: 0)
      _ = unsafe Glibc.poll(&set, 1, left)
    }
  }

  /// Nothing happens if it has ended: the number can't have become somebody else's.
  package func signal(_ number: Int32) { _ = hutch_pidfd_signal(handle.raw, number) }

  /// Asks with SIGTERM, waits, then kills; it has ended when this returns.
  @discardableResult
  package func terminate(graceMilliseconds: Int = 2000) -> ExitStatus {
    if graceMilliseconds > 0 {
      signal(SIGTERM)
      if let status = wait(milliseconds: graceMilliseconds) { return status }
    }
    signal(SIGKILL)
    return wait() ?? .signalled(SIGKILL)
  }
}

/// The C arrays of one spawn, alive as long as this is. Handed to the spawning thread and back
/// under its semaphores, never used by two threads at once.
@unsafe private final class SpawnArena: @unchecked Sendable {
  private var strings: [UnsafeMutablePointer<CChar>] = unsafe []
  private var vectors: [UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>] = unsafe []
  private var blocks: [UnsafeMutableRawPointer] = unsafe []
  var spawn = unsafe hutch_spawn()
  var failure = hutch_spawn_failure()
  var pid: Int32 = 0

  func perform() { unsafe pid = hutch_spawn(&spawn, &failure) }

  deinit {
    unsafe strings.forEach { unsafe free($0) }
    unsafe vectors.forEach { unsafe $0.deallocate() }
    unsafe blocks.forEach { unsafe $0.deallocate() }
  }

  private func string(_ text: String?) -> UnsafePointer<CChar>? {
    guard let text, let copy = unsafe strdup(text) else { return nil }
    unsafe strings.append(copy)
    return unsafe UnsafePointer(copy)
  }

  private func vector(_ texts: [String]) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> {
    let vector = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(
      capacity: texts.count + 1)
    for (index, text) in texts.enumerated() {
      unsafe (vector + index).initialize(to: UnsafeMutablePointer(mutating: string(text)))
    }
    unsafe (vector + texts.count).initialize(to: nil)
    unsafe vectors.append(vector)
    return unsafe vector
  }

  private func block<Element>(_ elements: [Element]) -> UnsafePointer<Element> {
    let block = UnsafeMutablePointer<Element>.allocate(capacity: max(1, elements.count))
    unsafe block.initialize(from: elements, count: elements.count)
    unsafe blocks.append(UnsafeMutableRawPointer(block))
    return unsafe UnsafePointer(block)
  }

  init(
    _ command: Command, executable: String, descriptors: [Int32], isolation: Isolation?,
    tools: (users: String, groups: String)?
  ) {
    unsafe spawn.path = string(executable)
    unsafe spawn.arguments = UnsafePointer(vector([command.executable] + command.arguments))
    let environment = command.environment.map { "\($0.key)=\($0.value)" }.sorted()
    unsafe spawn.environment = UnsafePointer(vector(environment))
    unsafe spawn.directory = string(command.workingDirectory)
    unsafe spawn.descriptors = block(descriptors)
    unsafe spawn.descriptor_count = descriptors.count
    guard let isolation else { return }
    unsafe spawn.flags |= isolation.namespaces.rawValue
    if isolation.filtersSystemCalls { unsafe spawn.flags |= UInt32(HUTCH_SECCOMP.rawValue) }
    if let map = isolation.identities {
      unsafe spawn.flags |= UInt32(HUTCH_NEW_USER.rawValue)
      unsafe spawn.uids = block(map.users.map(range))
      unsafe spawn.uid_count = map.users.count
      unsafe spawn.gids = block(map.groups.map(range))
      unsafe spawn.gid_count = map.groups.count
      unsafe spawn.newuidmap = string(tools?.users)
      unsafe spawn.newgidmap = string(tools?.groups)
    }
    unsafe spawn.actions = block(isolation.actions.map(action))
    unsafe spawn.action_count = isolation.actions.count
  }

  private func range(_ range: IdentityMap.Range) -> hutch_id_range {
    hutch_id_range(inside: range.inside, outside: range.outside, count: range.count)
  }

  private func action(_ action: Isolation.Action) -> hutch_action {
    func make(
      _ kind: hutch_action_kind, a: String? = nil, b: String? = nil, c: String? = nil,
      data: String? = nil, number: UInt64 = 0, limit: UInt64 = 0
    ) -> hutch_action {
      unsafe hutch_action(
        kind: Int32(kind.rawValue), a: string(a), b: string(b), c: string(c), data: string(data),
        number: number, limit: limit)
    }
    return switch action {
    case .mount(let source, let target, let type, let options, let flags):
      unsafe make(
        HUTCH_MOUNT, a: source, b: target, c: type, data: options, number: flags.rawValue)
    case .bind(let source, let target, let flags):
      unsafe make(HUTCH_BIND, a: source, b: target, number: flags.rawValue)
    case .makeDirectory(let path, let mode):
      unsafe make(HUTCH_MKDIR, b: path, number: UInt64(mode))
    case .makeLink(let target, let path): unsafe make(HUTCH_SYMLINK_AT, a: target, b: path)
    case .touch(let path): unsafe make(HUTCH_TOUCH, b: path)
    case .write(let path, let text, let mode):
      unsafe make(
        HUTCH_WRITE, b: path, data: text, number: UInt64(mode), limit: UInt64(text.utf8.count))
    case .writeSecret(let path, let secret):
      unsafe hutch_action(
        kind: Int32(HUTCH_WRITE.rawValue), a: nil, b: string(path), c: nil,
        data: UnsafeRawPointer(block(secret.bytes)).assumingMemoryBound(to: CChar.self),
        number: 0o400, limit: UInt64(secret.bytes.count))
    case .pivotRoot(let path): unsafe make(HUTCH_PIVOT, b: path)
    case .changeDirectory(let path): unsafe make(HUTCH_CHDIR, b: path)
    case .hostname(let name): unsafe make(HUTCH_HOSTNAME, a: name)
    case .loopbackUp: unsafe make(HUTCH_LOOPBACK)
    case .oneProcessor: unsafe make(HUTCH_ONE_CPU)
    case .umask(let mask): unsafe make(HUTCH_UMASK, number: UInt64(mask))
    case .limitProcesses(let count):
      unsafe make(HUTCH_LIMIT, number: UInt64(hutch_rlimit_nproc), limit: count)
    case .limitOpenFiles(let count):
      unsafe make(HUTCH_LIMIT, number: UInt64(hutch_rlimit_nofile), limit: count)
    case .limitData(let size):
      unsafe make(
        HUTCH_LIMIT, number: UInt64(hutch_rlimit_data), limit: UInt64(clamping: size.bytes))
    case .tell(let path, let text):
      unsafe make(HUTCH_TELL, b: path, data: text, limit: UInt64(text.utf8.count))
    case .noCoreFiles: unsafe make(HUTCH_LIMIT, number: UInt64(hutch_rlimit_core), limit: 0)
    }
  }
}
