internal import Host
package import Vocabulary

/// One job inside a user and mount namespace, in a process of its own: `hutch` starts itself
/// again for it. Only there do the owners of unpacked trees exist, and only there may a rootless
/// Hutch mount. The job comes as JSON on standard input, the answer as one line of JSON on
/// standard output; standard error carries lines for people.
package enum WorkerJob: Sendable, Hashable {
  /// Run a step, normalise what it changed, pack it.
  case step(StepJob)
  /// Unpack a layer for use as a parent.
  case unpack(UnpackJob)
  case disk(DiskJob)
  /// Remove trees that belong to subordinate users.
  case remove([String])
}

/// A layer to be unpacked for use as a parent.
package struct UnpackJob: Sendable, Hashable {
  package var blob: String
  package var layer: DiffID
  /// A new directory.
  package var target: String

  package init(blob: String, layer: DiffID, target: String) {
    self.blob = blob
    self.layer = layer
    self.target = target
  }
}

/// The file system of a chain, to be made from its trees.
package struct DiskJob: Sendable, Hashable {
  package var trees: String
  package var lower: [String]
  /// Where the merged tree may be mounted.
  package var root: String
  package var output: String
  package var date: SourceDate
  /// What the file system's own identifiers come from.
  package var seed: Digest

  package init(
    trees: String, lower: [String], root: String, output: String, date: SourceDate, seed: Digest
  ) {
    self.trees = trees
    self.lower = lower
    self.root = root
    self.output = output
    self.date = date
    self.seed = seed
  }
}

// MARK: JSON

extension WorkerJob {
  package var json: JSON {
    switch self {
    case .step(let job):
      .object(["job": .string("step"), "step": job.json])
    case .unpack(let job):
      .object([
        "job": .string("unpack"), "blob": .string(job.blob), "target": .string(job.target),
        "layer": .string(job.layer.description),
      ])
    case .disk(let job):
      .object([
        "job": .string("disk"), "trees": .string(job.trees),
        "lower": .array(job.lower.map(JSON.string)), "root": .string(job.root),
        "output": .string(job.output), "date": .integer(job.date.seconds),
        "seed": .string(job.seed.description),
      ])
    case .remove(let paths):
      .object(["job": .string("remove"), "paths": .array(paths.map(JSON.string))])
    }
  }

  package init(json: JSON) throws(BuildingError) {
    switch try json.text("job") {
    case "step":
      guard let step = json["step"] else { throw .unexpectedAnswer("a step job without a step") }
      self = .step(try StepJob(json: step))
    case "unpack":
      guard let layer = DiffID(try json.text("layer")) else { throw .unexpectedAnswer("layer") }
      self = .unpack(
        UnpackJob(blob: try json.text("blob"), layer: layer, target: try json.text("target")))
    case "disk":
      guard let seed = Digest(try json.text("seed")) else { throw .unexpectedAnswer("seed") }
      self = .disk(
        DiskJob(
          trees: try json.text("trees"), lower: try json.texts("lower"),
          root: try json.text("root"), output: try json.text("output"),
          date: SourceDate(try json.number("date")), seed: seed))
    case "remove": self = .remove(try json.texts("paths"))
    case let other: throw .unexpectedAnswer("a job \"\(other)\"")
    }
  }
}

extension StepJob {
  fileprivate var json: JSON {
    .object([
      "trees": .string(trees), "lower": .array(lower.map(JSON.string)),
      "directory": .string(directory), "date": .integer(date.seconds),
      "environment": .object(environment.mapValues(JSON.string)), "work": work.json,
      "network": .bool(hasNetwork), "seconds": seconds.map { .integer(Int64($0)) } ?? .null,
      // Only ever in a pipe between two processes of ours.
      "memory_bytes": limits.map { .integer($0.memory.bytes) } ?? .null,
      "processes": limits.map { .integer(Int64($0.processes)) } ?? .null,
      "secrets": .object(secrets.mapValues { .string(Hex.encode($0.bytes)) }),
    ])
  }

  fileprivate init(json: JSON) throws(BuildingError) {
    guard let work = json["work"] else { throw .unexpectedAnswer("a step without work") }
    var limits: ControlGroup.Limits?
    if let memory = json["memory_bytes"]?.integer, let processes = json["processes"]?.integer {
      limits = .init(memory: ByteCount(memory), processes: Int(clamping: processes))
    }
    self.init(
      trees: try json.text("trees"), lower: try json.texts("lower"),
      directory: try json.text("directory"), date: SourceDate(try json.number("date")),
      environment: (json["environment"]?.object ?? [:]).compactMapValues(\.string),
      work: try StepWork(json: work), hasNetwork: json["network"]?.bool ?? false,
      seconds: json["seconds"]?.integer.map(Int.init),
      secrets: (json["secrets"]?.object ?? [:]).compactMapValues {
        $0.string.flatMap { Hex.decode($0) }.map { Secret($0) }
      }, limits: limits)
  }
}

extension StepWork {
  fileprivate var json: JSON {
    switch self {
    case .bootstrap(let suite, let repository, let packages):
      .object([
        "kind": .string("bootstrap"), "suite": .string(suite), "repository": .string(repository),
        "packages": .array(packages.map(JSON.string)),
      ])
    case .install(let packages, let repository, let recommends):
      .object([
        "kind": .string("install"), "repository": .string(repository),
        "recommends": .bool(recommends),
        "packages": .array(packages.map(JSON.string)),
      ])
    case .script(let script, let user):
      .object([
        "kind": .string("script"), "script": .string(script), "user": .optional(user),
      ])
    case .copy(let files):
      .object(["kind": .string("copy"), "files": .array(files.map(\.json))])
    }
  }

  fileprivate init(json: JSON) throws(BuildingError) {
    switch try json.text("kind") {
    case "bootstrap":
      self = .bootstrap(
        suite: try json.text("suite"), repository: try json.text("repository"),
        packages: try json.texts("packages"))
    case "install":
      self = .install(
        packages: try json.texts("packages"), repository: try json.text("repository"),
        recommends: json["recommends"]?.bool ?? false)
    case "script": self = .script(try json.text("script"), user: json["user"]?.string)
    case "copy":
      var files: [FileToCopy] = []
      for file in json["files"]?.array ?? [] { files.append(try FileToCopy(json: file)) }
      self = .copy(files)
    case let other: throw .unexpectedAnswer("work of kind \"\(other)\"")
    }
  }
}

extension FileToCopy {
  fileprivate var json: JSON {
    var members: [String: JSON] = [
      // Names in an image need not be UTF-8, JSON must.
      "to": .string(Hex.encode(to.bytes)), "mode": .integer(Int64(mode)),
    ]
    switch contents {
    case .file(let path, let digest):
      members["file"] = .string(path)
      members["digest"] = .string(digest.description)
    case .link(let target): members["link"] = .string(target)
    case .directory: break
    }
    return .object(members)
  }

  fileprivate init(json: JSON) throws(BuildingError) {
    guard let to = Hex.decode(try json.text("to")).flatMap({ GuestPath($0) }) else {
      throw .unexpectedAnswer("a file without a place")
    }
    var contents = Contents.directory
    if let path = json["file"]?.string {
      guard let digest = Digest(try json.text("digest")) else {
        throw .unexpectedAnswer("a file without a digest")
      }
      contents = .file(path: path, digest: digest)
    } else if let target = json["link"]?.string {
      contents = .link(target: target)
    }
    self.init(to: to, mode: UInt32(clamping: try json.number("mode")), contents: contents)
  }
}

extension JSON {
  fileprivate func text(_ key: String) throws(BuildingError) -> String {
    guard let text = self[key]?.string else { throw .unexpectedAnswer("no text \"\(key)\"") }
    return text
  }

  fileprivate func texts(_ key: String) throws(BuildingError) -> [String] {
    guard let all = self[key]?.array else { throw .unexpectedAnswer("no list \"\(key)\"") }
    return all.compactMap(\.string)
  }

  fileprivate func number(_ key: String) throws(BuildingError) -> Int64 {
    guard let number = self[key]?.integer else { throw .unexpectedAnswer("no number \"\(key)\"") }
    return number
  }
}
