import Building
import Glibc
import Host
import Layers
import Testing
import Vocabulary

/// A directory with a base tree in it, where steps run as a build runs them.
final class Workplace {
  static let date = SourceDate(1_700_000_000)

  let path: String
  private var steps = 0

  init() throws {
    path = "/tmp/hutch-test-\(Hex.encode(Randomness.bytes(8)))"
    try BaseTree.make(at: path + "/trees/base")
  }

  deinit { try? Files.removeTree(path) }

  var trees: String { path + "/trees" }
  var base: String { trees + "/base" }

  /// It stands beside the program that runs the tests.
  static var client: WorkerClient {
    WorkerClient(
      executable: HostEnvironment.current["HUTCH_UNDER_TEST"]
        ?? Files.parent(of: HostEnvironment.current.executable) + "/hutch")
  }

  /// Runs one step in a worker.
  func step(
    _ work: StepWork, lower: [String] = ["base"], environment: [String: String] = [:],
    seconds: Int? = nil, secrets: [String: Secret] = [:], limits: ControlGroup.Limits? = nil
  ) throws -> StepOutcome {
    steps += 1
    let job = StepJob(
      trees: trees, lower: lower, directory: "\(path)/step-\(steps)", date: Self.date,
      environment: environment, work: work, seconds: seconds, secrets: secrets,
      limits: limits)
    try Files.makeDirectories(job.directory)
    let lines = Lines()
    let answer = try Self.client.perform(.step(job)) { lines.add($0) }
    let said = try StepAnswer(json: answer)
    return try StepOutcome(
      job: job, packed: said.layer, findings: said.findings, lines: lines.all)
  }

  func script(
    _ text: String, lower: [String] = ["base"], environment: [String: String] = [:],
    seconds: Int? = nil, secrets: [String: Secret] = [:], limits: ControlGroup.Limits? = nil
  ) throws -> StepOutcome {
    try step(
      .script(text, user: nil), lower: lower, environment: environment, seconds: seconds,
      secrets: secrets, limits: limits)
  }

  /// Makes the layer of a step a parent of later ones.
  func unpack(_ outcome: StepOutcome, as name: String) throws {
    _ = try Self.client.perform(
      .unpack(
        UnpackJob(
          blob: outcome.job.layerFile, layer: outcome.packed.layer, target: "\(trees)/\(name)"))
    ) { _ in }
  }
}

/// What became of a step.
struct StepOutcome {
  let job: StepJob
  let packed: PackedLayer
  let findings: [SealFinding]
  /// What the step said, without what the worker says of itself.
  let lines: [String]
  let table: TableOfContents

  init(
    job: StepJob, packed: PackedLayer, findings: [SealFinding], lines: [String]
  ) throws {
    self.job = job
    self.packed = packed
    self.findings = findings
    self.lines = lines.filter { $0 != "packing" }
    table = try TableOfContents(decoding: try Files.read(job.tableFile, limit: 1 << 20))
  }

  /// Names of the layer's members.
  var names: [String] { table.items.map { String(decoding: $0.entry.memberName, as: UTF8.self) } }

  func entry(_ path: String) -> LayerEntry? {
    GuestPath(path).flatMap { table.item(at: $0)?.entry }
  }

  func text(_ path: String) throws -> String? {
    guard let place = GuestPath(path) else { return nil }
    return try LayerReader(blob: job.layerFile, table: table).file(place, limit: 1 << 20)
      .map { String(decoding: $0, as: UTF8.self) }
  }
}

private final class Lines {
  private(set) var all: [String] = []
  func add(_ line: String) { all.append(line) }
}

func path(_ text: String) throws -> GuestPath { try #require(GuestPath(text)) }
