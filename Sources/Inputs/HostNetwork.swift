internal import Host

/// How this machine reaches others, which is the host's business.
package enum HostNetwork {
  /// Its proxies.
  static var proxies: [String: String] {
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
}
