internal import Vocabulary

/// What the search for a recipe's name came to.
package enum RecipeLookup: Sendable {
  case found(text: String, path: String)
  /// Where it was looked for, in that order.
  case missing(searched: [String])
}

/// A recipe and all that it begins with, and what they say together.
package struct RecipeChain: Sendable, Equatable {
  /// From the one that begins with a Debian suite or an image to the one that was asked for. Never empty.
  package let recipes: [Recipe]
  /// The suite of the first one; `nil` if that begins with an image.
  package let suite: String?
  /// The steps of all recipes in the order in which they run, the base first.
  package let steps: [ChainStep]

  /// What the image that the first one begins with sets; none for a Debian suite. See `based(on:)`.
  package private(set) var baseEnvironment: [String: String] = [:]

  /// A chain of more recipes is a mistake.
  static let limit = 32

  package var leaf: Recipe { recipes[recipes.count - 1] }

  /// `[env]` of all, a child's value before its parent's.
  package var environment: [String: String] { environment(through: recipes.count - 1) }

  /// `[machine]` of all, a child's value before its parent's.
  package var machine: MachineSettings { machine(through: recipes.count - 1) }

  /// `with` of all, a parent's before its child's; a tool's own VMs have no others.
  package var tools: [String] {
    if leaf.isTool { return [] }
    return recipes.flatMap(\.tools).reduce(into: []) { result, tool in
      if !result.contains(tool) { result.append(tool) }
    }
  }

  /// The nearest `[network]` to the leaf, whole: lists of different recipes are not joined.
  package var network: NetworkSettings? { recipes.last { $0.network != nil }?.network }

  /// The nearest `[agent]` to the leaf.
  package var agent: AgentSettings? { recipes.last { $0.agent != nil }?.agent }

  /// What is in effect in an image of the recipe at `index` of `recipes`.
  package func environment(through index: Int) -> [String: String] {
    recipes[...index].reduce(into: baseEnvironment) { result, recipe in
      result.merge(recipe.environment) { _, child in child }
    }
  }

  /// The recipe that a step of this chain stands in.
  package func recipe(of step: StepID) -> Recipe {
    recipes.first { $0.name == step.recipe } ?? leaf
  }

  /// The same chain with what only its lock knows of the image that it begins with.
  package func based(on lock: Lock?) -> RecipeChain {
    guard suite == nil, let base = lock?.steps.first, base.id == steps[0].id else { return self }
    var chain = self
    chain.baseEnvironment = base.environment
    return chain
  }

  /// What counts for the steps of the recipe at `index`, root first.
  package func sealAllowances(through index: Int) -> [SealAllowance] {
    recipes[...index].flatMap(\.sealAllowances)
  }

  package func machine(through index: Int) -> MachineSettings {
    recipes[...index].reduce(MachineSettings()) { $1.machine.over($0) }
  }

  /// Follows `from` until it names a Debian suite or an image.
  ///
  /// - Parameter find: Looks for a recipe by name; the second is the recipe that asks, since a name
  ///   is looked for beside it first. What it throws passes through.
  /// - Throws: `RecipeErrors` with the place of the `from` that leads nowhere or in a circle, or
  ///   with what is wrong with a parent.
  package static func resolve(
    _ leaf: Recipe, find: (String, Recipe) throws -> RecipeLookup
  ) throws
    -> RecipeChain
  {
    var recipes = [leaf]
    while case .recipe(let name) = recipes[0].origin {
      let child = recipes[0]
      if recipes.contains(where: { $0.name == name }) || recipes.count == limit {
        throw RecipeErrors([cycle(closedBy: name, in: recipes)])
      }
      switch try find(name, child) {
      case .found(let text, let path):
        recipes.insert(try RecipeParser.parse(text: text, path: path, name: name), at: 0)
      case .missing(let searched):
        let places = searched.isEmpty ? "" : ", looked for in " + searched.joined(separator: ", ")
        throw RecipeErrors(
          path: child.path, place: child.originPlace,
          message: "there is no recipe \"\(name)\"" + places,
          hint: "put \"\(name).toml\" into one of these places", kind: .notFound)
      }
    }
    switch recipes[0].origin {
    case .recipe: preconditionFailure("the loop ended")
    case .debian(let suite):
      return RecipeChain(
        recipes: recipes, suite: suite, steps: steps(of: recipes, on: .bootstrap(suite: suite)))
    case .image(let reference):
      return RecipeChain(
        recipes: recipes, suite: nil, steps: steps(of: recipes, on: .image(reference)))
    }
  }

  private static func cycle(closedBy name: String, in recipes: [Recipe]) -> RecipeMistake {
    let names = recipes.reversed().map(\.name)
    let circle = names.firstIndex(of: name).map { names[$0...] + [name] }
    return RecipeMistake(
      path: recipes[0].path, place: recipes[0].originPlace,
      message: circle.map { "\"from\" leads in a circle: " + $0.joined(separator: " -> ") }
        ?? "\"from\" leads through more than \(limit) recipes",
      hint: recipes.count == 1 && circle != nil
        ? "a recipe can't begin with one of its own name; give one of the two another name"
        : "let one of them begin with \"debian:SUITE\"")
  }

  private static func steps(of recipes: [Recipe], on base: ChainAction) -> [ChainStep] {
    var steps = [
      ChainStep(
        id: StepID(recipe: recipes[0].name, ordinal: 0), recipeIndex: 0,
        action: base, options: StepOptions(), place: recipes[0].originPlace)
    ]
    for (index, recipe) in recipes.enumerated() {
      for (position, step) in recipe.steps.enumerated() {
        steps.append(
          ChainStep(
            id: StepID(recipe: recipe.name, ordinal: position + 1), recipeIndex: index,
            action: ChainAction(step.action), options: step.options, place: step.place))
      }
    }
    return steps
  }
}

/// Which step: `python 2`.
package struct StepID: Hashable, Sendable, CustomStringConvertible {
  package let recipe: String
  /// Position among the recipe's steps, from 1; 0 is the base of the recipe that names a suite or an image.
  package let ordinal: Int

  package init(recipe: String, ordinal: Int) {
    self.recipe = recipe
    self.ordinal = ordinal
  }

  package var description: String { "\(recipe) \(ordinal)" }
}

/// One step of a chain.
package struct ChainStep: Sendable, Equatable {
  package let id: StepID
  /// Its recipe in `RecipeChain.recipes`.
  package let recipeIndex: Int
  package let action: ChainAction
  package let options: StepOptions
  /// In its recipe's text.
  package let place: TextPlace
}

/// What a step does; each yields one layer, but for an image, which has its own.
package enum ChainAction: Sendable, Hashable {
  /// A fresh Debian: the step that has no parent.
  case bootstrap(suite: String)
  /// The layers of an image that others made: the other step that has no parent.
  case image(OCIReference)
  case apt(AptRequest)
  case copy(CopyRequest)
  case fetch(FetchRequest)
  case npm(NpmRequest)
  case pip(PipRequest)
  case run(RunRequest)

  init(_ action: StepAction) {
    switch action {
    case .apt(let request): self = .apt(request)
    case .copy(let request): self = .copy(request)
    case .fetch(let request): self = .fetch(request)
    case .npm(let request): self = .npm(request)
    case .pip(let request): self = .pip(request)
    case .run(let request): self = .run(request)
    }
  }

  /// The key in a recipe, `bootstrap` or `oci`.
  package var kind: String {
    switch self {
    case .bootstrap: "bootstrap"
    case .image: "oci"
    case .apt: "apt"
    case .copy: "copy"
    case .fetch: "fetch"
    case .npm: "npm"
    case .pip: "pip"
    case .run: "run"
    }
  }

  /// One line for people: `apt curl git`, `copy files/x to /etc/x`, the first line of a script.
  package var summary: String {
    switch self {
    case .bootstrap(let suite): return "debian:\(suite)"
    case .image(let reference): return "oci:\(reference)"
    case .apt(let request): return "apt \(request.packages.joined(separator: " "))"
    case .copy(let request): return "copy \(request.source) to \(request.target)"
    case .fetch(let request): return "fetch \(request.fileName) to \(request.target)"
    case .npm(let request): return "npm \(request.packages.joined(separator: " "))"
    case .pip(let request): return "pip \(request.packages.joined(separator: " "))"
    case .run(let request):
      let lines = request.script.split(separator: "\n").map { $0.drop(while: { $0 == " " }) }
      let first = lines.first { !$0.isEmpty && !$0.hasPrefix("#") && !$0.hasPrefix("set -") }
      return "run \(Names.printable(String((first ?? lines.first ?? "").prefix(60))))"
    }
  }
}
