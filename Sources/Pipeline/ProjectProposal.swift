internal import Host
package import Recipes

/// A recipe for a project that has none.
package struct ProjectProposal: Sendable {
  package let recipe: ProjectRecipe
  /// Where it would stand.
  package let path: String

  /// Looks at the names of a directory's regular files; nothing is read.
  package init(directory: String, tools: [String] = []) throws {
    guard let folder = Files.canonical(directory), Files.isDirectory(folder) else {
      throw PipelineError.workspaceNotADirectory(directory)
    }
    let markers = Toolchain.allCases.flatMap(\.markers)
    let files = markers.filter { Files.status("\(folder)/\($0)")?.kind == .regular }
    recipe = ProjectRecipe(name: Files.name(of: folder), files: Set(files), tools: tools)
    path =
      directory == "."
      ? RecipeFinder.projectFile : "\(directory)/\(RecipeFinder.projectFile)"
  }

  /// - Parameter replaces: also what is there.
  package func write(replacing replaces: Bool) throws {
    if !replaces, Files.exists(path) || Files.status(path) != nil {
      throw PipelineError.recipeExists(path)
    }
    try Files.write(path, Array(recipe.text.utf8), mode: 0o644)
  }
}
