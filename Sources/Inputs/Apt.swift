internal import Host
internal import Vocabulary

/// What all calls of apt have in common.
enum Apt {
  /// apt takes proxies from its configuration and from the environment
  /// (`apt-transport-http(1)`).
  static var environment: [String: String] { HostNetwork.environment }

  static let helper = "/usr/lib/apt/apt-helper"

  /// The keys that Debian signs its archives with.
  static func keyring() throws(InputsError) -> String {
    for suffix in ["gpg", "pgp"] {
      let path = "/usr/share/keyrings/debian-archive-keyring.\(suffix)"
      if Files.exists(path) { return path }
    }
    throw .missingKeyring
  }

  /// The lines that say what went wrong, without their mark, in one sentence.
  static func complaint(_ said: String) -> String {
    let lines = said.split(separator: "\n")
    let errors = lines.filter { $0.hasPrefix("E: ") }.map { $0.dropFirst(3) }
    let chosen = errors.isEmpty ? lines.suffix(3).map { $0[...] } : Array(errors.prefix(4))
    return chosen.joined(separator: "; ")
  }
}

/// A root of apt's that has nothing of the host's but how it reaches the network: own source
/// lists, own state, no preferences, no hooks. Needs no rights but to write in its directory.
struct AptRoot: Sendable {
  let directory: String
  let architecture: Architecture

  /// - Parameter sources: contents of its `sources.list`.
  init(
    directory: String, architecture: Architecture, sources: String
  ) throws(InputsError) {
    // apt.conf(5) has no way to quote a quote.
    guard !directory.contains("\""), !directory.contains("\n") else {
      throw .unusablePath(directory)
    }
    self.directory = directory
    self.architecture = architecture
    try onHost { () throws(HostError) in
      try Files.makeDirectories(directory, mode: 0o700)
      for name in ["lists/partial", "cache/archives/partial", "state", "log"] {
        try Files.makeDirectories("\(directory)/\(name)", mode: 0o755)
      }
      for (name, text) in [
        ("apt.conf", configuration), ("sources.list", sources), ("status", ""),
      ] {
        try Files.write("\(directory)/\(name)", Array(text.utf8), durable: false)
      }
    }
  }

  /// Read after the host's configuration, so what stands here wins (`apt.conf(5)`); lists of the
  /// host's have to be cleared by name.
  private var configuration: String {
    """
    #clear APT::Architectures;
    #clear APT::Update::Pre-Invoke;
    #clear APT::Update::Post-Invoke;
    #clear APT::Update::Post-Invoke-Success;
    #clear Acquire::Languages;
    #clear DPkg::Pre-Install-Pkgs;
    #clear DPkg::Pre-Invoke;
    #clear DPkg::Post-Invoke;
    Dir::State "\(directory)/state";
    Dir::State::lists "\(directory)/lists";
    Dir::State::status "\(directory)/status";
    Dir::Cache "\(directory)/cache";
    Dir::Cache::archives "\(directory)/cache/archives";
    Dir::Cache::pkgcache "";
    Dir::Etc::sourcelist "\(directory)/sources.list";
    Dir::Etc::sourceparts "/dev/null";
    Dir::Etc::preferences "/dev/null";
    Dir::Etc::preferencesparts "/dev/null";
    Dir::Log "\(directory)/log";
    APT::Architecture "\(architecture.rawValue)";
    APT::Architectures { "\(architecture.rawValue)"; };
    APT::Default-Release "";
    APT::Get::AllowUnauthenticated "false";
    APT::Get::Always-Include-Phased-Updates "true";
    APT::Install-Recommends "false";
    APT::Install-Suggests "false";
    APT::Sandbox::User "root";
    Acquire::AllowDowngradeToInsecureRepositories "false";
    Acquire::AllowInsecureRepositories "false";
    Acquire::AllowWeakRepositories "false";
    Acquire::ForceHash "SHA256";
    Acquire::Languages { "none"; };
    Acquire::Retries "3";
    quiet "1";

    """
  }

  func command(_ tool: String, _ arguments: [String], options: [String] = []) -> Command {
    Command(
      tool, ["-c", "\(directory)/apt.conf"] + options.flatMap { ["-o", $0] } + arguments,
      environment: Apt.environment)
  }
}
