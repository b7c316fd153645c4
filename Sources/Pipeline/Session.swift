internal import Building
package import Catalog
package import Host
internal import Vocabulary

/// An open store and everything that a verb needs beside it. Each verb is one extension of this
/// type, in a file of its own, and reads from top to bottom in the order in which it happens.
package struct Session: Sendable {
  package let layout: StoreLayout
  package let catalog: Catalog
  package let recipes: RecipeFinder
  package let environment: HostEnvironment
  package let report: Reporter
  let workers: WorkerClient

  /// Opens the store, making it if it is not there.
  package init(
    store: String, environment: HostEnvironment = .current, report: Reporter = .silent
  ) throws {
    layout = StoreLayout(root: Self.absolute(store))
    try layout.prepare()
    catalog = try Catalog.open(store: layout.root)
    recipes = RecipeFinder(layout: layout, environment: environment)
    workers = WorkerClient(executable: environment.executable)
    self.environment = environment
    self.report = report
  }

  private static func absolute(_ path: String) -> String {
    if let canonical = Files.canonical(path) { return canonical }
    if path.hasPrefix("/") { return path }
    return (Files.canonical(".") ?? "/") + "/" + path
  }

  /// A directory of one job's own in `ingest`, locked for as long as `body` runs: without its
  /// lock it is garbage that anybody may remove.
  func withJobDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
    let directory = "\(layout.ingest)/\(Hex.encode(Randomness.bytes(8)))"
    guard let lock = try FileLock.exclusive(directory + ".lock", wait: true) else {
      throw HostError.system(operation: "lock", path: directory, errno: 11)
    }
    defer {
      removeTree(directory)
      try? Files.remove(directory + ".lock")
      withExtendedLifetime(lock.descriptor) {}
    }
    try Files.makeDirectories(directory)
    return try body(directory)
  }

  /// Also what belongs to subordinate users: then a worker in their namespace does it, even when
  /// somebody wants this command to end, as nobody else would do it before the next `gc`.
  func removeTree(_ path: String) {
    do {
      try Files.removeTree(path)
    } catch {
      Interrupt.setAside {
        _ = try? workers.perform(.remove([path]), onLine: { _ in })
      }
    }
  }
}
