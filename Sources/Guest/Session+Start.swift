import CGuest
import GuestProtocol

/// Why a stream did not start; goes to the host as `failed`.
struct StartFailure: Error {
  let failure: GuestFailure

  init(_ code: FailureCode, errno: Int32 = 0, _ text: String) {
    failure = GuestFailure(code, errno: errno, text: [UInt8](text.utf8))
  }
}

extension Session {
  /// Starts what `request` asks for.
  static func start(
    _ request: OpenRequest, stream: UInt32, defaultUser: String
  ) throws(StartFailure) -> Session {
    let name = request.user.isEmpty ? defaultUser : text(request.user)
    guard let user = User.find(name.isEmpty ? "root" : name) else {
      throw StartFailure(.noSuchUser, "no user \"\(name)\"")
    }
    let ends = try Ends(request, user)
    let cgroup = Session.makeCgroup(stream)
    let pid: Int32
    do throws(StartFailure) {
      switch request.kind {
      case .exec:
        pid = try startCommand(request, user, ends, cgroup)
      case .unpack, .pack:
        pid = unsafe guest_start_worker(
          ends.childInput, ends.childOutput, ends.childError, cgroup.map { $0 + "/cgroup.procs" })
        if pid == 0 { guest_exit(Archive.run(request, user)) }
        guard pid > 0 else { throw StartFailure(.noResources, errno: -pid, "cannot fork") }
      case .connection, .files: throw StartFailure(.invalid, "there is nothing to start")
      }
    } catch {
      ends.closeAll()
      if let cgroup { _ = unsafe guest_rmdir(cgroup) }
      throw error
    }
    ends.closeChildEnds()
    return Session(
      stream: stream, pid: pid, input: ends.input, output: ends.output, error: ends.error,
      cgroup: cgroup)
  }

  /// A control group of its own makes everything of a stream killable.
  private static func makeCgroup(_ stream: UInt32) -> String? {
    guard exists("/sys/fs/cgroup/cgroup.procs") else { return nil }
    _ = unsafe guest_mkdir("/sys/fs/cgroup/hutch", 0o755)
    let path = "/sys/fs/cgroup/hutch/s\(stream)"
    return unsafe guest_mkdir(path, 0o755) == 0 ? path : nil
  }

  private static func startCommand(
    _ request: OpenRequest, _ user: User, _ ends: Ends, _ cgroup: String?
  ) throws(StartFailure) -> Int32 {
    let environment = completed(request, user)
    let program = request.arguments[0]
    let home = [UInt8]((user.home.isEmpty ? "/" : user.home).utf8)
    var stage: Int32 = 0
    let pid = unsafe withTable(candidates(program, environment)) { candidates in
      unsafe withTable(request.arguments) { arguments in
        unsafe withTable(environment) { variables in
          unsafe c(request.directory.isEmpty ? home : request.directory).withUnsafeBufferPointer {
            directory in
            unsafe user.groups.withUnsafeBufferPointer { groups in
              unsafe c((cgroup.map { $0 + "/cgroup.procs" } ?? "").utf8).withUnsafeBufferPointer {
                procs in
                var command = unsafe guest_command()
                unsafe command.candidates = candidates
                unsafe command.arguments = arguments
                unsafe command.environment = variables
                unsafe command.directory = directory.baseAddress
                unsafe command.directory_is_optional = request.directory.isEmpty ? 1 : 0
                unsafe command.uid = user.uid
                unsafe command.gid = user.gid
                unsafe command.groups = groups.baseAddress
                unsafe command.group_count = groups.count
                unsafe command.input = ends.childInput
                unsafe command.output = ends.childOutput
                unsafe command.error = ends.childError
                unsafe command.is_terminal = request.terminal == nil ? 0 : 1
                unsafe command.cgroup = cgroup == nil ? nil : procs.baseAddress
                return unsafe guest_start(&command, &stage)
              }
            }
          }
        }
      }
    }
    guard pid < 0 else { return pid }
    let name = text(program)
    switch Int(stage) {
    case GUEST_STAGE_DIRECTORY:
      throw StartFailure(
        .noSuchDirectory, errno: -pid, "cannot enter \"\(text(request.directory))\": \(words(-pid))"
      )
    case GUEST_STAGE_EXECUTE where pid == -Errno.noEntry || pid == -Errno.notDirectory:
      throw StartFailure(.notFound, errno: -pid, "command \"\(name)\" not found")
    case GUEST_STAGE_EXECUTE:
      throw StartFailure(.cannotExecute, errno: -pid, "cannot execute \"\(name)\": \(words(-pid))")
    case GUEST_STAGE_USER:
      throw StartFailure(.system, errno: -pid, "cannot become \"\(user.name)\"")
    default:
      throw StartFailure(.noResources, errno: -pid, "cannot start a process")
    }
  }

  private static let plainPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

  /// The request's variables, and those that every login has.
  private static func completed(_ request: OpenRequest, _ user: User) -> [[UInt8]] {
    var environment = request.environment
    var missing = [
      ("PATH", plainPath), ("HOME", user.home.isEmpty ? "/" : user.home), ("USER", user.name),
      ("LOGNAME", user.name), ("SHELL", user.shell),
    ]
    if request.terminal != nil { missing.append(("TERM", "xterm-256color")) }
    for (name, value) in missing {
      let prefix = [UInt8]("\(name)=".utf8)
      if !environment.contains(where: { $0.starts(with: prefix) }) {
        environment.append(prefix + [UInt8](value.utf8))
      }
    }
    return environment
  }

  /// Where the program may be, as execvp(3) looks for it.
  private static func candidates(_ program: [UInt8], _ environment: [[UInt8]]) -> [[UInt8]] {
    let slash = UInt8(ascii: "/")
    if program.contains(slash) { return [program] }
    let prefix = [UInt8]("PATH=".utf8)
    let path = environment.first { $0.starts(with: prefix) }?.dropFirst(prefix.count) ?? []
    return path.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).map {
      $0.isEmpty ? program : [UInt8]($0) + [slash] + program
    }
  }
}

/// The descriptors of a stream, both sides of each.
private struct Ends {
  var input: Int32 = -1
  var output: Int32 = -1
  /// nil with a terminal.
  var error: Int32?
  private(set) var childInput: Int32 = -1
  private(set) var childOutput: Int32 = -1
  private(set) var childError: Int32 = -1

  init(_ request: OpenRequest, _ user: User) throws(StartFailure) {
    do throws(SystemError) {
      if request.kind == .exec, let size = request.terminal {
        try openTerminal(size, user)
      } else {
        try openPipes(
          wantsInput: request.kind == .exec ? request.wantsInput : request.kind == .unpack)
      }
    } catch {
      closeAll()
      throw StartFailure(.noResources, errno: error.errno, error.operation)
    }
  }

  private mutating func openTerminal(_ size: TerminalSize, _ user: User) throws(SystemError) {
    var pair: [Int32] = [-1, -1]
    try check(unsafe guest_terminal(&pair, user.uid, size.rows, size.columns), "open a terminal")
    input = pair[0]
    output = pair[0]
    childInput = pair[1]
    childOutput = pair[1]
    childError = pair[1]
    try check(guest_set_nonblocking(output), "open a terminal")
  }

  private mutating func openPipes(wantsInput: Bool) throws(SystemError) {
    if wantsInput {
      (childInput, input) = try Ends.pipe()
      try check(guest_set_nonblocking(input), "open a pipe")
    } else {
      childInput = unsafe guest_open("/dev/null", Int32(GUEST_OPEN_READ))
      try check(childInput, "open \"/dev/null\"")
    }
    (output, childOutput) = try Ends.pipe()
    try check(guest_set_nonblocking(output), "open a pipe")
    let pair = try Ends.pipe()
    error = pair.read
    childError = pair.write
    try check(guest_set_nonblocking(pair.read), "open a pipe")
  }

  private static func pipe() throws(SystemError) -> (read: Int32, write: Int32) {
    var pair: [Int32] = [-1, -1]
    try check(unsafe guest_pipe(&pair), "open a pipe")
    return (pair[0], pair[1])
  }

  func closeChildEnds() {
    for descriptor in Set([childInput, childOutput, childError]) where descriptor >= 0 {
      _ = guest_close(descriptor)
    }
  }

  func closeAll() {
    closeChildEnds()
    for descriptor in Set([input, output, error ?? -1]) where descriptor >= 0 {
      _ = guest_close(descriptor)
    }
  }
}
