package import Recipes
package import Vocabulary

/// An OCI image configuration (OCI Image Specification 1.1, "Image Configuration"). Its digest is
/// the image's identity, so it holds the layers and what is in effect, and nothing of how, when and
/// under which name the image was made.
package struct ImageConfiguration: Sendable, Hashable {
  package let layers: [DiffID]
  package let architecture: Architecture
  package let created: SourceDate
  package let environment: [String: String]
  /// Becomes `config.User` and the labels `hutch.machine.*`.
  package let machine: MachineSettings
  /// Further labels; those of the machine win.
  package let labels: [String: String]
  /// Empty, or one line for each layer: `created_by` of the configuration's history.
  package let history: [String]

  package init(
    layers: [DiffID], architecture: Architecture, created: SourceDate,
    environment: [String: String] = [:], machine: MachineSettings = MachineSettings(),
    labels: [String: String] = [:], history: [String] = []
  ) {
    precondition(history.isEmpty || history.count == layers.count, "one line for each layer")
    self.layers = layers
    self.architecture = architecture
    self.created = created
    self.environment = environment
    self.machine = machine
    self.labels = labels
    self.history = history
  }

  /// The configuration of a finished build.
  package init(
    _ chain: RecipeChain, layers: [DiffID], architecture: Architecture, created: SourceDate
  ) {
    self.init(
      layers: layers, architecture: architecture, created: created,
      environment: chain.environment, machine: chain.machine,
      labels: Self.labels(of: chain.network)
        .merging(Self.toolLabels(of: chain)) { first, _ in first })
  }

  /// The same values always give the same bytes.
  package func render() -> [UInt8] { json.rendered }

  package var imageID: ImageID { ImageID(Digest.of(render())) }

  private var json: JSON {
    var members: [String: JSON] = [
      "architecture": .string(architecture.rawValue),
      "created": .string(created.rfc3339),
      "os": .string("linux"),
      "config": .object(configuration),
      "rootfs": .object([
        "type": .string("layers"),
        "diff_ids": .array(layers.map { .string($0.description) }),
      ]),
    ]
    if !history.isEmpty {
      members["history"] = .array(
        history.map {
          .object(["created": .string(created.rfc3339), "created_by": .string($0)])
        })
    }
    return .object(members)
  }

  private var configuration: [String: JSON] {
    var members: [String: JSON] = [:]
    if !environment.isEmpty {
      let lines = environment.map { "\($0.key)=\($0.value)" }.sorted {
        Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8))
      }
      members["Env"] = .array(lines.map { .string($0) })
    }
    if let user = machine.user { members["User"] = .string(user) }
    let labels = self.labels.merging(machineLabels) { _, machine in machine }
    if !labels.isEmpty { members["Labels"] = .object(labels.mapValues { .string($0) }) }
    return members
  }

  /// Sizes in bytes.
  private var machineLabels: [String: String] {
    var labels: [String: String] = [:]
    labels["hutch.machine.cpus"] = machine.cpus.map { String($0) }
    labels["hutch.machine.memory"] = machine.memory.map { String($0.bytes) }
    labels["hutch.machine.disk"] = machine.disk.map { String($0.bytes) }
    labels["hutch.machine.disk-limit"] = machine.diskLimit.map { String($0.bytes) }
    labels["hutch.machine.init"] = machine.initSystem?.rawValue
    return labels
  }

  /// The values of a configuration that `render` gave.
  ///
  /// Of a foreign configuration what Hutch knows is read and the rest left out, so its `imageID` is
  /// not that of the bytes. `nil` if there are no layers or architecture of ours in it.
  package init?(parsing bytes: [UInt8]) {
    guard bytes.count <= 4 << 20, let json = try? JSON(parsing: bytes),
      let architecture = json["architecture"]?.string.flatMap(Architecture.init),
      let digests = json["rootfs"]?["diff_ids"]?.array
    else { return nil }
    let layers = digests.compactMap { $0.string.flatMap { DiffID($0) } }
    guard layers.count == digests.count else { return nil }
    let configuration = json["config"]
    var environment: [String: String] = [:]
    for line in (configuration?["Env"]?.array ?? []).compactMap(\.string) {
      guard let equals = line.firstIndex(of: "=") else { continue }
      environment[String(line[..<equals])] = String(line[line.index(after: equals)...])
    }
    let labels = (configuration?["Labels"]?.object ?? [:]).compactMapValues(\.string)
    let history = (json["history"]?.array ?? []).compactMap { $0["created_by"]?.string }
    self.init(
      layers: layers, architecture: architecture,
      created: json["created"]?.string.flatMap(SourceDate.init(rfc3339:)) ?? .constant,
      environment: environment,
      machine: MachineSettings(labels: labels, user: configuration?["User"]?.string),
      labels: labels.filter { !$0.key.hasPrefix("hutch.machine.") },
      history: history.count == layers.count ? history : [])
  }

  /// What its recipe says of the network; `nil` if it says nothing.
  package var network: NetworkSettings? {
    guard let mode = labels["hutch.network.mode"].flatMap(NetworkSettings.Mode.init(rawValue:))
    else { return nil }
    let allow = labels["hutch.network.allow"] ?? ""
    return NetworkSettings(mode: mode, allow: allow.split(separator: " ").map { String($0) })
  }

  static func labels(of network: NetworkSettings?) -> [String: String] {
    guard let network else { return [:] }
    var labels = ["hutch.network.mode": network.mode.rawValue]
    if !network.allow.isEmpty {
      labels["hutch.network.allow"] = network.allow.joined(separator: " ")
    }
    return labels
  }
}

extension MachineSettings {
  /// The other way of `hutch.machine.*`; what is not as Hutch writes it counts as not said.
  fileprivate init(labels: [String: String], user: String?) {
    func number(_ name: String) -> Int64? {
      labels["hutch.machine.\(name)"].flatMap { Int64($0) }.flatMap { $0 > 0 ? $0 : nil }
    }
    self.init(
      cpus: number("cpus").map { Int($0) }, memory: number("memory").map { ByteCount($0) },
      disk: number("disk").map { ByteCount($0) },
      diskLimit: number("disk-limit").map { ByteCount($0) }, user: user,
      initSystem: labels["hutch.machine.init"].flatMap { InitSystem(rawValue: $0) })
  }
}
