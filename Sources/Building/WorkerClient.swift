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
  ) throws(BuildingError) -> JSON {
    var lines: [String] = []
    do {
      var environment = Command.plainEnvironment
      environment["HOME"] = "/root"
      let result = try Processes.run(
        Command(executable, [Self.verb], environment: environment), input: job.json.rendered,
        isolation: Isolation(namespaces: [.mount], identities: try IdentityMap.current()),
        onErrorLine: { line in
          lines.append(line)
          if lines.count > 60 { lines.removeFirst(30) }
          onLine(line)
        })
      guard let answer = try? JSON(parsing: result.output), answer.object != nil else {
        throw BuildingError.unexpectedAnswer(
          "\(result.status); " + lines.suffix(10).joined(separator: "\n"))
      }
      if let failure = answer["failure"] { throw BuildingError(reported: failure) }
      return answer
    } catch let error as BuildingError {
      throw error
    } catch let error as HostError {
      throw .host(error)
    } catch {
      throw .unexpectedAnswer("\(error)")
    }
  }

  /// The hidden verb that the executable answers with `Worker.main`.
  package static let verb = "internal-worker"
}
