internal import CLinux
internal import Glibc
internal import Vocabulary

/// Running other programs to their end.
package enum Processes {
  /// The absolute path of a program: a path is checked, a name is looked for in `PATH` and in
  /// the `sbin` directories that users often lack. `nil` if it is not there.
  package static func find(_ name: String) -> String? {
    if name.contains("/") { return isExecutable(name) ? name : nil }
    let extra = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/lib/qemu"]
    for directory in HostEnvironment.current.searchPath + extra {
      let path = "\(directory)/\(name)"
      if isExecutable(path) { return path }
    }
    return nil
  }

  private static func isExecutable(_ path: String) -> Bool {
    unsafe access(path, X_OK) == 0 && !Files.isDirectory(path)
  }

  /// Which of Debian's packages holds a tool that we use; empty if we don't know.
  package static func debianPackage(of tool: String) -> String {
    let packages = [
      "mmdebstrap": "mmdebstrap", "qemu-system-x86_64": "qemu-system-x86",
      "qemu-img": "qemu-utils", "mke2fs": "e2fsprogs", "debugfs": "e2fsprogs", "depmod": "kmod",
      "newuidmap": "uidmap", "newgidmap": "uidmap", "apt-get": "apt",
      "dpkg": "dpkg", "skopeo": "skopeo", "gpgv": "gpgv", "curl": "curl",
      "git": "git",
      "ssh": "openssh-client", "ssh-keygen": "openssh-client",
    ]
    return packages[Files.name(of: tool)] ?? ""
  }

  /// Runs a command to its end. A non-zero status is a result, not an error.
  ///
  /// - Parameters:
  ///   - outputLimit: more on standard output than this is an error (`.tooLarge`).
  ///   - milliseconds: how long it may take.
  ///   - graceMilliseconds: how long it may take to end when we have to.
  ///   - until: asked a few times a second; when it says `true` the child is ended.
  ///   - onErrorLine: gets each line of standard error as it comes.
  ///   - onOutput: gets standard output as it comes; `output` of the result is then empty.
  package static func run(
    _ command: Command, input: [UInt8] = [], outputLimit: Int = 64 << 20,
    milliseconds: Int? = nil, graceMilliseconds: Int = 500, isolation: Isolation? = nil,
    until: (() -> Bool)? = nil,
    onErrorLine: ((String) -> Void)? = nil, onOutput: (([UInt8]) -> Void)? = nil
  ) throws(HostError) -> CommandResult {
    try Interrupt.check()
    let pipes = try Pipes(wantsInput: !input.isEmpty)
    let child = try RunningProcess.start(
      command, descriptors: pipes.childEnds, isolation: isolation)
    var conversation = Conversation(
      child: child, pipes: pipes, input: input, outputLimit: outputLimit,
      onErrorLine: onErrorLine, onOutput: onOutput)
    do {
      return try conversation.run(milliseconds: milliseconds, until: until)
    } catch {
      child.terminate(graceMilliseconds: graceMilliseconds)
      throw error
    }
  }

  /// Becomes another program: same process, same terminal, all three standard descriptors. Returns
  /// only by an error. Its signals are as a shell would have given them to it.
  package static func replace(with command: Command) throws(HostError) -> Never {
    let variables = command.environment.map { "\($0.key)=\($0.value)" }.sorted()
    let result = unsafe withCStrings([command.executable] + command.arguments) { arguments in
      unsafe withCStrings(variables) { environment in
        unsafe hutch_replace(command.executable, arguments, environment)
      }
    }
    throw .system(operation: "run", path: command.executable, errno: -result)
  }

  private static func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
  ) -> Result {
    let copies = unsafe strings.map { unsafe UnsafePointer<CChar>(strdup($0)) }
    defer { unsafe copies.forEach { unsafe free(UnsafeMutablePointer(mutating: $0)) } }
    return unsafe (copies + [nil]).withUnsafeBufferPointer { unsafe body($0.baseAddress!) }
  }

  /// As `run`, but every status other than 0 is an error that shows the command and the end of
  /// what it said.
  @discardableResult
  package static func runChecked(
    _ command: Command, input: [UInt8] = [], outputLimit: Int = 64 << 20,
    milliseconds: Int? = nil, isolation: Isolation? = nil,
    onErrorLine: ((String) -> Void)? = nil
  ) throws(HostError) -> CommandResult {
    let result = try run(
      command, input: input, outputLimit: outputLimit, milliseconds: milliseconds,
      isolation: isolation, onErrorLine: onErrorLine)
    guard result.status.isSuccess else {
      throw .commandFailed(
        command: command.display, status: result.status, tail: tail(result.errorTail))
    }
    return result
  }

  /// The last twenty lines.
  package static func tail(_ text: String) -> String {
    text.split(separator: "\n").suffix(20).joined(separator: "\n")
  }
}

/// Three pipes, the child's ends closed once it has them.
private final class Pipes {
  var childEnds: [Int32]
  private(set) var input: Int32
  private(set) var output: Int32
  private(set) var error: Int32

  init(wantsInput: Bool) throws(HostError) {
    let out = try OwnedDescriptor.pipe().release()
    let err = try OwnedDescriptor.pipe().release()
    var inward: (first: Int32, second: Int32) = (-1, -1)
    if wantsInput { inward = try OwnedDescriptor.pipe().release() }
    childEnds = [inward.first, out.second, err.second]
    (input, output, error) = (inward.second, out.first, err.first)
    for descriptor in [input, output, error] where descriptor >= 0 {
      _ = hutch_set_nonblocking(descriptor, 1)
    }
  }

  deinit {
    closeChildEnds()
    for descriptor in [input, output, error] where descriptor >= 0 { close(descriptor) }
  }

  func closeChildEnds() {
    for descriptor in childEnds where descriptor >= 0 { close(descriptor) }
    childEnds = []
  }

  func closeInput() {
    if input >= 0 { close(input) }
    input = -1
  }
  func closeOutput() {
    if output >= 0 { close(output) }
    output = -1
  }
  func closeError() {
    if error >= 0 { close(error) }
    error = -1
  }
}

/// Feeds a child and hears it out, all three ways at once.
private struct Conversation {
  let child: RunningProcess
  let pipes: Pipes
  let input: [UInt8]
  let outputLimit: Int
  let onErrorLine: ((String) -> Void)?
  let onOutput: (([UInt8]) -> Void)?
  private var fed = 0
  private var output: [UInt8] = []
  private var errorTail: [UInt8] = []
  private var line: [UInt8] = []

  init(
    child: RunningProcess, pipes: Pipes, input: [UInt8], outputLimit: Int,
    onErrorLine: ((String) -> Void)?, onOutput: (([UInt8]) -> Void)?
  ) {
    self.child = child
    self.pipes = pipes
    self.input = input
    self.outputLimit = outputLimit
    self.onErrorLine = onErrorLine
    self.onOutput = onOutput
  }

  /// How often `until` is asked.
  private static let period: Int32 = 200

  mutating func run(
    milliseconds: Int?, until: (() -> Bool)?
  ) throws(HostError) -> CommandResult {
    pipes.closeChildEnds()
    let started = Clock.monotonic()
    let deadline = milliseconds.map { started + UInt64($0) * 1_000_000 }
    var status: ExitStatus?
    // A child that left its output to a daemon must not keep us: after its end we read what is
    // there and stop.
    while status == nil || pipes.output >= 0 || pipes.error >= 0 {
      try Interrupt.check()
      var left: Int32 = -1
      if status != nil {
        left = 0
      } else if let deadline {
        let now = Clock.monotonic()
        if now >= deadline {
          throw .timedOut(command: child.command.display, seconds: (milliseconds ?? 0) / 1000)
        }
        left = Int32(clamping: (deadline - now) / 1_000_000 + 1)
      }
      if status == nil, let until {
        if until() {
          // All that it started goes with it, which may be much.
          status = child.terminate(graceMilliseconds: 30_000)
          left = 0
        } else {
          left = left < 0 ? Self.period : min(left, Self.period)
        }
      }
      var set = [
        pollfd(fd: pipes.output, events: Int16(POLLIN), revents: 0),
        pollfd(fd: pipes.error, events: Int16(POLLIN), revents: 0),
        pollfd(fd: pipes.input, events: Int16(POLLOUT), revents: 0),
        pollfd(fd: status == nil ? child.pidDescriptor : -1, events: Int16(POLLIN), revents: 0),
        pollfd(fd: Interrupt.descriptor, events: Int16(POLLIN), revents: 0),
      ]
      let ready = unsafe Glibc.poll(&set, nfds_t(set.count), left)
      if ready < 0 && errno != EINTR {
        throw .system(operation: "poll", path: child.command.executable, errno: errno)
      }
      if ready == 0 && status != nil { break }
      if set[0].revents != 0 { try readOutput() }
      if set[1].revents != 0 { readError() }
      if set[2].revents != 0 { feed() }
      if set[3].revents != 0 { status = child.poll() }
    }
    if !line.isEmpty { onErrorLine?(String(decoding: line, as: UTF8.self)) }
    guard let ended = status ?? child.wait() else {
      throw .timedOut(command: child.command.display, seconds: 0)
    }
    return CommandResult(
      status: ended, output: output, errorTail: String(decoding: errorTail, as: UTF8.self))
  }

  /// `nil` when there is nothing now, empty at the end.
  private func take(_ descriptor: Int32) -> [UInt8]? {
    var none = false
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 65536) { buffer, filled in
      let count = unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
      none = count < 0 && (errno == EAGAIN || errno == EINTR)
      filled = max(0, count)
    }
    return none ? nil : bytes
  }

  private mutating func readOutput() throws(HostError) {
    guard let bytes = take(pipes.output) else { return }
    if bytes.isEmpty { return pipes.closeOutput() }
    if let onOutput { return onOutput(bytes) }
    output += bytes
    if output.count > outputLimit {
      throw .tooLarge(path: child.command.display, limit: ByteCount(outputLimit))
    }
  }

  private mutating func readError() {
    guard let bytes = take(pipes.error) else { return }
    if bytes.isEmpty { return pipes.closeError() }
    errorTail += bytes
    if errorTail.count > 16384 { errorTail.removeFirst(errorTail.count - 8192) }
    guard let onErrorLine else { return }
    for byte in bytes {
      if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") || line.count > 4096 {
        if !line.isEmpty { onErrorLine(String(decoding: line, as: UTF8.self)) }
        line.removeAll(keepingCapacity: true)
      }
      if byte != UInt8(ascii: "\n") && byte != UInt8(ascii: "\r") { line.append(byte) }
    }
  }

  private mutating func feed() {
    let count = unsafe input[fed...].withUnsafeBytes {
      unsafe Glibc.write(pipes.input, $0.baseAddress, min($0.count, 65536))
    }
    if count > 0 { fed += count }
    let gone = count < 0 && errno != EAGAIN && errno != EINTR
    if gone || fed == input.count { pipes.closeInput() }
  }
}
