internal import Host
internal import Recipes
package import Vocabulary

/// Asks apt itself which packages a step needs, against the signed lists of one suite and
/// nothing of the host's. One of the two places with network.
///
/// The lists stay in `directory` and serve every resolution until they are refreshed. Calls in
/// several processes wait for each other.
package struct AptResolver: Sendable {
  package let suite: String
  package let architecture: Architecture
  let sources: AptSources
  let keyring: String
  let root: AptRoot

  /// - Parameters:
  ///   - directory: made if missing; may be used for several suites and architectures.
  ///   - suite: a codename, `trixie`.
  ///   - keyring: of those who may sign its lists; Debian's own if not given.
  package init(
    directory: String, sources: AptSources, suite: String, architecture: Architecture,
    keyring: String? = nil
  ) throws(InputsError) {
    guard AptResolver.isName(suite) else { throw .unusablePackageName(suite) }
    self.suite = suite
    self.architecture = architecture
    self.sources = sources
    let trusted: String
    if let keyring { trusted = keyring } else { trusted = try Apt.keyring() }
    self.keyring = trusted
    root = try AptRoot(
      directory: "\(directory)/\(suite)-\(architecture.rawValue)", architecture: architecture,
      sources: sources.lines(
        suite: suite, architecture: architecture.rawValue, keyring: trusted))
  }

  /// Fetches the lists unless those that are here came less than `seconds` ago from the same
  /// sources. apt checks their signatures; so do we, to know who signed.
  package func refresh(
    olderThan seconds: Int64, progress: (InputProgress) -> Void
  ) throws(InputsError) {
    let lock = try locked()
    // A use at the end: so long it is held.
    defer { _ = lock.descriptor }
    let stamp = "\(root.directory)/updated"
    let identity = Digest.of(
      sources.lines(suite: suite, architecture: architecture.rawValue, keyring: keyring)
    ).hex
    let read = (try? Files.read(stamp, limit: 4096)) ?? []
    let last = String(decoding: read, as: UTF8.self).split(separator: " ")
    if last.count == 2, last[1] == identity, let then = Int64(last[0]) {
      let age = Clock.now() - then
      if age >= 0 && age < seconds { return }
    }
    progress(.note("fetching the package lists of \(suite)"))
    try update()
    let text = "\(Clock.now()) \(identity)"
    try onHost { () throws(HostError) in
      try Files.write(stamp, Array(text.utf8), durable: false)
    }
  }

  private func update() throws(InputsError) {
    let command = root.command("apt-get", ["update", "--error-on=any"])
    let result = try onHost { () throws(HostError) in try Processes.run(command) }
    guard result.status.isSuccess else {
      throw .listsNotUpdated(suite: suite, said: Apt.complaint(result.errorTail))
    }
    _ = try archives()
  }

  /// The packages of a smallest system: essential ones, required ones and apt; and `packages`.
  package func resolveBootstrap(
    with packages: [String] = []
  ) throws(InputsError) -> AptResolution {
    try checkNames(packages)
    let wanted = ["?essential", "?priority(required)", "apt"] + packages
    return try resolve(wanted, status: [], recommends: false, allowUpgrades: false)
  }

  /// What has to be added to a system so that it has `packages`.
  ///
  /// - Parameters:
  ///   - packages: names, or `name=version`.
  ///   - status: the parent's `/var/lib/dpkg/status`.
  ///   - allowUpgrades: whether packages of the parent's may become newer.
  package func resolve(
    _ packages: [String], over status: [UInt8], recommends: Bool = false,
    allowUpgrades: Bool = false
  ) throws(InputsError) -> AptResolution {
    try checkNames(packages)
    return try resolve(
      packages, status: status, recommends: recommends, allowUpgrades: allowUpgrades)
  }

  /// The one package with the kernel that a meta package (`linux-image-cloud-amd64`) stands for;
  /// nothing that it depends on.
  package func resolveKernel(
    _ metaPackage: String
  ) throws(InputsError) -> AptResolution {
    let all = try resolve([metaPackage], over: [])
    let kernels = all.packages.filter {
      $0.name.hasPrefix("linux-image-") && $0.name != metaPackage
    }
    guard kernels.count == 1 else {
      throw .unreadableToolOutput(tool: "apt-get", what: "which kernel \"\(metaPackage)\" means")
    }
    return AptResolution(packages: kernels, archives: all.archives)
  }

  func resolve(
    _ wanted: [String], status: [UInt8], recommends: Bool, allowUpgrades: Bool
  ) throws(InputsError) -> AptResolution {
    let lock = try locked()
    // A use at the end: so long it is held.
    defer { _ = lock.descriptor }
    let statusPath = "\(root.directory)/status"
    try onHost { () throws(HostError) in
      try Files.write(statusPath, status, durable: false)
    }
    let arguments = ["--print-uris", "-y", "--no-remove", "install"]
    let command = root.command(
      "apt-get", arguments + wanted, options: ["APT::Install-Recommends=\(recommends)"])
    let result = try onHost { () throws(HostError) in try Processes.run(command) }
    guard result.status.isSuccess else { throw refusal(of: wanted, said: result) }
    let lines = result.text.split(separator: "\n").filter { $0.hasPrefix("'") }
    let packages = try describe(lines)
    if !allowUpgrades {
      let installed = InstalledPackages(status: status)
      for package in packages {
        if let present = installed[package.name], present != package.version {
          throw .wouldUpgrade(package: package.name, from: present, to: package.version)
        }
      }
    }
    return AptResolution(packages: packages, archives: try archives())
  }

  func locked() throws(InputsError) -> FileLock {
    let lock = try onHost { () throws(HostError) in
      try FileLock.exclusive("\(root.directory)/lock", wait: true)
    }
    guard let lock else {
      throw .host(.system(operation: "lock", path: root.directory, errno: 11))
    }
    return lock
  }

  func checkNames(_ packages: [String]) throws(InputsError) {
    for package in packages {
      let parts = package.split(separator: "=", omittingEmptySubsequences: false)
      let version = parts.count == 2 ? parts[1] : "1"
      guard parts.count <= 2, Self.isName(String(parts[0])), Self.isVersion(version) else {
        throw .unusablePackageName(package)
      }
    }
  }

  /// Debian Policy, section 5.6.1.
  static func isName(_ name: String) -> Bool {
    guard let first = name.utf8.first, (2...128).contains(name.utf8.count) else { return false }
    func plain(_ byte: UInt8) -> Bool {
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
    return plain(first) && name.utf8.allSatisfy { plain($0) || "+-.".utf8.contains($0) }
  }

  /// Debian Policy, section 5.6.12: what its characters may be.
  private static func isVersion(_ version: some StringProtocol) -> Bool {
    (1...128).contains(version.utf8.count)
      && version.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"):
          true
        default: ".+-~:".utf8.contains(byte)
        }
      }
  }
}
