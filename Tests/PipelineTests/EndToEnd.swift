import Host
import Testing

/// The program as it was built, with real packages, real sandboxes and real machines. All tests
/// share one store, so they run one after the other; each leaves it with nothing but the tags
/// `base` and `python`.
@Suite(.serialized, .inPlace) enum EndToEnd {}

/// Gives each test a place of its own and cleans up behind it. Where the program is not named,
/// the test is skipped.
struct PlaceTrait: SuiteTrait, TestTrait, TestScoping {
  var isRecursive: Bool { true }

  @concurrent func provideScope(
    for test: Test, testCase: Test.Case?,
    performing function: @Sendable @concurrent () async throws -> Void
  ) async throws {
    let name = test.displayName ?? test.name
    guard HostEnvironment.current["HUTCH_UNDER_TEST"] != nil else {
      return skip(name, missing: "HUTCH_UNDER_TEST, which \"make test\" sets")
    }
    let place = try Place(store: try Store.shared.get())
    defer { place.clean() }
    try await Place.$task.withValue(place) { try await function() }
  }
}

/// What a test needs beyond the rest: another user's rights or a program.
struct NeedTrait: TestTrait, TestScoping {
  let missing: @Sendable () -> String?

  @concurrent func provideScope(
    for test: Test, testCase: Test.Case?,
    performing function: @Sendable @concurrent () async throws -> Void
  ) async throws {
    if let missing = missing() { return skip(test.displayName ?? test.name, missing: missing) }
    try await function()
  }
}

extension Trait where Self == PlaceTrait {
  static var inPlace: Self { PlaceTrait() }
}

extension Trait where Self == NeedTrait {
  /// Mount namespaces over what belongs to the machine.
  static var asRoot: Self {
    NeedTrait { HostEnvironment.current.isRoot ? nil : "the rights of root" }
  }

  static func with(_ tools: String...) -> Self {
    NeedTrait { tools.first { Processes.find($0) == nil } }
  }
}

/// Says that a test could not run here, in the form that the test script counts.
func skip(_ name: String, missing: String) {
  print("SKIPPED \(name): missing \(missing)")
}
