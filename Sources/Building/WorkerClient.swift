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

  /// The hidden verb that the executable answers with `Worker.main`.
  package static let verb = "internal-worker"
}
