package import Vocabulary

/// What long work tells whoever waits for it. The pipeline speaks; `Commands` decides how it
/// looks, or whether anything is shown at all.
package enum Report: Sendable, Hashable {
  /// A stage begins: "bootstrap debian:trixie". It lasts until the next one or `finished`.
  case began(String)
  /// A line of a tool's own output.
  case line(String)
  /// How far a stage is; `total` is `nil` where nobody knows.
  case bytes(done: ByteCount, total: ByteCount?)
  /// A stage ended and took this long.
  case finished(String, milliseconds: Int)
  /// Something to be said whatever happens: a lock was completed, a step is impure.
  case note(String)
}

package struct Reporter: Sendable {
  private let send: @Sendable (Report) -> Void

  package init(_ send: @escaping @Sendable (Report) -> Void) { self.send = send }

  package static let silent = Reporter { _ in }

  package func callAsFunction(_ report: Report) { send(report) }

  /// Reports beginning and end of `body`.
  func during<Result>(_ title: String, _ body: () throws -> Result) rethrows -> Result {
    var timings = Timings()
    return try stage(title, &timings, body)
  }

  /// Reports beginning and end of `body`, and remembers how long it took.
  package func stage<Result>(
    _ title: String, _ timings: inout Timings, _ body: () throws -> Result
  ) rethrows -> Result {
    send(.began(title))
    let clock = Stopwatch()
    let result = try body()
    timings.add(title, clock.milliseconds)
    send(.finished(title, milliseconds: clock.milliseconds))
    return result
  }
}
