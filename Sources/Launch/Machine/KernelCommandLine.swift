package import GuestProtocol
internal import Vocabulary

/// What the guest program reads from `/proc/cmdline` (`docs/formats/guest.md`), and what makes the
/// kernel boot fast and quietly.
package struct KernelCommandLine: Sendable, Hashable {
  package enum Mode: String, Sendable {
    /// The guest program is PID 1.
    case run
    /// The image's init is PID 1.
    case start
    /// Prints a line and powers off.
    case probe
  }

  package var mode: Mode
  /// Repeated by the guest's first frame: 16 bytes, new for every boot.
  package var nonce: [UInt8]
  /// Who runs commands that name nobody.
  package var user: String?
  package var hostname: String?
  /// 16 bytes.
  package var machineID: [UInt8]?
  /// Names of the tools on the disks after the first, in their order.
  package var tools: [String]
  /// The kernel release whose modules are on the last disk, if they are.
  package var modules: String?
  /// What `start` hands over to; `/sbin/init` if nothing is said.
  package var initPath: String?
  /// Speculative execution is guarded against inside the guest too. Off, because the wall is the
  /// VM's, and the guards cost a second of a boot without hardware acceleration.
  package var mitigations: Bool

  package init(
    mode: Mode, nonce: [UInt8], user: String? = nil, hostname: String? = nil,
    machineID: [UInt8]? = nil, tools: [String] = [], modules: String? = nil,
    initPath: String? = nil,
    mitigations: Bool = false
  ) {
    self.mode = mode
    self.nonce = nonce
    self.user = user
    self.hostname = hostname
    self.machineID = machineID
    self.tools = tools
    self.modules = modules
    self.initPath = initPath
    self.mitigations = mitigations
  }

  /// Takes over host name and machine ID.
  package mutating func identify(as identity: GuestIdentity) {
    hostname = String(decoding: identity.hostname, as: UTF8.self)
    machineID = identity.machineID
  }

  package func rendered() throws(LaunchError) -> String {
    // Testing its ciphers on each boot takes the kernel a tenth of the boot.
    var words = ["console=ttyS0", "quiet", "panic=-1", "cryptomgr.notests"]
    if !mitigations { words.append("mitigations=off") }
    words.append("hutch.mode=\(mode.rawValue)")
    words.append("hutch.nonce=\(Hex.encode(nonce))")
    if mode != .probe { words.append("hutch.root=/dev/vda") }
    if let user { words.append("hutch.user=\(user)") }
    if let hostname { words.append("hutch.hostname=\(hostname)") }
    if let machineID { words.append("hutch.machine_id=\(Hex.encode(machineID))") }
    if !tools.isEmpty { words.append("hutch.tools=\(tools.joined(separator: ","))") }
    if let modules { words.append("hutch.modules=\(modules)") }
    if let initPath { words.append("hutch.init=\(initPath)") }
    guard nonce.count == 16, machineID?.count ?? 16 == 16 else {
      throw .configuration(reason: "nonce and machine ID have 16 bytes")
    }
    for word in words {
      // The kernel knows quotes but not how to escape one.
      guard word.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") }) else {
        throw .configuration(reason: "\"\(word)\" can't stand on a kernel command line")
      }
    }
    let line = words.joined(separator: " ")
    // COMMAND_LINE_SIZE of x86 is 2048, with the NUL.
    guard line.utf8.count < 2048 else {
      throw .configuration(reason: "the kernel command line is longer than 2047 bytes")
    }
    return line
  }
}
