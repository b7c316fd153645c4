internal import Host

package struct Stopwatch: Sendable {
  private let start = Clock.monotonic()
  package init() {}
  package var milliseconds: Int { Int((Clock.monotonic() - start) / 1_000_000) }
}
