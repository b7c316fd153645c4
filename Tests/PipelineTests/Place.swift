import Glibc
import Host
import Synchronization
import Testing
import Vocabulary

/// What one test works with: a directory of its own, and the store, which is as before when the
/// test is over.
final class Place: Sendable {
  @TaskLocal static var task: Place?
  /// That of the running test.
  static var current: Place {
    guard let task else { preconditionFailure("only tests in EndToEnd have a place") }
    return task
  }

  let store: Store
  let directory: String
  private let running = Mutex<[Running]>([])

  init(store: Store) throws {
    self.store = store
    directory = "\(Store.scratch)/\(Hex.encode(Randomness.bytes(4)))"
    try Files.makeDirectories(directory)
  }

  var program: Program { Program(store: store.path, directory: directory) }

  func hutch(_ arguments: String..., input: [UInt8] = []) throws -> Outcome {
    try program.run(arguments, input: input)
  }

  func start(_ arguments: String...) throws -> Running { try start(program.command(arguments)) }

  func start(_ command: Command) throws -> Running {
    let name = "\(directory)/said-\(Hex.encode(Randomness.bytes(4)))"
    let started = try Running(command, name: name)
    running.withLock { $0.append(started) }
    return started
  }

  /// Another tool's word; its failure is the test's.
  @discardableResult
  func judge(_ tool: String, _ arguments: String...) throws -> String {
    try Processes.runChecked(
      Command(tool, arguments, workingDirectory: directory), milliseconds: 120_000
    ).text
  }

  // MARK: Recipes and files

  /// Writes a recipe whose image gets the name; returns what `hutch build` is to be given.
  @discardableResult
  func recipe(_ name: String, from parent: String = "base", _ body: String) throws -> String {
    try write("\(name).toml", "format = 1\nfrom = \"\(parent)\"\n\(body)\n")
    return "./\(name).toml"
  }

  /// One step for each script.
  @discardableResult
  func recipe(_ name: String, steps: [String]) throws -> String {
    try recipe(name, steps.map { "[[step]]\nrun = '''\n\($0)\n'''\n" }.joined())
  }

  func write(_ name: String, _ text: String) throws {
    try Files.makeDirectories(Files.parent(of: "\(directory)/\(name)"))
    try Files.write("\(directory)/\(name)", Array(text.utf8), durable: false)
  }

  func read(_ name: String) throws -> String {
    String(decoding: try Files.read("\(directory)/\(name)", limit: 64 << 20), as: UTF8.self)
  }

  /// Builds; the one item of the answer.
  func build(_ recipe: String, _ options: String...) throws -> JSON {
    let built = try program.run(["build", recipe, "--format", "json"] + options)
    return try built.items("builds").first ?? .null
  }

  /// The digests of an image's layers, the lowest first, as any reader of an OCI layout has them.
  func layers(of image: String) throws -> [String] {
    let config = try judge("skopeo", "inspect", "--config", "--raw", "oci:\(store.path):\(image)")
    let json = try JSON(parsing: Array(config.utf8))
    return (json["rootfs"]?["diff_ids"]?.array ?? []).compactMap(\.string)
  }

  /// Its row in `hutch vms`; `nil` if there is none.
  func vm(_ name: String) throws -> JSON? {
    try hutch("vms", "--format", "json").items("vms").first { $0["name"]?.string == name }
  }

  func state(of name: String) throws -> String? { try vm(name)?["state"]?.string }

  /// As a crash would: its supervisor is killed, and the emulator goes with it.
  func killMachine(of vm: String) throws {
    let found = try judge("pgrep", "-f", "internal-supervisor \(store.path) \(vm)")
    let supervisor = try #require(Int32(found.split(separator: "\n").first ?? ""))
    #expect(kill(supervisor, SIGKILL) == 0)
    var tries = 0
    while try !store.users().isEmpty && tries < 50 {
      Clock.pause(milliseconds: 100)
      tries += 1
    }
  }

  // MARK: Afterwards

  func clean() {
    for started in running.withLock({ $0 }) { started.process.terminate(graceMilliseconds: 0) }
    let program = program
    for vm in names("vms", "name") { _ = try? program.run(["rm", "--force", vm]) }
    for tag in names("images", "tags") where !Store.tags.contains(tag) {
      _ = try? program.run(["untag", tag])
    }
    // What killed processes left, and what only this test's images needed.
    _ = try? program.run(["gc", "--now"])
    // A test may have made directories that it can't enter.
    _ = try? Processes.run(Command("rm", ["-rf", directory]))
  }

  private func names(_ verb: String, _ key: String) -> [String] {
    guard let said = try? program.run([verb, "--format", "json"]),
      let json = try? JSON(parsing: said.output)
    else { return [] }
    return (json["items"]?.array ?? []).flatMap { item in
      item[key]?.array?.compactMap(\.string) ?? [item[key]?.string].compactMap { $0 }
    }
  }
}
