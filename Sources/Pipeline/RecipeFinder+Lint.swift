internal import Host
package import Recipes

/// A recipe that a name leads to.
package struct ListedRecipe: Sendable {
  package var name: String
  package var path: String
  package var summary: String?
  package var isTool: Bool
}

/// What is to be said of a recipe that could be built.
package struct RecipeRemark: Sendable, Hashable {
  package var path: String
  package var place: TextPlace
  package var message: String
}

extension RecipeFinder {
  /// All recipes that are found by their names, by name; a file that can't be read as a recipe is
  /// left out.
  package func all() -> [ListedRecipe] {
    var seen: Set<String> = []
    var listed: [ListedRecipe] = []
    for place in places() {
      for file in (try? Files.list(place)) ?? [] where file.hasSuffix(".toml") {
        let name = String(file.dropLast(".toml".count))
        guard seen.insert(name).inserted, let found = try? find(name),
          let recipe = try? RecipeParser.parse(text: found.text, path: found.path, name: name)
        else { continue }
        listed.append(
          ListedRecipe(
            name: name, path: found.path, summary: recipe.summary, isTool: recipe.isTool))
      }
    }
    return listed.sorted { $0.name < $1.name }
  }

  /// Reads a recipe and all that it begins with as a build would; needs no store and no network.
  ///
  /// - Throws: all mistakes with their places.
  package func lint(_ reference: String) throws -> [RecipeRemark] {
    let found = try find(reference)
    let leaf = try RecipeParser.parse(text: found.text, path: found.path, name: found.name)
    let chain = try chain(of: leaf, lock: nil)
    for tool in chain.tools { try requireTool(tool, of: found) }
    return try leaf.steps.flatMap { try remarks(on: $0, in: leaf) }
  }

  private func requireTool(_ name: String, of user: Found) throws {
    let tool = try find(name, for: user)
    guard try RecipeParser.parse(text: tool.text, path: tool.path, name: tool.name).isTool
    else { throw PipelineError.notATool(name) }
  }

  private func remarks(on step: RecipeStep, in recipe: Recipe) throws -> [RecipeRemark] {
    var texts: [String] = []
    if case .copy(let request) = step.action {
      let source = "\(Files.parent(of: recipe.path))/\(request.source)"
      if Files.status(source) == nil { texts.append("there is no \"\(source)\" to copy") }
    }
    if step.options.network {
      texts.append("this step has the network, so what it makes is only pinned, not reproducible")
    }
    return texts.map { RecipeRemark(path: recipe.path, place: step.place, message: $0) }
  }

  /// A recipe with all that it stands on, root first.
  ///
  /// - Parameter lock: its parents are as this has them, whatever became of their files meanwhile.
  func chain(of leaf: Recipe, lock: Lock?) throws -> RecipeChain {
    try RecipeChain.resolve(leaf) { name, child in
      do {
        let parent = try find(name, beside: child.path)
        // What its `copy` steps take lies beside it all the same.
        if case .found(let text, _)? = lock?.lookup(name) {
          return .found(text: text, path: parent.path)
        }
        return .found(text: parent.text, path: parent.path)
      } catch PipelineError.noSuchRecipe(_, let places) {
        if let locked = lock?.lookup(name), case .found = locked { return locked }
        return .missing(searched: places)
      }
    }
  }
}
