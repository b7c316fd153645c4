internal import Glibc
internal import Host
internal import Vocabulary

/// One file on its way through curl.
struct AddressTransfer {
  let url: String
  /// A directory of its own.
  let work: String
  /// More bytes than these are not for us.
  let limit: ByteCount

  struct Failure {
    var said: String
    /// Whether trying again is of no use.
    var isFinal: Bool
  }

  var path: String { work + "/file" }
  private var log: String { work + "/log" }

  /// Tries once, going on where an earlier try stopped; `nil` if the file is whole.
  func run(progress: (ByteCount) -> Void) throws(InputsError) -> Failure? {
    let (status, isTooLarge) = try onHost { () throws(HostError) in
      let errors = try OwnedDescriptor.open(log, .createTruncated(mode: 0o600))
      let curl = try RunningProcess.start(command, descriptors: [-1, -1, errors.raw])
      do throws(HostError) {
        return try watch(curl, progress)
      } catch {
        curl.terminate(graceMilliseconds: 500)
        throw error
      }
    }
    if isTooLarge {
      return Failure(said: "it has more than the \(limit) expected", isFinal: true)
    }
    if status.isSuccess { return nil }
    let text = (try? Files.read(log, limit: 1 << 20)).map { String(decoding: $0, as: UTF8.self) }
    let lines = (text ?? "").split(separator: "\n")
    let said = lines.last.map { $0.hasPrefix("curl: ") ? $0.dropFirst(6) : $0[...] }
    return failure(status, said: said.map(String.init) ?? "curl \(status)")
  }

  /// What curl's exit status (`curl(1)`, "EXIT CODES") says about another try.
  private func failure(_ status: ExitStatus, said: String) -> Failure {
    guard case .exited(let code) = status else { return Failure(said: said, isFinal: false) }
    switch code {
    // The server can't go on in the middle: from the start, then.
    case 33, 36:
      try? Files.remove(path)
      return Failure(said: said, isFinal: false)
    // An answer of the server's: only some of them may be another one soon.
    case 22:
      if said.contains(" 416") {
        try? Files.remove(path)
        return Failure(said: said, isFinal: false)
      }
      let mayChange = ["408", "429", "500", "502", "503", "504"].contains {
        said.contains(" \($0)")
      }
      return Failure(said: said, isFinal: !mayChange)
    // No answer, or one that was cut short: could not resolve or connect, partial, timed out,
    // nothing received, errors of the connection.
    case 5, 6, 7, 16, 18, 28, 35, 52, 55, 56, 92: return Failure(said: said, isFinal: false)
    default: return Failure(said: said, isFinal: true)
    }
  }

  private var command: Command {
    let isEncrypted = url.hasPrefix("https:")
    var environment = HostNetwork.environment
    for name in ["CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"] {
      environment[name] = HostEnvironment.current[name]
    }
    return Command(
      "curl",
      [
        // First, or it does not count: no `.curlrc`, which may change what comes out.
        "--disable", "--fail", "--silent", "--show-error", "--location", "--max-redirs", "10",
        "--globoff", "--proto", isEncrypted ? "=https" : "=http", "--proto-redir",
        isEncrypted ? "=https" : "=http,https", "--connect-timeout", "30",
        // Slower than this for a minute is as good as not at all.
        "--speed-limit", "100", "--speed-time", "60", "--max-filesize", String(limit.bytes),
        "--continue-at", "-", "--output", path, "--", url,
      ], environment: environment, workingDirectory: work)
  }

  /// Servers need not announce a size, and not every curl holds them to it.
  private func watch(
    _ curl: RunningProcess, _ progress: (ByteCount) -> Void
  ) throws(HostError) -> (ExitStatus, isTooLarge: Bool) {
    while true {
      try Interrupt.check()
      let status = curl.wait(milliseconds: 200)
      let size = ByteCount(Files.status(path)?.size ?? 0)
      if size > limit { return (curl.terminate(graceMilliseconds: 0), true) }
      if let status { return (status, status == .exited(63)) }
      progress(size)
    }
  }
}
