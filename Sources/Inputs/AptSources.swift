internal import Host

/// Where Debian's archives are, as the host's own apt is configured. No host is ever named in
/// this code or in a lock.
package struct AptSources: Sendable, Hashable {
  /// Base addresses of the archive with `dists/` and `pool/`, without a slash at the end, in the
  /// order of the configuration.
  package let archive: [String]
  /// The same for security updates; empty if the host has none.
  package let security: [String]

  package init(archive: [String], security: [String]) {
    self.archive = archive
    self.security = security
  }

  /// Names of suites without what may follow: only these are taken for Debian's as long as apt
  /// has not yet fetched what a source says of itself.
  private static let suites: Set<Substring> = [
    "bullseye", "bookworm", "trixie", "forky", "duke", "sid", "oldoldstable", "oldstable",
    "stable", "testing", "unstable",
  ]

  /// Asks `apt-get indextargets`, which knows every dialect of source lists.
  package static func fromHost() throws(InputsError) -> AptSources {
    // With what each source's Release file says of itself; and then also those that have not
    // been fetched yet.
    let known = try indexTargets([])
    let all = try indexTargets(["--no-release-info"])
    let foreign = known.filter { $0.origin != "Debian" }.map(\.uri)
    let own = known.filter { $0.origin == "Debian" }
    let guessed = all.filter { Self.suites.contains($0.suite.split(separator: "-")[0]) }
    let sources = sorted(own + guessed.filter { !foreign.contains($0.uri) })
    guard !sources.archive.isEmpty else { throw .noDebianMirror }
    return sources
  }

  private struct Target {
    let suite: Substring
    let uri: String
    let origin: Substring
  }

  private static func indexTargets(
    _ options: [String]
  ) throws(InputsError) -> [Target] {
    let format = "$(RELEASE)\t$(COMPONENT)\t$(ORIGIN)\t$(REPO_URI)"
    let command = Command(
      "apt-get", ["indextargets"] + options + ["--format", format, "Created-By: Packages"],
      environment: Apt.environment)
    let result = try onHost { () throws(HostError) in try Processes.runChecked(command) }
    return result.text.split(separator: "\n").compactMap { line in
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
      guard fields.count == 4, fields[1] == "main", isUsable(fields[3]), !fields[0].isEmpty else {
        return nil
      }
      var uri = fields[3]
      while uri.hasSuffix("/") { uri.removeLast() }
      return Target(suite: fields[0], uri: String(uri), origin: fields[2])
    }
  }

  /// Discs have to be put in, and what has spaces or brackets can't stand in a source line.
  private static func isUsable(_ uri: Substring) -> Bool {
    !uri.hasPrefix("cdrom:") && uri.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
      && !uri.contains("[") && !uri.contains("]")
  }

  private static func sorted(_ targets: [Target]) -> AptSources {
    var archive: [String] = []
    var security: [String] = []
    for target in targets {
      if target.suite.hasSuffix("-security") || target.suite.hasSuffix("/updates") {
        if !security.contains(target.uri) { security.append(target.uri) }
      } else if !target.suite.contains("-backports"), !archive.contains(target.uri) {
        archive.append(target.uri)
      }
    }
    return AptSources(archive: archive, security: security)
  }

  /// The suites that are looked at for `suite`: those that are still built have no others.
  package func suites(of suite: String) -> [String] {
    if suite == "sid" || suite == "unstable" { return [suite] }
    return [suite, suite + "-updates"] + (security.isEmpty ? [] : [suite + "-security"])
  }

  /// One line for each suite, as `sources.list(5)` has them, signed by `keyring` and nobody else.
  func lines(suite: String, architecture: String, keyring: String) -> String {
    let options =
      "[signed-by=\(keyring) arch=\(architecture) lang=none target=Packages pdiffs=no]"
    return suites(of: suite).map { name in
      let uri = name.hasSuffix("-security") ? security[0] : archive[0]
      return "deb \(options) \(uri) \(name) main\n"
    }.joined()
  }

  /// Every place where the file of a pool path may lie, the likely ones first.
  package var bases: [String] { archive + security }
}
