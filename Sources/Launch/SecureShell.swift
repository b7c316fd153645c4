/// OpenSSH over the guest channel, as texts: nothing listens on the host, and a VM needs no network.
///
/// The server runs for one connection (`sshd -i`) at the end of an `exec`; the client gets there by
/// its `ProxyCommand` (ssh_config(5)). Both sides' keys are known beforehand, so nothing is asked.
package enum SecureShell {
  /// Where a VM keeps what the server needs; gone when it stops.
  package static let guestDirectory = "/run/hutch-ssh"
  package static let hostKey = "host_key"
  package static let authorizedKeys = "authorized_keys"
  package static let serverSettings = "sshd_config"

  /// What is run in the VM as root, with the connection on standard input and output.
  package static let serverCommand = [
    "/bin/sh", "-c",
    // The directory for privilege separation is made by an init system, which may not run.
    "mkdir -p -m 0755 /run/sshd && exec /usr/sbin/sshd -i -f \(guestDirectory)/\(serverSettings)",
  ]

  /// sshd_config(5).
  package static let serverConfiguration = """
    HostKey \(guestDirectory)/\(hostKey)
    AuthorizedKeysFile \(guestDirectory)/\(authorizedKeys)
    AuthenticationMethods publickey
    PermitRootLogin prohibit-password
    UsePAM yes
    PrintMotd no
    AcceptEnv LANG LC_* COLORTERM
    Subsystem sftp internal-sftp

    """

  /// The name by which `ssh` knows a VM.
  package static func alias(of vm: String) -> String { "hutch-\(vm)" }

  /// A line of known_hosts (sshd(8)).
  ///
  /// - Parameter key: type and base64, as in a `.pub` file.
  package static func knownHost(_ vm: String, key: String) -> String { "\(alias(of: vm)) \(key)\n" }

  /// One `Host` section (ssh_config(5)).
  package static func section(
    vm: String, user: String, identity: String, knownHosts: String, proxy: [String]
  ) -> String {
    """
    Host \(alias(of: vm))
      User \(user)
      IdentityFile \(quoted(identity))
      IdentitiesOnly yes
      UserKnownHostsFile \(quoted(knownHosts))
      GlobalKnownHostsFile /dev/null
      StrictHostKeyChecking yes
      UpdateHostKeys no
      ForwardAgent no
      ProxyCommand \(proxy.map(shellWord).joined(separator: " "))

    """
  }

  /// A value for ssh_config, in which `%` begins a token.
  private static func quoted(_ path: String) -> String {
    "\"\(path.split(separator: "%", omittingEmptySubsequences: false).joined(separator: "%%"))\""
  }

  /// A word for the shell that runs a ProxyCommand.
  private static func shellWord(_ word: String) -> String {
    let plain = word.split(separator: "'", omittingEmptySubsequences: false)
      .joined(separator: "'\\''")
    return "'"
      + plain.split(separator: "%", omittingEmptySubsequences: false).joined(separator: "%%") + "'"
  }
}
