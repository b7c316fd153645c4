internal import Dispatch
internal import Synchronization

/// Work for all cores.
package enum Parallel {
  /// More could not be fed, and would only hold more memory.
  package static let width = max(1, min(8, HostEnvironment.current.cpuCount))

  /// Runs `body` for 0..<count, as many at once as there are cores, in no order. The first error
  /// keeps further ones from beginning and is thrown.
  package static func forEach<Failure: Error>(
    _ count: Int, _ body: @Sendable (Int) throws(Failure) -> Void
  ) throws(Failure) {
    let next = Atomic(0)
    let failure = Mutex<Failure?>(nil)
    DispatchQueue.concurrentPerform(iterations: min(width, count)) { _ in
      while failure.withLock({ $0 == nil }) {
        let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
        if index >= count { return }
        do throws(Failure) {
          try body(index)
        } catch {
          failure.withLock { if $0 == nil { $0 = error } }
        }
      }
    }
    if let error = failure.withLock({ $0 }) { throw error }
  }
}
