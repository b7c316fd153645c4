import CGuest
import GuestProtocol

/// What makes one clone different from the next.
enum Identity {
  static func set(_ identity: GuestIdentity) throws(SystemError) {
    // Entropy first: whatever runs next may draw from it.
    if !identity.entropy.isEmpty {
      try check(
        unsafe guest_add_entropy(identity.entropy, identity.entropy.count), "add entropy")
    }
    try set(hostname: identity.hostname)
    try set(machineID: identity.machineID)
  }

  /// The kernel's name of this machine, and the two files that repeat it.
  static func set(hostname: [UInt8]) throws(SystemError) {
    try check(unsafe guest_set_hostname(hostname, hostname.count), "set hostname")
    let old = readFile("/etc/hostname") ?? []
    try replace("/etc/hostname", old, hostname + [newline])
    // 127.0.1.1 is where Debian names the machine itself; sudo looks it up.
    let hosts = readFile("/etc/hosts") ?? [UInt8]("127.0.0.1 localhost\n::1 localhost\n".utf8)
    var lines = text(hosts).split(separator: "\n", omittingEmptySubsequences: false).map(
      String.init)
    lines.removeAll { $0.hasPrefix("127.0.1.1 ") || $0.hasPrefix("127.0.1.1\t") }
    while lines.last == "" { lines.removeLast() }
    lines.append("127.0.1.1 \(text(hostname))")
    try replace("/etc/hosts", hosts, [UInt8]((lines.joined(separator: "\n") + "\n").utf8))
  }

  /// 16 bytes, as machine-id(5) writes them.
  static func set(machineID: [UInt8]) throws(SystemError) {
    let digits = [UInt8]("0123456789abcdef".utf8)
    let line = machineID.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] } + [newline]
    try replace("/etc/machine-id", readFile("/etc/machine-id") ?? [], line)
  }

  private static let newline = UInt8(ascii: "\n")

  /// Writes only what differs: every write grows a clone's overlay.
  private static func replace(
    _ path: String, _ old: [UInt8], _ new: [UInt8]
  ) throws(SystemError) {
    guard exists("/etc"), old != new else { return }
    try writeFile(path, new)
  }
}
