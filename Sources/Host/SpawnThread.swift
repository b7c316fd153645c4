internal import Dispatch
internal import Glibc
internal import Synchronization

/// The one thread that starts children, alive until the process ends.
///
/// A child's parent-death signal (`prctl(2)`, `PR_SET_PDEATHSIG`) comes when the *thread* that
/// forked it ends, not the process. Threads of pools come and go, so none of them may fork.
final class SpawnThread: Sendable {
  static let shared = SpawnThread()

  private let jobs = Mutex<[@Sendable () -> Void]>([])
  private let available = DispatchSemaphore(value: 0)

  private init() {
    var thread = pthread_t()
    let context = unsafe Unmanaged.passRetained(self).toOpaque()
    let result = unsafe pthread_create(
      &thread, nil,
      { context in
        unsafe Unmanaged<SpawnThread>.fromOpaque(context!).takeUnretainedValue().serve()
      }, context)
    precondition(result == 0, "a process may have two threads")
  }

  private func serve() -> Never {
    while true {
      available.wait()
      let job = jobs.withLock { $0.isEmpty ? nil : $0.removeFirst() }
      job?()
    }
  }

  /// Runs `body` on the thread and waits for it.
  func run(_ body: @escaping @Sendable () -> Void) {
    let done = DispatchSemaphore(value: 0)
    jobs.withLock {
      $0.append {
        body()
        done.signal()
      }
    }
    available.signal()
    done.wait()
  }
}
