package import GuestProtocol
package import Host
package import Vocabulary

/// What can go wrong between a configuration and a command's exit status.
package enum LaunchError: Failure {
  /// The file is not a kernel package that we can boot.
  case kernelPackage(path: String, reason: String)
  /// A machine that nobody could build: too many files, a blank in a kernel argument, …
  case configuration(reason: String)
  /// `vm.json`.
  case description(path: String, reason: String)
  case emulatorVersion(program: String, output: String)
  /// The guest did not greet, or did not become ready, in time.
  case silent(awaiting: String, seconds: Int, console: String)
  /// The guest could not come up, in its own words.
  case guestGaveUp(reason: String, console: String)
  /// What came over a port is not the protocol.
  case protocolBroken(GuestProtocolError)
  /// Well-formed, and against the rules.
  case misbehaved(reason: String)
  /// The emulator ended while it was needed.
  case machineEnded(status: ExitStatus, console: String, emulator: String)
  /// The guest hung up.
  case channelClosed
  /// The host has no room for what the guest writes.
  case diskFull
  /// All windows together would be larger than a host may hold.
  case tooManyStreams
  /// A request other than a command was refused.
  case refused(request: String, reason: String)
  case timedOut(what: String, seconds: Int)
  /// Somebody else asked for it: `hutch stop`, or a signal.
  case stopped(VirtualMachine.Shutdown)
  /// No supervisor listens at this path.
  case notSupervised(path: String)
  /// Another one does.
  case supervised(path: String)
  /// Log-ins can't be kept in it.
  case unsafeDirectory(path: String)
  /// What a supervisor says when it can't do what it was asked, or why it can't be talked to.
  case supervisor(reason: String)

  package var kind: FailureKind {
    switch self {
    case .kernelPackage, .configuration: .badInput
    case .description: .storeDamaged
    case .emulatorVersion: .missingHostTool
    case .diskFull: .noSpace
    case .notSupervised: .notFound
    case .supervised: .inUse
    default: .failed
    }
  }

  package var message: String {
    switch self {
    case .kernelPackage(let path, let reason):
      "\"\(path)\" is not a kernel package that Hutch can boot: \(reason)"
    case .configuration(let reason): "can't make this machine: \(reason)"
    case .description(let path, let reason): "\"\(path)\" is damaged: \(reason)"
    case .emulatorVersion(let program, let output):
      "\"\(program)\" does not say its version but \"\(output)\""
    case .silent(let awaiting, let seconds, let console):
      "the VM did not \(awaiting) within \(seconds) s" + Self.quoted(console)
    case .guestGaveUp(let reason, let console):
      "the VM could not come up: \(reason)" + Self.quoted(console)
    case .protocolBroken(let error): "the program in the VM is not to be trusted: \(error)"
    case .misbehaved(let reason): "the program in the VM is not to be trusted: \(reason)"
    case .machineEnded(let status, let console, let emulator):
      "the VM is gone: its emulator \(status)" + Self.quoted(emulator) + Self.quoted(console)
    case .channelClosed: "the VM closed the connection"
    case .diskFull: "the VM is paused: the host has no space for what it writes"
    case .tooManyStreams: "too many commands run in this VM at once"
    case .refused(let request, let reason): "the VM refused \"\(request)\": \(reason)"
    case .timedOut(let what, let seconds): "\(what) took longer than \(seconds) s"
    case .stopped(let how): how == .clean ? "the VM was stopped" : "the VM was stopped by force"
    case .supervised(let path): "a running VM already answers at \"\(path)\""
    case .notSupervised(let path): "no running VM answers at \"\(path)\""
    case .unsafeDirectory(let path):
      "\"\(path)\" is not a directory of yours alone, so log-ins can't be kept there"
    case .supervisor(let reason): "the supervisor of the VM: \(reason)"
    }
  }

  package var hint: String? {
    switch self {
    case .silent, .machineEnded, .guestGaveUp:
      "the whole console is in the VM's \"console.log\"; `hutch doctor` checks the accelerator"
    case .emulatorVersion: "install Debian's package \"qemu-system-x86\", or run `make setup`"
    case .diskFull: "make room, for example with `hutch gc --now`"
    case .tooManyStreams: "wait until some have ended"
    case .unsafeDirectory: "`chmod 700` it, if it is yours"
    case .notSupervised: "start it with `hutch start`"
    default: nil
    }
  }

  package var path: String? {
    switch self {
    case .kernelPackage(let path, _), .description(let path, _), .notSupervised(let path),
      .supervised(let path), .unsafeDirectory(let path):
      path
    default: nil
    }
  }

  private static func quoted(_ text: String) -> String {
    text.split(separator: "\n").map { "\n  \($0)" }.joined()
  }
}
