internal import Host
internal import Recipes
internal import Vocabulary

/// One image on its way from a registry, through the host's skopeo: its configuration of registries,
/// its credentials and proxies count, and nothing of them stays.
struct RegistryTransfer {
  let reference: OCIReference
  let repository: String
  /// What it is to be, if that is known.
  let blobs: ImageBlobs?
  /// A new directory.
  let target: String

  /// No image that is not locked yet may be larger.
  private static let largest = ByteCount.gibibytes(64)

  func run(_ progress: (InputProgress) -> Void) throws(InputsError) {
    guard Processes.find("skopeo") != nil else {
      throw .host(.missingTool(name: "skopeo", debianPackage: "skopeo"))
    }
    let log = target + ".log"
    defer { try? Files.remove(log) }
    let (status, isTooLarge) = try onHost { () throws(HostError) in
      try Files.makeDirectories(target)
      let errors = try OwnedDescriptor.open(log, .createTruncated(mode: 0o600))
      let skopeo = try RunningProcess.start(command, descriptors: [-1, -1, errors.raw])
      do throws(HostError) {
        return try watch(skopeo, limit: try limit(), progress)
      } catch {
        skopeo.terminate(graceMilliseconds: 500)
        throw error
      }
    }
    if isTooLarge { throw .imageNotFetched(reference, said: "it is larger than there is room for") }
    if status.isSuccess { return }
    let text = (try? Files.read(log, limit: 1 << 20)).map { String(decoding: $0, as: UTF8.self) }
    throw .imageNotFetched(reference, said: Self.complaint(text ?? "") ?? "skopeo \(status)")
  }

  /// `time="…" level=fatal msg="…"`: the message of the last line that says so.
  static func complaint(_ log: String) -> String? {
    guard let line = log.split(separator: "\n").last else { return nil }
    guard let start = line.firstRange(of: "msg=\"") else { return Names.printable(String(line)) }
    let message = line[start.upperBound...].dropLast(line.hasSuffix("\"") ? 1 : 0)
    return Names.printable(String(message).replacing("\\\"", with: "\""))
  }

  private func limit() throws(HostError) -> ByteCount {
    let free = try Files.freeSpace(target)
    guard let blobs else { return min(Self.largest, free) }
    return blobs.files.reduce(ByteCount(1 << 20)) { $0 + $1.size }
  }

  private var command: Command {
    // skopeo takes a tag or a digest.
    let wanted = blobs?.manifest.digest ?? reference.digest
    let suffix = wanted.map { "@\($0)" } ?? reference.tag.map { ":\($0)" } ?? ""
    var environment = HostNetwork.environment
    for name in [
      "HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "REGISTRY_AUTH_FILE", "DOCKER_CONFIG",
      "CONTAINERS_REGISTRIES_CONF", "SSL_CERT_FILE", "SSL_CERT_DIR",
    ] { environment[name] = HostEnvironment.current[name] }
    environment["TMPDIR"] = target
    return Command(
      "skopeo",
      ["--override-os", "linux", "--override-arch", "amd64", "copy", "--quiet"]
        + ["--preserve-digests", "--retry-times", "3"]
        + (isLoopback ? ["--src-tls-verify=false"] : [])
        + ["docker://\(repository)\(suffix)", "dir:\(target)"],
      environment: environment, workingDirectory: target)
  }

  /// Nobody stands between this machine and itself.
  private var isLoopback: Bool {
    let host = repository.prefix { $0 != "/" && $0 != ":" }
    if host == "localhost" { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }

  private func watch(
    _ skopeo: RunningProcess, limit: ByteCount, _ progress: (InputProgress) -> Void
  ) throws(HostError) -> (ExitStatus, isTooLarge: Bool) {
    while true {
      try Interrupt.check()
      let status = skopeo.wait(milliseconds: 200)
      let size = try Files.list(target).reduce(ByteCount.zero) { sum, name in
        sum + ByteCount(Files.status("\(target)/\(name)")?.size ?? 0)
      }
      if size > limit { return (skopeo.terminate(graceMilliseconds: 0), true) }
      if let status { return (status, false) }
      progress(.fetched(bytes: size, of: .zero, files: 0, ofFiles: 1))
    }
  }
}
