internal import Host
internal import Recipes

/// Whether an image does what it is for.
package struct CheckOutcome: Sendable {
  package var name: String
  /// What its check ended with; 124 if it took too long.
  package var status: Int32
  package var milliseconds: Int
}

extension Session {
  /// Runs the `check` of a recipe in a new VM of its image that reaches nothing. What it says goes
  /// to standard error.
  ///
  /// - Parameter seconds: how long it may take.
  package func check(_ reference: String, seconds: Int) throws -> CheckOutcome {
    let (chain, found) = try loadChain(reference, isLocked: false)
    guard let script = chain.leaf.check else { throw PipelineError.noCheck(found.name) }
    let begin = Clock.monotonic()
    let outcome = try run(
      RunRequest(
        image: reference,
        command: CommandRequest(
          words: ["/bin/sh", "-euc", "exec >&2\n" + script], terminal: .never),
        machine: MachineWishes(network: NetworkSettings.Mode.none), seconds: seconds))
    return CheckOutcome(
      name: found.name, status: outcome.status,
      milliseconds: Int((Clock.monotonic() - begin) / 1_000_000))
  }
}
