internal import Glibc
internal import Host
internal import Layers
internal import Vocabulary

/// The other end of `WorkerClient`: the process that does one job and ends.
package enum Worker {
  /// Never returns. With the path of a job as its argument it opens a shell where that step stands,
  /// on the terminal that it has.
  package static func main(_ arguments: [String]) -> Never {
    _ = umask(0o022)
    if let path = arguments.first { exit(openShell(path)) }
    let answer: JSON
    do {
      let input = OwnedDescriptor(owning: STDIN_FILENO)
      let json = try JSON(parsing: try input.readAll(limit: 64 << 20))
      answer = try perform(try WorkerJob(json: json))
    } catch {
      answer = BuildingError.report(error)
    }
    let output = OwnedDescriptor(owning: STDOUT_FILENO)
    try? output.writeAll(answer.rendered)
    exit(0)
  }

  private static func openShell(_ path: String) -> Int32 {
    do {
      let json = try JSON(parsing: try Files.read(path, limit: 64 << 20))
      guard case .step(let job) = try WorkerJob(json: json) else { return 2 }
      try StepRunner(job, onLine: say).openShell()
      return 0
    } catch {
      say((error as? any Failure)?.message ?? "\(error)")
      return 1
    }
  }

  private static func perform(_ job: WorkerJob) throws -> JSON {
    switch job {
    case .step(let step): return try run(step)
    case .download(let job):
      try StepRunner(job, onLine: say).download()
      return .object([:])
    case .foreignLayer(let job): return try job.perform()
    case .unpack(let job):
      try Files.makeDirectories(job.target)
      try Files.setMode(job.target, 0o755)
      let tree = try OwnedDescriptor.open(job.target, .directory)
      try LayerUnpacker().unpack(job.blob, layer: job.layer, into: tree)
      return .object([:])
    case .remove(let paths):
      for path in paths { try Files.removeTree(path) }
      return .object([:])
    case .measure(let job):
      return .object([
        "usage": .object(try job.perform().bytes.mapValues { .integer($0) })
      ])
    }
  }

  private static func run(_ job: StepJob) throws -> JSON {
    try StepRunner(job, onLine: say).run()
    say("packing")
    let tree = try OwnedDescriptor.open(job.upper, .directory)
    let seal = SealCheck(secrets: job.secrets.values.map(\.bytes))
    let packer = LayerPacker(onEntry: seal.look)
    let packed = try packer.pack(tree, blob: job.layerFile, table: job.tableFile)
    return StepAnswer(layer: packed, findings: seal.findings).json
  }

  private static func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = unsafe bytes.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }
}
