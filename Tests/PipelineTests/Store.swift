import Host
import Vocabulary

/// The store that all tests share, made by the first of them: two images that come with Hutch,
/// built from nothing.
struct Store: Sendable {
  let path: String
  /// What the builds said, by image.
  let firstBuilds: [JSON]

  static let shared = Result { try make() }

  /// Made and removed by the test script, since trees of a rootless store belong to subordinate
  /// users.
  static var scratch: String {
    HostEnvironment.current["HUTCH_TEST_SCRATCH"] ?? "/tmp/hutch-e2e-\(processID)"
  }

  private static let processID = Files.name(of: Files.canonical("/proc/self") ?? "")

  private static func make() throws -> Store {
    let path = scratch + "/store"
    try Files.makeDirectories(scratch + "/home")
    let said = scratch + "/first-builds.json"
    // A scratch directory that somebody keeps saves the minute that this takes.
    if !Files.exists(said) {
      let built = try Program(store: path, directory: scratch).run(
        ["build", "base", "python", "--format", "json"], milliseconds: 600_000)
      guard built.status == 0 else { throw Unbuilt(said: built.error) }
      try Files.write(said, built.output, durable: false)
    }
    let json = try JSON(parsing: try Files.read(said, limit: 1 << 20))
    return Store(path: path, firstBuilds: json["items"]?.array ?? [])
  }

  /// The images that no test may untag.
  static let tags = ["base", "node", "python"]

  /// An image with npm, `node`, made by the first test that wants one: Debian's npm is some four
  /// hundred packages.
  static let node = Result<Void, any Error> {
    let store = try shared.get()
    let recipes = scratch + "/home/.config/hutch/recipes"
    if Files.exists(recipes + "/node.lock") { return }
    try Files.makeDirectories(recipes)
    let recipe = "format = 1\nfrom = \"base\"\n[[step]]\napt = [\"nodejs\", \"npm\"]\n"
    try Files.write(recipes + "/node.toml", Array(recipe.utf8))
    let built = try Program(store: store.path, directory: scratch).run(
      ["build", "node"], milliseconds: 600_000)
    guard built.status == 0 else {
      try? Files.remove(recipes + "/node.lock")
      throw Unbuilt(said: built.error)
    }
  }

  struct Unbuilt: Error, CustomStringConvertible {
    var said: String
    var description: String { "the images that all tests use could not be built: \(said)" }
  }

  // MARK: What is in it

  static let folders = ["blobs/sha256", "inputs/sha256", "trees", "disks", "boot"]

  /// What is kept: one entry for each blob, input, tree, disk and boot bundle.
  func contents() throws -> [String] {
    try Self.folders.flatMap { folder in
      try Files.list("\(path)/\(folder)").map { "\(folder)/\($0)" }
    }
  }

  /// What came since, with a plus, and what went, with a minus.
  func difference(from before: [String]) throws -> [String] {
    let now = Set(try contents())
    return now.subtracting(before).sorted().map { "+\($0)" }
      + Set(before).subtracting(now).sorted().map { "-\($0)" }
  }

  /// What only work under way may leave: unfinished writes, deletions, leases, VMs. The package
  /// lists of apt and the lock of migrations stay for the next command.
  func leftovers() throws -> [String] {
    let kept = ["ingest/CACHEDIR.TAG", "ingest/apt", "leases/migration"]
    return try ["ingest", "trash", "leases", "vms"].flatMap { folder in
      try Files.list("\(path)/\(folder)").map { "\(folder)/\($0)" }
    }.filter { !kept.contains($0) }
  }

  /// Processes that have a file below the store open, or name it.
  func users() throws -> String {
    // A pattern that does not match itself: the path must not stand in the command line of whoever
    // looks for it.
    let script = """
      rest=${store#/}
      find /proc/[0-9]*/fd -lname "[/]$rest/*" 2>/dev/null
      grep -ls "[/]$rest" /proc/[0-9]*/cmdline
      true
      """
    return try Processes.runChecked(
      Command("sh", ["-c", "read store; \(script)"]),
      input: Array((path + "\n").utf8)
    ).text
  }
}
