internal import Host
internal import Recipes
internal import Vocabulary

/// One try to fetch packages from one place, with up to four processes of `apt-helper`, each of
/// which fetches many files over few connections.
struct FetchAttempt {
  let work: String
  let base: String

  private static let processes = 4

  func path(of package: LockedPackage) -> String { "\(work)/\(package.digest.hex)" }

  /// Whether asking again is of no use.
  static func isFinal(_ said: String) -> Bool {
    said.contains("404 ") || said.contains("File not found") || said.contains("not what was locked")
  }

  /// What the helpers complained about. Which files have come shows in `work`.
  ///
  /// - Parameter progress: how many bytes lie there by now, several times a second.
  func run(
    _ packages: [LockedPackage], progress: (ByteCount) -> Void
  ) throws(InputsError) -> String {
    guard Processes.find(Apt.helper) != nil else {
      throw .host(.missingTool(name: Apt.helper, debianPackage: "apt"))
    }
    // The largest first, dealt out in turn: all are done at about the same time.
    let sorted = packages.sorted { ($1.size, $0) < ($0.size, $1) }
    let count = max(1, min(Self.processes, sorted.count / 4))
    var shares = [[LockedPackage]](repeating: [], count: count)
    for (index, package) in sorted.enumerated() { shares[index % count].append(package) }
    return try onHost { () throws(HostError) in
      var running: [RunningProcess] = []
      do throws(HostError) {
        for (index, share) in shares.enumerated() { running.append(try start(share, index)) }
        try watch(running, progress)
      } catch {
        for process in running { process.terminate(graceMilliseconds: 500) }
        throw error
      }
      var said = ""
      for index in shares.indices {
        let log = try? Files.read(logPath(index), limit: 16 << 20)
        said += String(decoding: log ?? [], as: UTF8.self) + "\n"
      }
      return Apt.complaint(said)
    }
  }

  private func logPath(_ index: Int) -> String { "\(work)/log-\(index)" }

  private func start(
    _ packages: [LockedPackage], _ index: Int
  ) throws(HostError) -> RunningProcess {
    let log = try OwnedDescriptor.open(logPath(index), .createTruncated(mode: 0o600))
    var arguments = [
      "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=2", "-o", "quiet=1",
      "download-file",
    ]
    for package in packages {
      arguments += [
        "\(base)/\(package.path)", path(of: package), "SHA256:\(package.digest.hex)",
      ]
    }
    let command = Command(
      Apt.helper, arguments, environment: Apt.environment, workingDirectory: work)
    return try RunningProcess.start(command, descriptors: [-1, log.raw, log.raw])
  }

  private func watch(
    _ running: [RunningProcess], _ progress: (ByteCount) -> Void
  ) throws(HostError) {
    while true {
      try Interrupt.check()
      guard let alive = running.first(where: { $0.poll() == nil }) else { return }
      if alive.wait(milliseconds: 200) != nil { continue }
      var bytes: Int64 = 0
      for name in try Files.list(work) where !name.hasPrefix("log-") {
        bytes += Files.status("\(work)/\(name)")?.size ?? 0
      }
      progress(ByteCount(bytes))
    }
  }

  /// For an archive on this machine (`file:`) apt makes a link instead of a copy; the store must
  /// own what it holds.
  func copyLinked(_ path: String, limit: ByteCount) throws(HostError) {
    let source = try OwnedDescriptor.open(path, .read)
    let aside = path + ".copy"
    let copy = try OwnedDescriptor.open(aside, .createExclusive(mode: 0o600))
    var copied: Int64 = 0
    // One byte too many is enough to be refused.
    while copied <= limit.bytes {
      let part = try source.read(upTo: 1 << 20)
      if part.isEmpty { break }
      try copy.writeAll(part)
      copied += Int64(part.count)
    }
    try Files.rename(aside, to: path, replacing: true)
  }
}
