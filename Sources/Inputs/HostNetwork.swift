internal import Glibc
internal import Host

/// How this machine reaches others, which is the host's business.
package enum HostNetwork {
  /// Where `describe` has to be mounted for a tool in a step's root.
  package static let place = "/run/hutch/host"
  /// The host's certificates, if it has any that we know of.
  static let certificates = "/run/hutch/host/ca.crt"

  /// Its proxies.
  package static var proxies: [String: String] {
    var proxies: [String: String] = [:]
    for name in ["http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"] {
      for spelling in [name, name.uppercased()] {
        if let value = HostEnvironment.current[spelling] { proxies[spelling] = value }
      }
    }
    return proxies
  }

  /// What programs that fetch are started with.
  static var environment: [String: String] {
    Command.plainEnvironment.merging(proxies) { _, proxy in proxy }
  }

  /// Writes what a root without settings of its own needs to reach the network as the host does:
  /// names of hosts and certificates.
  ///
  /// - Parameter certificates: the host's file, where a tool's own settings name one.
  /// - Returns: whether there are certificates.
  static func describe(
    into directory: String, certificates: String? = nil
  ) throws(InputsError) -> Bool {
    try onHost { () throws(HostError) in
      try Files.makeDirectories(directory)
      for name in ["resolv.conf", "hosts"] {
        let text = (try? Files.read("/etc/" + name, limit: 1 << 20)) ?? []
        try Files.write("\(directory)/\(name)", text, durable: false)
      }
      let variables = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]
      let candidates =
        [certificates] + variables.map { HostEnvironment.current[$0] }
        + ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"]
      for case let path? in candidates where path.hasPrefix("/") {
        guard let bytes = try? Files.read(path, limit: 16 << 20) else { continue }
        try Files.write(directory + "/ca.crt", bytes, durable: false)
        return true
      }
      return false
    }
  }

  /// Put into `/etc` from inside, where links of the image's lead nowhere else; what is changed
  /// there is thrown away.
  static let script = """
    for name in resolv.conf hosts; do
      cp --remove-destination "\(place)/$name" "/etc/$name"
    done

    """
}
