import CGuest
import GuestProtocol

/// One stream: a process group, its input and its two outputs, or a connection.
final class Session {
  /// What is at the other end of the descriptors.
  enum Form {
    case pipes
    /// Input and output are one descriptor.
    case terminal
    /// The same, and each direction ends by itself.
    case socket
  }

  /// One output channel.
  struct Output {
    let channel: GuestChannel
    var descriptor: Int32
    var window = SendWindow()
    /// The host wants no more of a terminal; what comes is read and dropped, so that the command
    /// can end.
    var ended = false
  }

  let stream: UInt32
  /// Leads its process group; -1 for a connection.
  let pid: Int32
  let form: Form
  /// Closed when both directions have ended; -1 where there is none.
  private var socket: Int32 = -1
  private let cgroup: String?
  /// Write end of standard input; -1 once closed. A terminal's is its output too.
  private var input: Int32
  private var inputBuffer: [UInt8] = []
  private var inputStart = 0
  private var inputEnds = false
  private var inputWindow = ReceiveWindow()
  private(set) var outputs: [Output]
  private(set) var exit: GuestExit?
  private(set) var isReset = false
  /// When to stop waiting for output of processes that outlive the command.
  private var quietDeadline: UInt64?

  /// How long after the command's end nothing must come.
  private static let quiet: UInt64 = 500

  init(
    stream: UInt32, pid: Int32, input: Int32, output: Int32, error: Int32?, cgroup: String?
  ) {
    self.stream = stream
    self.pid = pid
    self.input = input
    self.cgroup = cgroup
    form = error == nil ? .terminal : .pipes
    outputs = [Output(channel: .standardOutput, descriptor: output)]
    if let error { outputs.append(Output(channel: .standardError, descriptor: error)) }
  }

  /// A connection that a program has made.
  init(stream: UInt32, socket: Int32) {
    self.stream = stream
    self.socket = socket
    pid = -1
    cgroup = nil
    form = .socket
    input = socket
    outputs = [Output(channel: .standardOutput, descriptor: socket)]
  }

  var isTerminal: Bool { form == .terminal }
  /// Whether a command of somebody's still runs.
  var isBusy: Bool { exit == nil && form != .socket }

  // MARK: Input

  /// Takes data of the host's.
  func receive(_ bytes: [UInt8]) throws(GuestProtocolError) {
    try inputWindow.receive(bytes.count, stream: stream, channel: .standardInput)
    guard input >= 0, !inputEnds else { return }
    inputBuffer += bytes
  }

  /// The host sends no more.
  func endInput() {
    guard input >= 0, !inputEnds else { return }
    inputEnds = true
    // A terminal has no end: ^D is what a person would type.
    if isTerminal { inputBuffer.append(4) }
    closeInputIfDone()
  }

  /// The descriptor to wait for before `writeInput`; -1 if there is nothing to write.
  var inputToPoll: Int32 { inputBuffer.isEmpty ? -1 : input }

  /// Writes what the command takes now; reports credit, and the end if it takes no more.
  func writeInput(_ server: Server) {
    let result = unsafe inputBuffer.withUnsafeBufferPointer { buffer in
      unsafe guest_write(input, buffer.baseAddress! + inputStart, buffer.count - inputStart)
    }
    if result == -Int64(Errno.again) { return }
    guard result >= 0 else {
      closeInput()
      server.streams.send(Message.end(.standardInput).encoded(stream: stream))
      return
    }
    inputStart += Int(result)
    // The ^D of a terminal was never data.
    let counted = inputEnds && isTerminal && inputStart == inputBuffer.count
    let count = Int(result) - (counted ? 1 : 0)
    if inputStart == inputBuffer.count {
      inputBuffer.removeAll(keepingCapacity: true)
      inputStart = 0
    } else if inputStart >= GuestProtocolLimits.window {
      inputBuffer.removeFirst(inputStart)
      inputStart = 0
    }
    if let credit = inputWindow.consume(count) {
      server.control.send(Message.credit(.standardInput, bytes: credit).encoded(stream: stream))
    }
    closeInputIfDone()
  }

  private func closeInputIfDone() {
    if inputEnds, inputBuffer.isEmpty { closeInput() }
  }

  private func closeInput() {
    inputBuffer = []
    inputStart = 0
    guard input >= 0 else { return }
    switch form {
    case .pipes: _ = guest_close(input)
    case .terminal: break
    case .socket: if !isReset { _ = guest_shutdown_write(input) }
    }
    input = -1
  }

  // MARK: Output

  /// The descriptor to wait for before `readOutput`; -1 if nothing may be read now.
  func outputToPoll(_ index: Int) -> Int32 {
    let output = outputs[index]
    return output.ended || output.window.available > 0 ? output.descriptor : -1
  }

  /// Reads once and passes it on.
  func readOutput(_ index: Int, _ server: Server) {
    let output = outputs[index]
    let limit = output.ended ? 65536 : min(output.window.available, GuestProtocolLimits.payload)
    var error: Int32 = 0
    let header = GuestProtocolLimits.header
    var frame = unsafe [UInt8](unsafeUninitializedCapacity: header + limit) { buffer, filled in
      let result = unsafe guest_read(output.descriptor, buffer.baseAddress! + header, limit)
      if result < 0 { error = Int32(-result) }
      guard result > 0 else { return }
      unsafe buffer.baseAddress!.initialize(repeating: 0, count: header)
      filled = header + Int(result)
    }
    if error == Errno.again { return }
    // A terminal whose other end is closed by all fails with EIO.
    guard !frame.isEmpty else { return endOutput(index, server) }
    if exit != nil { quietDeadline = guest_monotonic_ms() + Session.quiet }
    guard !output.ended else { return }
    let count = frame.count - header
    outputs[index].window.consume(count)
    frame.replaceSubrange(
      0..<header,
      with: Frame.header(
        stream: stream, type: .data, channel: output.channel.rawValue, length: count))
    server.streams.send(frame)
  }

  /// Sends bytes of our own before what is read; well within a window that nothing was sent in.
  func say(_ bytes: [UInt8], _ server: Server) {
    outputs[0].window.consume(bytes.count)
    server.streams.send(
      Frame.header(
        stream: stream, type: .data, channel: GuestChannel.standardOutput.rawValue,
        length: bytes.count) + bytes)
  }

  private func endOutput(_ index: Int, _ server: Server) {
    let output = outputs[index]
    guard output.descriptor >= 0 else { return }
    if form != .socket { _ = guest_close(output.descriptor) }
    outputs[index].descriptor = -1
    if isTerminal { input = -1 }
    if !isReset { server.streams.send(Message.end(output.channel).encoded(stream: stream)) }
  }

  func grant(_ channel: GuestChannel, _ bytes: UInt32) throws(GuestProtocolError) {
    guard let index = outputs.firstIndex(where: { $0.channel == channel }) else { return }
    try outputs[index].window.grant(bytes, stream: stream, channel: channel)
    if quietDeadline != nil { quietDeadline = guest_monotonic_ms() + Session.quiet }
  }

  /// The host reads this channel no more: a pipe breaks, as it would on the host.
  func dropOutput(_ channel: GuestChannel, _ server: Server) {
    guard let index = outputs.firstIndex(where: { $0.channel == channel }) else { return }
    if isTerminal {
      outputs[index].ended = true
    } else {
      endOutput(index, server)
    }
  }

  // MARK: Life

  func signal(_ number: Int32) {
    if exit == nil, form != .socket { _ = guest_signal_group(pid, number) }
  }

  func resize(_ size: TerminalSize) {
    guard isTerminal, outputs[0].descriptor >= 0 else { return }
    _ = guest_resize(outputs[0].descriptor, size.rows, size.columns)
  }

  /// Kills everything that the stream started.
  func reset(_ server: Server) {
    isReset = true
    signal(9)
    if let cgroup { try? writeFile(cgroup + "/cgroup.kill", [UInt8(ascii: "1")]) }
    for index in outputs.indices { endOutput(index, server) }
    if socket >= 0 { _ = guest_reset_on_close(socket) }
    closeInput()
  }

  func ended(_ how: GuestExit) {
    exit = how
    quietDeadline = guest_monotonic_ms() + Session.quiet
  }

  /// Milliseconds until `finishIfDone` should be called again, whatever happens; nil for never.
  func patience(_ now: UInt64) -> UInt64? {
    guard let quietDeadline, !isStalled else { return nil }
    return quietDeadline > now ? quietDeadline - now : 0
  }

  /// Output waits for the host, so that silence means nothing.
  private var isStalled: Bool {
    outputs.contains { $0.descriptor >= 0 && !$0.ended && $0.window.available == 0 }
  }

  /// Says how it ended once all output is out. True if the stream is over.
  func finishIfDone(_ server: Server, _ now: UInt64) -> Bool {
    if form == .socket, exit == nil, input < 0, outputs.allSatisfy({ $0.descriptor < 0 }) {
      exit = .exited(0)
    }
    guard let exit else { return false }
    if let patience = patience(now), patience == 0 {
      for index in outputs.indices { endOutput(index, server) }
    }
    guard outputs.allSatisfy({ $0.descriptor < 0 }) else { return false }
    closeInput()
    if socket >= 0 { _ = guest_close(socket) }
    server.control.send((isReset ? Message.reset : .exit(exit)).encoded(stream: stream))
    if let cgroup { _ = unsafe guest_rmdir(cgroup) }
    return true
  }
}
