internal import Host
internal import Synchronization

/// A live process's claim on what it is using.
///
/// A row in the catalog and an exclusive lock on `leases/<id>`. The kernel drops the lock when
/// the process dies, and only then may others take the row away. Nothing that a lease refers to
/// is collected. Release it when what you made is referred to by something else.
package final class Lease: Sendable {
  package let id: String
  package let purpose: String
  private let catalog: Catalog
  private let lock: Mutex<FileLock?>

  init(id: String, purpose: String, catalog: Catalog, lock: consuming sending FileLock) {
    self.id = id
    self.purpose = purpose
    self.catalog = catalog
    self.lock = Mutex(lock)
  }

  /// Ends the claim, and with it what it was writing and has not published. Doing it twice is
  /// fine; not doing it is too: the kernel and the next collector do it at exit.
  package func release() {
    // An error leaves a dead lease behind, which anyone may clean.
    try? catalog.end(self)
    lock.withLock { $0 = nil }
  }

  deinit { release() }
}
