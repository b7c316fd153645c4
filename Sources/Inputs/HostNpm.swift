package import Host
internal import Vocabulary

/// Where JavaScript packages come from, as the host's own npm is configured: its files and
/// variables ("npmrc" and "config", npm's documentation). No host is ever named in this code or in
/// a lock, and what npm logs in with is in memory only.
package struct HostNpm: Sendable, Hashable {
  /// By key, as in an npmrc; a list has several values.
  package let settings: [String: [String]]

  package init(settings: [String: [String]]) { self.settings = settings }

  /// What says where packages come from and how they are reached; with them go all keys of one
  /// registry (`//host/path/:_authToken`) and of one scope (`@scope:registry`).
  private static let known: Set<String> = [
    "ca", "cafile", "fetch-retries", "fetch-retry-factor", "fetch-retry-maxtimeout",
    "fetch-retry-mintimeout", "fetch-timeout", "https-proxy", "maxsockets", "noproxy", "proxy",
    "registry", "replace-registry-host", "strict-ssl",
  ]

  package static func fromHost(_ environment: HostEnvironment = .current) -> HostNpm {
    var settings: [String: [String]] = [:]
    for path in files(environment) {
      guard let bytes = try? Files.read(path, limit: 1 << 20) else { continue }
      let text = String(decoding: bytes, as: UTF8.self)
      settings.merge(parse(text, environment)) { _, later in later }
    }
    for (name, value) in environment.all where !value.isEmpty {
      if let key = key(ofVariable: name), isKnown(key) { settings[key] = [value] }
    }
    return HostNpm(settings: settings)
  }

  /// What comes later counts: the machine's, then the user's.
  private static func files(_ environment: HostEnvironment) -> [String] {
    func variable(_ name: String) -> String? {
      environment[name.uppercased()] ?? environment[name]
    }
    let prefix = variable("npm_config_prefix") ?? environment["PREFIX"]
    let machine =
      variable("npm_config_globalconfig").map { [$0] } ?? prefix.map { ["\($0)/etc/npmrc"] }
      ?? ["/etc/npmrc", "/usr/etc/npmrc", "/usr/local/etc/npmrc"]
    return machine + [variable("npm_config_userconfig") ?? environment.home + "/.npmrc"]
  }

  /// `NPM_CONFIG_FETCH_TIMEOUT` → `fetch-timeout`.
  private static func key(ofVariable name: String) -> String? {
    let start = "npm_config_"
    guard name.lowercased().hasPrefix(start) else { return nil }
    let rest = name.dropFirst(start.count)
    if rest.hasPrefix("//") { return String(rest) }
    return rest.prefix(1).lowercased()
      + rest.dropFirst().lowercased().replacing("_", with: "-")
  }

  private static func isKnown(_ key: String) -> Bool {
    known.contains(key) || key.hasPrefix("//")
      || (key.hasPrefix("@") && key.hasSuffix(":registry"))
  }

  /// `key = value` lines; `key[] = value` for lists, quotes around a value, comments, `${NAME}` for
  /// what a variable holds.
  static func parse(_ text: String, _ environment: HostEnvironment) -> [String: [String]] {
    var settings: [String: [String]] = [:]
    for line in text.split(whereSeparator: \.isNewline) {
      let line = line.trimming
      if line.hasPrefix(";") || line.hasPrefix("#") || line.hasPrefix("[") { continue }
      // The name of a registry may hold a port and a path, but no sign of equality.
      guard let sign = line.firstIndex(of: "=") else { continue }
      var key = String(line[..<sign].trimming)
      let isList = key.hasSuffix("[]")
      if isList { key.removeLast(2) }
      guard isKnown(key) else { continue }
      let value = expand(unquoted(line[line.index(after: sign)...].trimming), environment)
      settings[key] = isList ? (settings[key] ?? []) + [value] : [value]
    }
    return settings
  }

  private static func unquoted(_ text: Substring) -> String {
    for quote in ["\"", "'"] where text.count > 1 && text.hasPrefix(quote) && text.hasSuffix(quote)
    {
      return String(text.dropFirst().dropLast()).replacing("\\n", with: "\n")
    }
    return String(text)
  }

  private static func expand(_ text: String, _ environment: HostEnvironment) -> String {
    var result = ""
    var rest = text[...]
    while let start = rest.firstRange(of: "${"),
      let end = rest[start.upperBound...].firstIndex(of: "}")
    {
      let name = rest[start.upperBound..<end]
      let value = environment[String(name.hasSuffix("?") ? name.dropLast() : name)]
      result += rest[..<start.lowerBound]
      result += value ?? (name.hasSuffix("?") ? "" : String(rest[start.lowerBound...end]))
      rest = rest[rest.index(after: end)...]
    }
    return result + rest
  }

  // MARK: For a step's root

  /// Where `secrets` puts the settings.
  static let place = "/run/secrets/npmrc"

  /// The same settings as files below `/run/secrets`, in memory; keys of clients come along. What
  /// stands for somebody is there once more by itself, so that it is taken out of all output.
  ///
  /// - Parameter certificates: where the host's are inside, if it has any.
  func secrets(certificates: String?) -> [String: Secret] {
    var secrets: [String: Secret] = [:]
    var text = ""
    for (key, values) in settings.sorted(by: { $0.key < $1.key }) where key != "cafile" {
      var values = values
      if key.hasPrefix("//"), key.hasSuffix(":certfile") || key.hasSuffix(":keyfile") {
        guard let bytes = try? Files.read(values.last ?? "", limit: 1 << 20), !bytes.isEmpty else {
          continue
        }
        let name = "npm-file-\(secrets.count)"
        secrets[name] = Secret(bytes)
        values = ["/run/secrets/" + name]
      } else {
        for word in values.flatMap({ Self.credentials(in: $0, of: key) }) {
          secrets["npm-word-\(secrets.count)"] = Secret(Array(word.utf8))
        }
      }
      let name = values.count > 1 ? key + "[]" : key
      text += values.map { "\(name) = \(Self.quoted($0))\n" }.joined()
    }
    for word in HostNetwork.proxies.values.flatMap({ Self.credentials(in: $0, of: "proxy") }) {
      secrets["npm-word-\(secrets.count)"] = Secret(Array(word.utf8))
    }
    if let certificates { text += "cafile = \(certificates)\n" }
    secrets["npmrc"] = Secret(Array((text.isEmpty ? "; none\n" : text).utf8))
    return secrets
  }

  /// JSON, which npm takes for a value in quotes.
  private static func quoted(_ value: String) -> String { JSON.string(value).description }

  private static func credentials(in value: String, of key: String) -> [String] {
    if key.hasPrefix("//") {
      let isOne = ["_authToken", "_auth", "_password", "username"].contains {
        key.hasSuffix(":" + $0)
      }
      return isOne && !value.isEmpty ? [value] : []
    }
    // `https://name:password@host/`
    guard let scheme = value.firstRange(of: "://") else { return [] }
    let authority = value[scheme.upperBound...].prefix { $0 != "/" }
    guard let end = authority.lastIndex(of: "@") else { return [] }
    let user = authority[..<end]
    let password = user.firstIndex(of: ":").map { user[user.index(after: $0)...] }
    return [String(user)] + [password.map(String.init)].compactMap { $0 }.filter { !$0.isEmpty }
  }
}

extension Substring {
  fileprivate var trimming: Substring {
    var rest = self
    while rest.first?.isWhitespace == true { rest.removeFirst() }
    while rest.last?.isWhitespace == true { rest.removeLast() }
    return rest
  }
}
