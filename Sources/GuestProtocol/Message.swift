/// First frame of either side on either port.
package struct Hello: Sendable, Equatable {
  /// 16 bytes: of this boot on the kernel command line, or of the resume when the host says hello
  /// again to a thawed guest.
  package var nonce: [UInt8]
  package var capabilities: GuestCapabilities
  package var mode: GuestMode

  package init(nonce: [UInt8], capabilities: GuestCapabilities = .all, mode: GuestMode = .run) {
    self.nonce = nonce
    self.capabilities = capabilities
    self.mode = mode
  }
}

/// What a side can do beyond what every version 1 can. Unknown bits mean nothing.
package struct GuestCapabilities: OptionSet, Sendable {
  package let rawValue: UInt64

  package init(rawValue: UInt64) { self.rawValue = rawValue }

  package static let terminal = GuestCapabilities(rawValue: 1)
  package static let archives = GuestCapabilities(rawValue: 2)
  package static let freeze = GuestCapabilities(rawValue: 4)
  package static let files = GuestCapabilities(rawValue: 8)
  package static let all: GuestCapabilities = [.terminal, .archives, .freeze, .files]
}

/// How the guest came up; the host's hello says `run`, which means nothing there.
package enum GuestMode: UInt8, Sendable {
  /// The guest program is PID 1.
  case run = 0
  /// The image's init is PID 1, the guest program its elder child.
  case start = 1
}

/// Who a guest is. Clones of one memory image differ in all of it.
package struct GuestIdentity: Sendable, Equatable {
  /// 1 to 64 bytes of letters, digits, `-` and `.`.
  package var hostname: [UInt8]
  /// 16 bytes, written as 32 hexadecimal digits to `/etc/machine-id`.
  package var machineID: [UInt8]
  /// Up to 4096 bytes for the kernel's generator, which is then reseeded.
  package var entropy: [UInt8]

  package init(hostname: [UInt8], machineID: [UInt8], entropy: [UInt8]) {
    self.hostname = hostname
    self.machineID = machineID
    self.entropy = entropy
  }
}

/// A file system to mount in the guest; the target is made if it is missing.
package struct GuestMount: Sendable, Equatable {
  /// A device, a virtiofs tag or, for `bind`, a path.
  package var source: [UInt8]
  package var target: [UInt8]
  /// `ext4`, `erofs`, `virtiofs`, `tmpfs`, … or `bind`.
  package var type: [UInt8]
  /// As for `mount -o`, without the flags.
  package var options: [UInt8]
  package var readOnly: Bool

  package init(
    source: [UInt8], target: [UInt8], type: [UInt8], options: [UInt8] = [], readOnly: Bool
  ) {
    self.source = source
    self.target = target
    self.type = type
    self.options = options
    self.readOnly = readOnly
  }
}

package enum ShutdownKind: UInt8, Sendable {
  case powerOff = 0
  case reboot = 1
}

/// How a command ended.
package enum GuestExit: Sendable, Equatable {
  /// 0...255.
  case exited(UInt8)
  /// A signal number, 1...64.
  case signalled(UInt8)

  /// What a shell would say: the code, or 128 + signal.
  package var status: Int32 {
    switch self {
    case .exited(let code): Int32(code)
    case .signalled(let signal): 128 + Int32(signal)
    }
  }
}

/// Why a request was not carried out.
package enum FailureCode: UInt16, Sendable, CaseIterable {
  /// No such command (a shell says 127).
  case notFound = 1
  /// The command is there and can't be executed (126).
  case cannotExecute = 2
  case noSuchUser = 3
  case noSuchDirectory = 4
  /// Too many streams, processes or files.
  case noResources = 5
  /// The guest does not know this request, or not in this mode.
  case unsupported = 6
  /// The request itself makes no sense.
  case invalid = 7
  /// A system call failed; `errno` says how.
  case system = 8

  /// What `run` and `exec` exit with.
  package var status: Int32 {
    switch self {
    case .notFound: 127
    case .cannotExecute: 126
    default: 125
    }
  }
}

package struct GuestFailure: Sendable, Equatable {
  package var code: FailureCode
  /// Linux's number, or 0.
  package var errno: Int32
  /// For people; untrusted bytes, at most 4096.
  package var text: [UInt8]

  package init(_ code: FailureCode, errno: Int32 = 0, text: [UInt8]) {
    self.code = code
    self.errno = errno
    self.text = text
  }
}

/// The content of every frame but `open` in parts: what both programs talk in.
package enum Message: Sendable, Equatable {
  case hello(Hello)
  /// The root is mounted and requests are being served; milliseconds since the kernel started.
  case ready(milliseconds: UInt32)
  /// The guest can't come up and powers off.
  case fatal(text: [UInt8])
  case ping(UInt64)
  case pong(UInt64)

  case open(OpenRequest)
  /// Unix time.
  case setTime(seconds: Int64, nanoseconds: UInt32)
  case setIdentity(GuestIdentity)
  case mount(GuestMount)
  /// Freezes the root file system (FIFREEZE) so that its disk can be read.
  case freeze
  case thaw
  /// TERM, `graceMilliseconds` to end, KILL, sync, read-only, off.
  case shutdown(ShutdownKind, graceMilliseconds: UInt32)

  /// Brings the VM's network up: names of the allowlist (`AllowedHost`) resolve, and connections to
  /// them are carried over streams of the kind `connection`.
  case network(allowed: [[UInt8]])

  case started(pid: UInt32)
  /// A request other than `open` is carried out. The bytes depend on the request.
  case done([UInt8])
  case failed(GuestFailure)
  /// Final once both output channels ended.
  case exit(GuestExit)

  case data(GuestChannel, [UInt8])
  /// From the channel's writer: no more bytes. From its reader: no more are wanted.
  case end(GuestChannel)
  case credit(GuestChannel, bytes: UInt32)
  /// A signal number, 1...64, for the command's process group.
  case signal(UInt32)
  case resize(TerminalSize)
  /// Host: give up, kill what runs. Guest: it is gone.
  case reset
}
