package import Recipes
internal import Vocabulary

/// What the image of a tool's recipe says of the tool.
package struct ToolLabel: Sendable, Hashable {
  package let name: String
  /// How many of the image's last layers are the tool's own.
  package let layers: Int
}

extension ImageConfiguration {
  /// `nil` for an image that is no tool's.
  package var tool: ToolLabel? {
    guard let name = labels["hutch.tool.name"], Names.isRecipe(name),
      let count = labels["hutch.tool.layers"].flatMap({ Int($0) }), count > 0
    else { return nil }
    return ToolLabel(name: name, layers: count)
  }

  /// The tools that VMs of the image get.
  package var tools: [String] {
    (labels["hutch.with"] ?? "").split(separator: " ").map { String($0) }
      .filter(Names.isRecipe)
  }

  /// What its recipe says of an agent.
  package var agent: AgentSettings? {
    guard labels.keys.contains(where: { $0.hasPrefix("hutch.agent.") }) else { return nil }
    return AgentSettings(
      command: Self.texts(labels["hutch.agent.command"]),
      login: Self.texts(labels["hutch.agent.login"]),
      credentials: Self.texts(labels["hutch.agent.credentials"])
        .filter(CredentialFile.isOne))
  }

  /// This, and what tools bring for themselves: variables that are not set here, and names that
  /// they have to reach.
  package func with(_ tools: [ImageConfiguration]) -> ImageConfiguration {
    if tools.isEmpty { return self }
    var environment: [String: String] = [:]
    var allow: [String] = network?.allow ?? []
    for tool in tools {
      environment.merge(tool.environment) { first, _ in first }
      if let network = tool.network, network.mode != .none { allow += network.allow }
    }
    environment.merge(self.environment) { _, own in own }
    var labels = self.labels
    let settings = NetworkSettings(
      mode: network?.mode ?? .allow, allow: Set(allow).sorted())
    labels.merge(Self.labels(of: settings)) { _, new in new }
    return ImageConfiguration(
      layers: layers, architecture: architecture, created: created, environment: environment,
      machine: machine, labels: labels, history: history)
  }

  static func toolLabels(of chain: RecipeChain) -> [String: String] {
    var labels: [String: String] = [:]
    if chain.leaf.isTool {
      labels["hutch.tool.name"] = chain.leaf.name
      labels["hutch.tool.layers"] = "\(chain.leaf.steps.count)"
    }
    if !chain.tools.isEmpty { labels["hutch.with"] = chain.tools.joined(separator: " ") }
    if let agent = chain.agent, chain.leaf.isTool {
      labels["hutch.agent.command"] = list(agent.command)
      labels["hutch.agent.login"] = list(agent.login)
      labels["hutch.agent.credentials"] = list(agent.credentials)
    }
    return labels
  }

  private static func list(_ texts: [String]) -> String? {
    texts.isEmpty ? nil : JSON.array(texts.map { .string($0) }).description
  }

  private static func texts(_ label: String?) -> [String] {
    guard let label, let json = try? JSON(parsing: Array(label.utf8)) else { return [] }
    return (json.array ?? []).compactMap(\.string)
  }
}
