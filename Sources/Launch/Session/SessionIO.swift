package import GuestProtocol
internal import CLinux

/// What a command in a VM reads from and writes to.
package struct SessionIO {
  /// Without one the command reads `/dev/null`.
  package var input: (any ByteSource)?
  package var output: any ByteSink
  package var error: any ByteSink
  /// A terminal of the caller's that becomes the command's: it is put into raw mode, and its size
  /// is passed on.
  package var terminal: Int32?

  package init(
    input: (any ByteSource)?, output: any ByteSink, error: any ByteSink, terminal: Int32? = nil
  ) {
    self.input = input
    self.output = output
    self.error = error
    self.terminal = terminal
  }

  /// This process's own three, and its terminal if `wantsTerminal`.
  package static func standard(wantsTerminal: Bool) -> SessionIO {
    SessionIO(
      input: DescriptorSource(0), output: DescriptorSink(1), error: DescriptorSink(2),
      terminal: wantsTerminal ? 0 : nil)
  }

  /// Whether standard input and output are both terminals.
  package static var isInteractive: Bool {
    hutch_is_terminal(0) == 1 && hutch_is_terminal(1) == 1
  }
}

/// How a command in a VM ended.
package enum SessionOutcome: Sendable, Equatable {
  case exited(UInt8)
  case signalled(UInt8)
  /// It could not be started.
  case failed(GuestFailure)
  /// Nobody reads our output any more; the command was stopped.
  case outputClosed
  /// A signal to us, not heeded by the command; it was stopped.
  case interrupted(signal: Int32)
  /// It ran longer than it might; it was stopped.
  case timedOut

  /// What `run`, `exec` and `shell` exit with.
  package var status: Int32 {
    switch self {
    case .exited(let code): Int32(code)
    case .signalled(let signal): 128 + Int32(signal)
    case .failed(let failure): failure.code.status
    case .outputClosed: 128 + 13
    case .interrupted(let signal): 128 + signal
    case .timedOut: 124
    }
  }
}

/// When what happened, in nanoseconds of the monotonic clock.
package struct SessionTimes: Sendable, Equatable {
  package var asked: UInt64 = 0
  package var started: UInt64?
  package var firstOutput: UInt64?
  package var ended: UInt64?
}
