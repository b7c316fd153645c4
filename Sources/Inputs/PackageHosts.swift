package import Host

/// The hosts that packages come from, as this machine's own tools are configured. No host is ever
/// named in this code.
package enum PackageHosts: String, Sendable, CaseIterable {
  case apt, pip, npm

  /// `@apt`, `@pip` or `@npm`.
  package init?(entry: String) {
    guard entry.hasPrefix("@") else { return nil }
    self.init(rawValue: String(entry.dropFirst()))
  }

  /// Each as `HOST` or `HOST:PORT`, sorted; empty where nothing is configured.
  package func hosts(_ environment: HostEnvironment) -> [String] {
    let addresses: [String]
    switch self {
    case .apt:
      let sources = try? AptSources.fromHost()
      addresses = (sources?.archive ?? []) + (sources?.security ?? [])
    case .pip:
      let options = HostPip.fromHost(environment).options
      addresses = ["index-url", "extra-index-url", "find-links"].flatMap { options[$0] ?? [] }
    case .npm:
      addresses = HostNpm.fromHost(environment).settings
        .filter { $0.key == "registry" || $0.key.hasSuffix(":registry") }.flatMap(\.value)
    }
    return Set(addresses.compactMap(Self.host)).sorted()
  }

  /// The host of an address (RFC 3986, section 3.2), without user and password.
  static func host(of address: String) -> String? {
    let parts = address.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, parts[1].isEmpty, ["http:", "https:"].contains(parts[0].lowercased())
    else { return nil }
    let authority = parts[2].prefix { !"/?#".contains($0) }
    let place = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] }
    let host = String(place ?? authority).lowercased()
    return host.isEmpty || host.hasPrefix("[") ? nil : host
  }
}
