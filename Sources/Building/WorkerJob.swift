package import Host
package import Vocabulary

/// One job inside a user and mount namespace, in a process of its own: `hutch` starts itself
/// again for it. Only there do the owners of unpacked trees exist, and only there may a rootless
/// Hutch mount. The job comes as JSON on standard input, the answer as one line of JSON on
/// standard output; standard error carries lines for people.
package enum WorkerJob: Sendable, Hashable {
  /// Run a step, normalise what it changed, pack it.
  case step(StepJob)
  /// Run the tool of a job for what it brings, from where the step stands.
  case download(StepJob)
  /// Make a layer of somebody else's one of ours.
  case foreignLayer(ForeignLayerJob)
  /// Unpack a layer for use as a parent.
  case unpack(UnpackJob)
  /// Remove trees that belong to subordinate users.
  case remove([String])
  /// Measure what a store takes, or some paths in it.
  case measure(MeasureJob)
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

/// What to measure of a store: its folders entry by entry, or some paths alone.
package struct MeasureJob: Sendable, Hashable {
  package var root: String
  package var divided: [String]
  package var last: [String]
  /// Relative to the root; instead of the whole.
  package var paths: [String]?

  package init(root: String, divided: [String], last: [String], paths: [String]? = nil) {
    self.root = root
    self.divided = divided
    self.last = last
    self.paths = paths
  }

  /// In this process: for whoever may enter all that is there.
  package func perform() throws(HostError) -> DiskUsage {
    if let paths { return try DiskUsage.measure(root, paths: paths) }
    return try DiskUsage.measure(root, divided: Set(divided), last: Set(last))
  }
}

// MARK: JSON

extension WorkerJob {
  package var json: JSON {
    switch self {
    case .step(let job):
      .object(["job": .string("step"), "step": job.json])
    case .download(let job):
      .object(["job": .string("download"), "step": job.json])
    case .foreignLayer(let job): job.json
    case .unpack(let job):
      .object([
        "job": .string("unpack"), "blob": .string(job.blob), "target": .string(job.target),
        "layer": .string(job.layer.description),
      ])
    case .remove(let paths):
      .object(["job": .string("remove"), "paths": .array(paths.map(JSON.string))])
    case .measure(let job):
      .object([
        "job": .string("measure"), "root": .string(job.root),
        "divided": .array(job.divided.map(JSON.string)), "last": .array(job.last.map(JSON.string)),
        "paths": job.paths.map { .array($0.map(JSON.string)) } ?? .null,
      ])
    }
  }

  package init(json: JSON) throws(BuildingError) {
    switch try json.text("job") {
    case let name where name == "step" || name == "download":
      guard let step = json["step"] else { throw .unexpectedAnswer("a step job without a step") }
      let job = try StepJob(json: step)
      self = name == "step" ? .step(job) : .download(job)
    case "foreign-layer": self = .foreignLayer(try ForeignLayerJob(json: json))
    case "unpack":
      guard let layer = DiffID(try json.text("layer")) else { throw .unexpectedAnswer("layer") }
      self = .unpack(
        UnpackJob(blob: try json.text("blob"), layer: layer, target: try json.text("target")))
    case "remove": self = .remove(try json.texts("paths"))
    case "measure":
      self = .measure(
        MeasureJob(
          root: try json.text("root"), divided: try json.texts("divided"),
          last: try json.texts("last"), paths: json["paths"]?.array?.compactMap(\.string)))
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
    case .unpack(let archive, let target, let strip):
      .object([
        "kind": .string("unpack"), "archive": .string(archive),
        "to": .string(Hex.encode(target.bytes)), "strip": .integer(Int64(strip)),
      ])
    case .tool(let tool):
      .object(["kind": .string("tool"), "tool": tool.json])
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
    case "unpack":
      guard let to = Hex.decode(try json.text("to")).flatMap({ GuestPath($0) }) else {
        throw .unexpectedAnswer("an archive without a place")
      }
      self = .unpack(
        archive: try json.text("archive"), to: to, strip: Int(try json.number("strip")))
    case "tool":
      guard let tool = json["tool"] else { throw .unexpectedAnswer("no tool") }
      self = .tool(try ToolWork(json: tool))
    case let other: throw .unexpectedAnswer("work of kind \"\(other)\"")
    }
  }
}

extension ToolWork {
  fileprivate var json: JSON {
    func object(_ texts: [String: String]) -> JSON { .object(texts.mapValues(JSON.string)) }
    return .object([
      "what": .string(what), "script": .string(script), "files": object(files),
      "readable": object(readable), "writable": object(writable),
      "environment": object(environment),
    ])
  }

  fileprivate init(json: JSON) throws(BuildingError) {
    func texts(_ key: String) -> [String: String] {
      (json[key]?.object ?? [:]).compactMapValues(\.string)
    }
    self.init(
      what: try json.text("what"), script: try json.text("script"), files: texts("files"),
      readable: texts("readable"), writable: texts("writable"),
      environment: texts("environment"))
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
