internal import Catalog
internal import Host
internal import Layers
internal import Planning
internal import Recipes
internal import Vocabulary

/// A tool with all that a VM needs to have it, kept by the lease that was given.
struct ReadyTool {
  var name: String
  var image: ImageRecord
  var configuration: ImageConfiguration
  /// Of the tool's own layers alone.
  var disk: StoredDisk

  var asNew: NewTool { NewTool(name: name, image: image.id, disk: disk.key) }
}

/// Tools: what a recipe adds to the one that it begins with, on a disk of its own, so that it is
/// made once and fits on every image (docs/decisions/0006).
extension Session {
  /// What a tool's image is called that a recipe has for itself.
  private static func tag(_ tool: String, of recipe: String) -> String { "\(tool):\(recipe)" }

  // MARK: Building

  /// Builds the tools that VMs of the recipe's images get, each by its own lock.
  func buildTools(
    of chain: RecipeChain, _ found: RecipeFinder.Found, _ request: BuildRequest
  ) throws -> [BuildOutcome] {
    try chain.tools.map { name in
      var request = request
      request.recipe = name
      request.user = found
      return try build(request)
    }
  }

  /// What an image has to be found with later: the newest builds count.
  func recordTools(
    of chain: RecipeChain, _ built: [BuildOutcome], for image: ImageID, _ lease: Lease
  ) throws {
    let images = zip(chain.tools, built).compactMap { name, outcome in
      outcome.image.map { (name, $0) }
    }
    try catalog.setTools(Dictionary(images) { first, _ in first }, of: image, lease)
  }

  /// The recipe of a tool, as it is looked for from the recipe that has it.
  func findTool(_ name: String, of user: RecipeFinder.Found) throws -> RecipeFinder.Found {
    let found = try recipes.find(name, for: user)
    let leaf = try RecipeParser.parse(text: found.text, path: found.path, name: found.name)
    guard leaf.isTool else { throw PipelineError.notATool(name) }
    return found
  }

  /// Under which name an image is recorded.
  func tag(of found: RecipeFinder.Found, _ request: BuildRequest) -> String {
    request.user.map { Self.tag(found.name, of: $0.name) } ?? found.name
  }

  /// Refuses a tool that would not fit on other images.
  func checkContents(
    ofTool chain: RecipeChain, layers: [DiffID], _ lease: Lease
  ) throws {
    guard chain.leaf.isTool, let contents = ToolContents(name: chain.leaf.name) else { return }
    let tables = LayerTables(self, lease)
    let own = layers.suffix(chain.leaf.steps.count)
    let foreign = contents.foreign(in: try own.map { try tables.table(of: $0) })
    if !foreign.isEmpty {
      throw PipelineError.toolLeavesHome(
        chain.leaf.name, paths: foreign.prefix(5).map { "\($0)" }, count: foreign.count)
    }
  }

  // MARK: Using

  /// The tools that a VM gets: those of its image, then those that were asked for.
  func readyTools(
    of image: ImageRecord, _ configuration: ImageConfiguration, _ wanted: [String],
    mayBuild: Bool, _ lease: Lease, _ timings: inout Timings
  ) throws -> [ReadyTool] {
    var tools: [ReadyTool] = []
    let own = try configuration.tools.isEmpty ? [:] : catalog.tools(of: image.id)
    for name in configuration.tools {
      guard let tool = own[name], try catalog.find(.image(tool), lease) != nil else {
        throw PipelineError.toolMissing(name, of: image.tags.first ?? image.id.digest.short)
      }
      tools.append(try ready(name, try catalog.image(tool), lease, &timings))
    }
    for name in wanted where !tools.contains(where: { $0.name == name }) {
      let image = try findImage(name, mayBuild: mayBuild, lease, &timings)
      let tool = try ready(name, image, lease, &timings)
      // The image's own is the one that its project wants.
      if !tools.contains(where: { $0.name == tool.name }) { tools.append(tool) }
    }
    guard tools.count <= RecipeParser.toolLimit else {
      throw PipelineError.tooManyTools(tools.count)
    }
    return tools
  }

  private func ready(
    _ name: String, _ image: ImageRecord, _ lease: Lease, _ timings: inout Timings
  ) throws -> ReadyTool {
    let configuration = try configuration(of: image.id)
    guard let label = configuration.tool, label.layers <= image.layers.count else {
      throw PipelineError.notATool(name)
    }
    let own = Array(image.layers.suffix(label.layers))
    guard !own.isEmpty else { throw PipelineError.notATool(name) }
    let disk = try makeDisk(own, for: "\(label.name)", lease, &timings)
    try catalog.keep(disk: disk.key, for: image.id)
    return ReadyTool(
      name: label.name, image: image, configuration: configuration, disk: disk)
  }

  /// What is in effect in a VM.
  func configuration(of vm: VMRecord) throws -> ImageConfiguration? {
    guard let image = vm.image else { return nil }
    return try configuration(of: image)
      .with(try vm.tools.map { try configuration(of: $0.image) })
  }

  // MARK: A tool alone

  /// The image that a tool is used on where none is named: the project's in this directory, if it
  /// has a recipe, else the base.
  func imageForTool(in directory: String?) -> String {
    let project = "\(directory ?? ".")/\(RecipeFinder.projectFile)"
    return Files.exists(project) ? project : Self.baseRecipe
  }

  static let baseRecipe = "base"
}
