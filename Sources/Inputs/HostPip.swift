package import Host

/// Where Python packages come from, as the host's own pip is configured: its files and variables
/// ("Configuration", pip's documentation). No host is ever named in this code or in a lock.
package struct HostPip: Sendable, Hashable {
  /// By option, `index-url`; each with its values.
  package let options: [String: [String]]

  package init(options: [String: [String]]) { self.options = options }

  /// What says where packages come from and how they are reached; the rest is about installing.
  static let known: Set<String> = [
    "index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "proxy", "cert",
    "timeout", "retries",
  ]
  /// Those of which there may be several.
  private static let lists: Set<String> = ["extra-index-url", "find-links", "trusted-host"]

  package static func fromHost(_ environment: HostEnvironment = .current) -> HostPip {
    var options: [String: [String]] = [:]
    for path in files(environment) {
      guard let bytes = try? Files.read(path, limit: 1 << 20) else { continue }
      options.merge(parse(String(decoding: bytes, as: UTF8.self))) { _, later in later }
    }
    for name in known {
      let variable = "PIP_" + name.uppercased().replacing("-", with: "_")
      if let value = environment[variable], !value.isEmpty {
        options[name] = values(value, of: name)
      }
    }
    return HostPip(options: options)
  }

  /// In the order in which pip reads them: what comes later counts.
  private static func files(_ environment: HostEnvironment) -> [String] {
    let named = environment["PIP_CONFIG_FILE"]
    if named == "/dev/null" { return [] }
    let home = environment.home
    let folders = (environment["XDG_CONFIG_DIRS"] ?? "/etc/xdg").split(separator: ":")
    let user = environment["XDG_CONFIG_HOME"] ?? home + "/.config"
    return folders.reversed().map { "\($0)/pip/pip.conf" }
      + ["/etc/pip.conf", home + "/.pip/pip.conf", user + "/pip/pip.conf"]
      + [named].compactMap { $0 }
  }

  /// The sections that say something to `pip download`, the general one first.
  static func parse(_ text: String) -> [String: [String]] {
    var sections: [String: [String: String]] = [:]
    var section = ""
    var option: String?
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      let trimmed = line.trimming
      if trimmed.isEmpty || trimmed.hasPrefix("#") || trimmed.hasPrefix(";") { continue }
      if line.first?.isWhitespace == true, let option {
        sections[section, default: [:]][option, default: ""] += "\n" + trimmed
      } else if trimmed.hasPrefix("["), trimmed.hasSuffix("]") {
        section = String(trimmed.dropFirst().dropLast())
        option = nil
      } else if let sign = trimmed.firstIndex(where: { $0 == "=" || $0 == ":" }) {
        let name = trimmed[..<sign].trimming.lowercased().replacing("_", with: "-")
        option = name
        sections[section, default: [:]][name] = String(
          trimmed[trimmed.index(after: sign)...].trimming)
      }
    }
    var options: [String: [String]] = [:]
    for name in ["global", "download"] {
      for (option, value) in sections[name] ?? [:] where known.contains(option) && !value.isEmpty {
        options[option] = values(value, of: option)
      }
    }
    return options
  }

  private static func values(_ text: String, of option: String) -> [String] {
    lists.contains(option) ? text.split(whereSeparator: \.isWhitespace).map(String.init) : [text]
  }

  /// Directories of this machine among the places, and the same settings for a root in which they
  /// are mounted.
  func moved() -> (options: [String: [String]], directories: [String: String]) {
    var moved = options
    var directories: [String: String] = [:]
    moved["find-links"] = (options["find-links"] ?? []).compactMap { place in
      let path = place.hasPrefix("file://") ? String(place.dropFirst("file://".count)) : place
      guard path.hasPrefix("/") else { return place.contains("://") ? place : nil }
      guard Files.isDirectory(path) else { return nil }
      let inside = "/run/hutch/links-\(directories.count)"
      directories[inside] = path
      return inside
    }
    if moved["find-links"]?.isEmpty == true { moved["find-links"] = nil }
    return (moved, directories)
  }

  static func render(_ options: [String: [String]]) -> String {
    "[global]\n"
      + options.sorted { $0.key < $1.key }.map { name, values in
        "\(name) = \(values.joined(separator: "\n    "))\n"
      }.joined()
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
