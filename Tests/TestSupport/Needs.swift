internal import Host
package import Testing

/// Says that a test could not run here, in the form that the test script counts.
package func skip(_ name: String, missing: String) {
  print("SKIPPED \(name): missing \(missing)")
}

/// Whether all these programs are here; if not, says that the test is skipped.
package func present(_ test: String, _ tools: String...) -> Bool {
  guard let missing = tools.first(where: { Processes.find($0) == nil }) else { return true }
  skip(test, missing: missing)
  return false
}

package var isRoot: Bool { HostEnvironment.current.isRoot }

/// What a test needs beyond the rest: another user's rights or a program.
package struct NeedTrait: TestTrait, SuiteTrait, TestScoping {
  let missing: @Sendable () -> String?

  package var isRecursive: Bool { true }

  @concurrent package func provideScope(
    for test: Test, testCase: Test.Case?,
    performing function: @Sendable @concurrent () async throws -> Void
  ) async throws {
    if let missing = missing() { return skip(test.displayName ?? test.name, missing: missing) }
    try await function()
  }
}

extension Trait where Self == NeedTrait {
  /// Owners, device nodes and mounts of the machine itself.
  package static var asRoot: Self { NeedTrait { isRoot ? nil : "the rights of root" } }

  package static func with(_ tools: String...) -> Self {
    NeedTrait { tools.first { Processes.find($0) == nil } }
  }
}
