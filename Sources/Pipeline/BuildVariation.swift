internal import Host
internal import Vocabulary

/// Everything around a build that must not show in what it makes, other than it is here. Another
/// time it is anyway.
struct BuildVariation {
  /// Where homes and temporary files are.
  let directory: String
  private let current: HostEnvironment
  /// Whether the ids of the build can be others than last time: for root, where the machine's ids
  /// are many enough and root without other rights gets at the program.
  private let shiftsIdentities: Bool

  /// Below 2³¹, above what is given to users, containers and services.
  private static let firstIdentity: UInt32 = 1_900_000_000

  init(in directory: String, _ current: HostEnvironment) {
    self.directory = directory
    self.current = current
    shiftsIdentities = current.isRoot && Self.canShift(current)
  }

  private static func canShift(_ environment: HostEnvironment) -> Bool {
    let isolation = Isolation(
      namespaces: [.mount], identities: .shifted(first: firstIdentity))
    let said = try? Processes.run(
      Command(environment.executable, ["--version"]), isolation: isolation)
    return said?.status.isSuccess == true
  }

  /// What is varied, for people.
  var names: [String] {
    [
      "home", "directory for temporary files", "time zone", "locale", "umask", "processors",
      "store",
    ]
      + (current.isRoot ? ["host name"] : []) + (shiftsIdentities ? ["user ids"] : [])
  }

  /// Recipes are found where they were found before, and nothing else is as it was.
  var environment: [String: String] {
    var variables = Command.plainEnvironment
    variables["HOME"] = directory + "/home"
    variables["TMPDIR"] = directory + "/temporary"
    variables["TZ"] = other(than: "TZ", "Pacific/Kiritimati", "America/Los_Angeles")
    variables["LC_ALL"] = other(than: "LC_ALL", "tr_TR.UTF-8", "C")
    variables["LANG"] = other(than: "LANG", "tr_TR.UTF-8", "C")
    variables["USER"] = other(than: "USER", "somebody", "nobody")
    variables["LOGNAME"] = variables["USER"]
    variables["XDG_RUNTIME_DIR"] = directory + "/temporary"
    variables["XDG_CONFIG_HOME"] = Files.parent(of: current.configDirectory)
    variables["HUTCH_RECIPES"] = Installation.recipes(current)
    if shiftsIdentities { variables[IdentityMap.firstVariable] = "\(Self.firstIdentity)" }
    return variables
  }

  private func other(than name: String, _ first: String, _ second: String) -> String {
    current[name] == first ? second : first
  }

  var isolation: Isolation {
    // Only root may have a host name of its own without a user namespace, in which somebody else
    // could have no subordinate ids any more.
    Isolation(
      namespaces: current.isRoot ? [.hostname] : [],
      actions: [.umask(0o077), .oneProcessor] + (current.isRoot ? [.hostname("elsewhere")] : []))
  }

  func prepare() throws {
    for name in ["home", "temporary"] { try Files.makeDirectories("\(directory)/\(name)") }
  }
}
