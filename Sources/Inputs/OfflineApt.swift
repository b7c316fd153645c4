/// How an apt step runs in the sandbox: from a repository of exactly its packages, mounted
/// read-only, and with everything that apt would leave behind on a file system that is thrown
/// away. Pure.
package enum OfflineApt {
  /// Where the repository has to be mounted in the step's root.
  package static let repositoryPath = "/run/hutch/repo"
  /// Where the configuration has to lie; the caller writes `configuration` there.
  package static let configurationPath = "/run/hutch/apt/apt.conf"
  /// Where `sourceLine` has to lie.
  package static let sourceListPath = "/run/hutch/apt/sources.list"
  /// Directories that must exist, writable, below the step's root.
  package static let directories = [
    "/run/hutch/apt/lists/partial", "/run/hutch/apt/cache/archives/partial",
    "/run/hutch/apt/log",
  ]

  /// The one source of packages.
  package static let sourceLine = "deb [trusted=yes] file:\(repositoryPath) ./\n"

  /// What mmdebstrap is given as its mirror when the repository is mounted at `path`.
  package static func mirror(at path: String) -> String { "deb [trusted=yes] copy:\(path) ./" }

  /// To be given with `-c`: it is read after the image's own configuration and wins
  /// (`apt.conf(5)`).
  ///
  /// dpkg forces nothing that changes the result: a step's tree is thrown away after a crash, so
  /// `unsafe-io`; a configuration file that a recipe has changed is kept, nobody is there to ask.
  package static func configuration(recommends: Bool) -> String {
    """
    #clear APT::Update::Pre-Invoke;
    #clear APT::Update::Post-Invoke;
    #clear APT::Update::Post-Invoke-Success;
    #clear DPkg::Pre-Invoke;
    #clear DPkg::Pre-Install-Pkgs;
    #clear DPkg::Post-Invoke;
    #clear DPkg::Options;
    Dir::State::lists "/run/hutch/apt/lists";
    Dir::Cache "/run/hutch/apt/cache";
    Dir::Cache::archives "/run/hutch/apt/cache/archives";
    Dir::Cache::pkgcache "";
    Dir::Cache::srcpkgcache "";
    Dir::Etc::sourcelist "\(sourceListPath)";
    Dir::Etc::sourceparts "/dev/null";
    Dir::Etc::preferences "/dev/null";
    Dir::Etc::preferencesparts "/dev/null";
    Dir::Log "/run/hutch/apt/log";
    APT::Default-Release "";
    APT::Get::Assume-Yes "true";
    APT::Get::Remove "false";
    APT::Install-Recommends "\(recommends)";
    APT::Install-Suggests "false";
    APT::Sandbox::User "root";
    Acquire::Check-Date "false";
    Acquire::Languages { "none"; };
    DPkg::Options { "--force-confdef"; "--force-confold"; "--force-unsafe-io"; "--log=/dev/null"; };
    DPkg::Use-Pty "false";
    quiet "1";

    """
  }

  /// The commands of a step, in order, as argument lists; the first word is the program.
  ///
  /// - Parameter packages: what the recipe asks for, each with its locked version where the lock
  ///   has one: `git=1:2.47.3-0+deb13u1`.
  package static func commands(installing packages: [String]) -> [[String]] {
    let apt = ["apt-get", "-c", configurationPath]
    return [apt + ["update"], apt + ["install"] + packages]
  }
}
