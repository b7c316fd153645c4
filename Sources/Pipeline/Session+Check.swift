internal import Host
internal import Recipes

/// Whether an image does what it is for.
package struct CheckOutcome: Sendable {
  /// Of the image, or of the tool that was tried on it.
  package var name: String
  /// What its check ended with; 124 if it took too long.
  package var status: Int32
  package var milliseconds: Int
}

extension Session {
  /// Runs the `check` of a recipe in a new VM of its image that reaches nothing; that of a tool on
  /// the base. What it says goes to standard error.
  ///
  /// - Parameters:
  ///   - tools: their checks are run as well, each in a VM of the image that has all of them.
  ///   - seconds: how long each may take.
  package func check(
    _ reference: String, with tools: [String] = [], seconds: Int
  ) throws -> [CheckOutcome] {
    let (chain, found) = try loadChain(reference, isLocked: false)
    if chain.leaf.isTool {
      return [
        try check(
          chain.leaf, named: found.name, on: Self.baseRecipe, with: [reference] + tools, seconds)
      ]
    }
    var outcomes = [
      try check(chain.leaf, named: found.name, on: reference, with: tools, seconds)
    ]
    for tool in tools {
      let (toolChain, _) = try loadChain(tool, isLocked: false)
      outcomes.append(
        try check(
          toolChain.leaf, named: "\(toolChain.leaf.name) on \(found.name)", on: reference,
          with: tools, seconds))
    }
    return outcomes
  }

  private func check(
    _ recipe: Recipe, named name: String, on image: String, with tools: [String], _ seconds: Int
  ) throws -> CheckOutcome {
    guard let script = recipe.check else { throw PipelineError.noCheck(recipe.name) }
    let begin = Clock.monotonic()
    let outcome = try run(
      RunRequest(
        image: image,
        command: CommandRequest(
          words: ["/bin/sh", "-euc", "exec >&2\n" + script], terminal: .never),
        machine: MachineWishes(network: NetworkSettings.Mode.none, tools: tools),
        seconds: seconds))
    return CheckOutcome(
      name: name, status: outcome.status,
      milliseconds: Int((Clock.monotonic() - begin) / 1_000_000))
  }
}
