internal import ArgumentParser
internal import Host
internal import Pipeline
internal import Recipes
internal import Vocabulary

struct InitVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init", abstract: "Propose a recipe for a project: writes its hutch.toml.",
    discussion: """
      Looks at the names of the files at the top of the directory (pyproject.toml, package.json, \
      go.mod, Cargo.toml, CMakeLists.txt, pom.xml, Package.swift and the like). The recipe is a \
      beginning, to be edited. `hutch run .` then runs in a VM of it.
      """)

  @OptionGroup var output: FormatOption
  @Argument(help: "The project's directory.") var directory = "."
  @Option(help: ArgumentHelp("A tool for its VMs, such as claude.", valueName: "tool"))
  var with: [String] = []
  @Flag(help: "Print the recipe and write nothing.") var dryRun = false
  @Flag(help: "Replace a hutch.toml that is there.") var force = false

  func validate() throws {
    for tool in with where !Names.isRecipe(tool) {
      throw ValidationError("--with takes the name of a recipe, not \"\(tool)\"")
    }
  }

  func run() throws {
    let proposal = try ProjectProposal(directory: directory, tools: with)
    if !dryRun { try proposal.write(replacing: force) }
    if output.format == .table {
      if dryRun { return Output.write(proposal.recipe.text) }
      let found = proposal.recipe.found.map { "\($0.toolchain.rawValue) (\($0.marker))" }
      Output.line(
        "wrote \"\(proposal.path)\": "
          + (found.isEmpty ? "nothing that asks for a toolchain" : found.joined(separator: ", ")))
      return
    }
    var listing = Listing(kind: "projects", columns: [], nothing: "")
    listing.add(
      [],
      [
        "path": .string(proposal.path), "written": .bool(!dryRun),
        "text": .string(proposal.recipe.text),
        "found": .array(
          proposal.recipe.found.map {
            .object([
              "toolchain": .string($0.toolchain.rawValue), "file": .string($0.marker),
            ])
          }),
      ])
    listing.print(as: .json)
  }
}

struct RecipeVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recipe", abstract: "Look at recipes: where they are, and what is wrong in them.",
    subcommands: [RecipeListVerb.self, RecipeWhichVerb.self, RecipeLintVerb.self])
}

/// The places of recipes, without making a store.
struct RecipePlaces: ParsableArguments {
  @Option(help: ArgumentHelp("The store, for locks.", valueName: "directory")) var store: String?

  var finder: RecipeFinder {
    RecipeFinder(layout: StoreLayout(root: store ?? HostEnvironment.current.storePath))
  }
}

struct RecipeListVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ls", abstract: "All recipes that are found by their names.")

  @OptionGroup var places: RecipePlaces
  @OptionGroup var output: FormatOption

  func run() {
    var listing = Listing(
      kind: "recipes",
      columns: [.init("name"), .init("kind"), .init("summary"), .init("path")],
      nothing: "no recipes; `make install` puts those that come with Hutch in place")
    for recipe in places.finder.all() {
      listing.add(
        [
          recipe.name, recipe.isTool ? "tool" : "image", recipe.summary ?? "", recipe.path,
        ],
        [
          "name": .string(recipe.name), "tool": .bool(recipe.isTool),
          "summary": .optional(recipe.summary), "path": .string(recipe.path),
        ])
    }
    listing.print(as: output.format)
  }
}

struct RecipeWhichVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "which", abstract: "Where a recipe's name leads, and where its lock is.")

  @OptionGroup var places: RecipePlaces
  @OptionGroup var output: FormatOption
  @Argument(help: "Recipes' names.") var names: [String]

  func run() throws {
    var listing = Listing(
      kind: "recipes", columns: [.init("name"), .init("path"), .init("lock")], nothing: "")
    for name in names {
      let found = try places.finder.find(name)
      let isLocked = Files.exists(found.lockPath)
      listing.add(
        [found.name, found.path, found.lockPath + (isLocked ? "" : " (not there yet)")],
        [
          "name": .string(found.name), "path": .string(found.path),
          "lock": .string(found.lockPath), "locked": .bool(isLocked),
        ])
    }
    listing.print(as: output.format)
  }
}

struct RecipeLintVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lint", abstract: "Say all that is wrong in recipes, without building them.",
    discussion: "The exit status is 5 if a recipe could not be built as it is.")

  @OptionGroup var places: RecipePlaces
  @OptionGroup var output: FormatOption
  @Argument(help: "Recipes' names, or paths of .toml files.") var recipes: [String]

  func run() throws {
    var listing = Listing(
      kind: "remarks", columns: [.init("place"), .init("kind"), .init("what")],
      nothing: recipes.count == 1 ? "nothing is wrong with it" : "nothing is wrong with them")
    var isBad = false
    for recipe in recipes {
      do {
        for remark in try places.finder.lint(recipe) {
          add(
            "remark", "\(remark.path):\(remark.place.line):\(remark.place.column)", remark.message,
            to: &listing)
        }
      } catch let errors as RecipeErrors {
        isBad = true
        for mistake in errors.mistakes {
          add(
            "mistake", mistake.location,
            mistake.message + (mistake.hint.map { "; \($0)" } ?? ""), to: &listing)
        }
      } catch let error as PipelineError {
        isBad = true
        add("mistake", recipe, error.message, to: &listing)
      }
    }
    listing.print(as: output.format)
    if isBad { throw ExitCode(FailureKind.badInput.rawValue) }
  }

  private func add(_ kind: String, _ place: String, _ message: String, to listing: inout Listing) {
    listing.add(
      [place, kind, message],
      ["place": .string(place), "kind": .string(kind), "message": .string(message)])
  }
}
