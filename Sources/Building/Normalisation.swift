package import Vocabulary

/// What is taken out of a layer, or written anew, before it is packed: everything that depends
/// on when, where or by whom a step was run, and everything that would be the same secret in
/// every clone. One row, one reason.
package struct NormalisationRule: Sendable {
  package enum Action: Sendable, Hashable {
    /// The entry itself, with all below it.
    case remove
    /// What is below the directory; the directory stays.
    case clear
    /// The file stays with its mode and owner, and has no contents.
    case truncate
    case rewrite(String)
    /// Field 3 of each line (days since 1970) becomes the day of the step.
    case fixPasswordDates
    /// The date of each entry becomes that of the step.
    case fixKeyStoreDates
  }

  /// Parts joined by `/`; `*` stands for any run of bytes within one part.
  package let pattern: String
  package let action: Action
  package let reason: String

  init(_ pattern: String, _ action: Action, _ reason: String) {
    self.pattern = pattern
    self.action = action
    self.reason = reason
  }
}

package enum Normalisation {
  /// Part of every step key: raise it whenever a row changes what a layer holds.
  package static let version = 3

  package static let rules: [NormalisationRule] = [
    .init("dev", .clear, "device nodes come from the running kernel"),
    .init("proc", .clear, "a mount point"),
    .init("sys", .clear, "a mount point"),
    .init("run", .clear, "a file system in memory while the system runs"),
    .init("tmp", .clear, "a file system in memory while the system runs"),
    .init("var/tmp", .clear, "leftovers of whoever ran last"),

    .init("var/log/dpkg.log", .remove, "dated lines"),
    .init("var/log/alternatives.log", .remove, "dated lines"),
    .init("var/log/bootstrap.log", .remove, "dated lines"),
    .init("var/log/fontconfig.log", .remove, "dated lines"),
    .init("var/log/apt", .clear, "dated lines"),
    .init("var/log/journal", .clear, "named after a machine id"),
    .init("var/log/btmp", .truncate, "log-ins of a machine that no longer is"),
    .init("var/log/wtmp", .truncate, "log-ins of a machine that no longer is"),
    .init("var/log/lastlog", .truncate, "log-ins of a machine that no longer is"),
    .init("var/log/faillog", .truncate, "log-ins of a machine that no longer is"),

    .init("var/cache/ldconfig", .clear, "holds inode numbers and change times"),
    .init("var/cache/apt", .clear, "package caches: large, dated, and out of date tomorrow"),
    .init("var/lib/apt/lists", .clear, "indexes of the offline repository of one step"),
    .init("var/cache/debconf/*-old", .remove, "a backup depends on the order of work"),
    .init("var/cache/man", .clear, "a database with modification times"),
    .init("var/cache/fontconfig", .clear, "holds modification times"),
    .init("var/lib/dpkg/*-old", .remove, "a backup depends on the order of work"),
    .init("etc/passwd-", .remove, "a backup depends on the order of work"),
    .init("etc/group-", .remove, "a backup depends on the order of work"),
    .init("etc/shadow-", .remove, "a backup depends on the order of work"),
    .init("etc/gshadow-", .remove, "a backup depends on the order of work"),
    .init("etc/subuid-", .remove, "a backup depends on the order of work"),
    .init("etc/subgid-", .remove, "a backup depends on the order of work"),
    .init("etc/.pwd.lock", .remove, "a lock of one moment"),
    .init("usr/sbin/policy-rc.d", .remove, "ours, for the time of the step"),
    .init("etc/apt/apt.conf.d/99mmdebstrap", .remove, "the bootstrapper's own settings"),

    .init("etc/machine-id", .truncate, "identity: each clone gets its own at first boot"),
    .init("var/lib/dbus/machine-id", .remove, "identity: a copy of /etc/machine-id"),
    .init("etc/ssh/ssh_host_*", .remove, "identity: all clones would have the same host keys"),
    .init("etc/ssl/private/ssl-cert-snakeoil.key", .remove, "a private key that all would share"),
    .init("etc/ssl/certs/ssl-cert-snakeoil.pem", .remove, "belongs to the key above"),
    .init("var/lib/systemd/random-seed", .remove, "a seed that all clones would share"),
    .init("var/lib/systemd/credential.secret", .remove, "a secret that all clones would share"),
    .init("var/lib/NetworkManager/secret_key", .remove, "a secret that all clones would share"),
    .init("var/lib/dhcp/*.leases", .remove, "leases of the builder"),
    .init("var/lib/cloud/instance", .remove, "identity of the builder"),

    .init("etc/hostname", .rewrite("localhost\n"), "the bootstrapper copies the host's"),
    .init(
      "etc/hosts", .rewrite("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"),
      "the builder's name must not show"),
    .init("etc/resolv.conf", .rewrite(""), "the bootstrapper copies the host's"),
    .init("etc/apt/sources.list", .rewrite(""), "names the offline repository of the build"),
    .init("etc/apt/sources.list.d", .clear, "names the offline repository of the build"),
    .init("etc/shadow", .fixPasswordDates, "the day of the build"),
    .init(
      "etc/ssl/certs/java/cacerts", .fixKeyStoreDates, "when each certificate was put there"),

    .init("root/.cache", .remove, "leftovers of the step's tools"),
    .init("root/.bash_history", .remove, "leftovers of the step's tools"),
    .init("root/.wget-hsts", .remove, "leftovers of the step's tools"),
    .init("root/.npm/_logs", .remove, "dated lines"),
    .init("home/*/.cache", .remove, "leftovers of the step's tools"),
  ]

  /// Rows that only a base needs: a later step that writes these files meant to.
  private static let onlyInBase: Set<String> = [
    "etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/apt/sources.list",
    "etc/apt/sources.list.d",
  ]

  package static func rules(forBase isBase: Bool) -> [NormalisationRule] {
    rules.filter { isBase || !onlyInBase.contains($0.pattern) }
  }

  /// `/etc/shadow` with field 3 of every line that has one set to the day of the step
  /// (`shadow(5)`: days since 1970).
  package static func fixPasswordDates(_ text: [UInt8], date: SourceDate) -> [UInt8] {
    let day = Array("\(date.seconds / 86_400)".utf8)
    let colon = UInt8(ascii: ":")
    let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    return Array(
      lines.map { line -> [UInt8] in
        var fields = line.split(separator: colon, omittingEmptySubsequences: false).map(Array.init)
        guard fields.count >= 3, !fields[2].isEmpty else { return Array(line) }
        fields[2] = day
        return Array(fields.joined(separator: [colon]))
      }.joined(separator: [UInt8(ascii: "\n")]))
  }

  /// What becomes of a compiled Python file (PEP 552): with a checked hash it depends on its
  /// source alone; with a time it is of use only if that is the time its source has.
  package static func keepsBytecode(header: [UInt8], sourceModified: Int64?) -> Bool {
    guard header.count >= 12 else { return false }
    let flags = UInt32(littleEndian: header[4..<8])
    if flags & 1 == 1 { return true }
    guard let sourceModified else { return false }
    return UInt32(littleEndian: header[8..<12]) == UInt32(truncatingIfNeeded: sourceModified)
  }
}

extension UInt32 {
  fileprivate init(littleEndian bytes: ArraySlice<UInt8>) {
    self = bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }
}

/// One of the patterns above, taken apart once: every file of a layer is compared with all.
package struct PathPattern: Sendable {
  private let wanted: [[UInt8]]

  package init(_ pattern: String) { wanted = pattern.utf8.split(separator: 0x2F).map(Array.init) }

  package var depth: Int { wanted.count }

  package static func matches(_ pattern: String, _ path: GuestPath) -> Bool {
    PathPattern(pattern).matches(path.parts)
  }

  package func matches(_ parts: [ArraySlice<UInt8>]) -> Bool {
    guard wanted.count == parts.count else { return false }
    return zip(wanted, parts).allSatisfy { Self.matches($0[...], $1) }
  }

  private static func matches(_ pattern: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
    guard let first = pattern.first else { return name.isEmpty }
    if first == UInt8(ascii: "*") {
      return (0...name.count).contains { matches(pattern.dropFirst(), name.dropFirst($0)) }
    }
    return name.first == first && matches(pattern.dropFirst(), name.dropFirst())
  }
}
