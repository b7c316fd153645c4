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
      labels: Self.labels(of: chain.network))
  }

  /// The same values always give the same bytes.
  package func render() -> [UInt8] { Array(json.text.utf8) }

  package var imageID: ImageID { ImageID(Digest.of(render())) }

  private var json: CanonicalJSON {
    var members: [String: CanonicalJSON] = [
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

  private var configuration: [String: CanonicalJSON] {
    var members: [String: CanonicalJSON] = [:]
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

  private static func labels(of network: NetworkSettings?) -> [String: String] {
    guard let network else { return [:] }
    var labels = ["hutch.network.mode": network.mode.rawValue]
    if !network.allow.isEmpty {
      labels["hutch.network.allow"] = network.allow.joined(separator: " ")
    }
    return labels
  }
}
