internal import Host
package import Vocabulary

/// Starting a worker and hearing it out.
package struct WorkerClient: Sendable {
  private let executable: String

  package init(executable: String = HostEnvironment.current.executable) {
    self.executable = executable
  }

  /// - Returns: the worker's answer, an object.
  package func perform(
    _ job: WorkerJob, onLine: @escaping (String) -> Void
  ) throws -> JSON {
    let tail = LineTail()
    var environment = Command.plainEnvironment
    environment["HOME"] = "/root"
    let result = try Processes.run(
      Command(executable, [Self.verb], environment: environment), input: job.json.rendered,
      isolation: Isolation(namespaces: [.mount], identities: try IdentityMap.current()),
      onErrorLine: { line in
        tail.add(line)
        onLine(line)
      })
    guard let answer = try? JSON(parsing: result.output), answer.object != nil else {
      throw BuildingError.unexpectedAnswer("\(result.status); \(tail.text)")
    }
    if let failure = answer["failure"] { throw BuildingError(reported: failure) }
    return answer
  }

  /// Opens a shell for a person where a step failed. The job's directory must still be there.
  package func openShell(in job: StepJob) throws {
    let path = job.directory + ".shell"
    var job = job
    // This goes through a file; a secret must not.
    job.secrets = [:]
    try Files.write(path, WorkerJob.step(job).json.rendered, durable: false)
    let shell = try RunningProcess.start(
      Command(executable, [Self.verb, path]), descriptors: [0, 1, 2], session: false,
      isolation: Isolation(namespaces: [.mount], identities: try IdentityMap.current()))
    // The terminal's keys are the shell's: Ctrl-C there is no wish of ours to end.
    while shell.wait(milliseconds: 1000) == nil { Interrupt.forget() }
    Interrupt.forget()
  }

  /// The hidden verb that the executable answers with `Worker.main`.
  package static let verb = "internal-worker"
}
