import Host
import TestSupport
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

extension Trait where Self == PlaceTrait {
  static var inPlace: Self { PlaceTrait() }
}
