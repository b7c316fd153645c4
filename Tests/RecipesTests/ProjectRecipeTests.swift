import Testing

@testable import Recipes

/// What is proposed to a project that has no recipe.
@Suite struct ProjectRecipeTests {
  @Test func `whatever a project has, the proposal is a recipe`() throws {
    for bits in 0..<(1 << Toolchain.allCases.count) {
      let toolchains = Toolchain.allCases.enumerated()
        .filter { bits & (1 << $0.offset) != 0 }.map(\.element)
      let proposal = ProjectRecipe(
        name: "harvest", files: Set(toolchains.map { $0.markers[bits % $0.markers.count] }),
        tools: bits % 2 == 0 ? [] : ["claude"])
      #expect(proposal.found.map(\.toolchain) == toolchains)
      let recipe = try RecipeParser.parse(text: proposal.text, path: "hutch.toml", name: "harvest")
      #expect(recipe.origin == .recipe(toolchains.first?.rawValue ?? "base"))
      #expect(recipe.steps.count == (toolchains.count > 1 ? 1 : 0))
      #expect(recipe.tools == (bits % 2 == 0 ? [] : ["claude"]))
    }
  }

  @Test func `a project in Go with a web front has Go, and Node by Debian's packages`() {
    let proposal = ProjectRecipe(name: "shop", files: ["go.mod", "package.json", "README.md"])
    #expect(
      proposal.text == """
        format = 1
        summary = "The machine of shop"
        from = "go"
        check = "go version && node --version"

        # Debian packages that the project needs besides.
        [[step]]
        apt = ["nodejs", "npm"]

        # What its VMs reach, over the network, by name. What was missed:
        # hutch logs --network --denied VM
        [network]
        allow = ["@npm"]

        """)
  }

  @Test(arguments: [
    "a \"quoted\" name", "line\nend", "\u{1B}[31m", "back\\slash", "größe", "",
    String(repeating: "x", count: 255),
  ])
  func `no name of a directory makes a recipe that can't be read`(name: String) throws {
    let text = ProjectRecipe(name: name, files: ["Cargo.toml"]).text
    let recipe = try RecipeParser.parse(text: text, path: "hutch.toml", name: "x")
    #expect(recipe.summary?.hasPrefix("The machine of") == true)
  }
}
