import Testing
import Vocabulary

@testable import Recipes

struct RecipeChainTests {
  static let base = """
    format = 1
    from = "debian:trixie"
    [[step]]
    apt = ["git"]
    [env]
    A = "base"
    B = "base"
    [machine]
    cpus = 2
    user = "agent"
    """
  static let python = """
    format = 1
    from = "base"
    [[step]]
    run = "true"
    [[step]]
    apt = ["python3"]
    [env]
    A = "python"
    [machine]
    cpus = 4
    """

  /// A chain from texts by name; the last one is the leaf.
  static func chain(_ recipes: [(name: String, text: String)]) throws -> RecipeChain {
    let leaf = try #require(recipes.last)
    return try RecipeChain.resolve(
      try RecipeParser.parse(text: leaf.text, path: "\(leaf.name).toml")
    ) { name, child in
      guard let found = recipes.first(where: { $0.name == name }) else {
        return .missing(searched: ["beside \(child.path)", "/etc/hutch"])
      }
      return .found(text: found.text, path: "\(name).toml")
    }
  }

  @Test func `a chain goes from the root to the leaf`() throws {
    let chain = try Self.chain([("base", Self.base), ("python", Self.python)])
    #expect(chain.recipes.map(\.name) == ["base", "python"])
    #expect(chain.suite == "trixie")
    #expect(chain.steps.map(\.id.description) == ["base 0", "base 1", "python 1", "python 2"])
    #expect(chain.steps.map(\.action.kind) == ["bootstrap", "apt", "run", "apt"])
    #expect(
      chain.steps.map(\.action.summary) == ["debian:trixie", "apt git", "run true", "apt python3"])
  }

  @Test func `a child's settings come before its parent's`() throws {
    let chain = try Self.chain([("base", Self.base), ("python", Self.python)])
    #expect(chain.environment == ["A": "python", "B": "base"])
    #expect(chain.environment(through: 0) == ["A": "base", "B": "base"])
    #expect(chain.machine == MachineSettings(cpus: 4, user: "agent"))
  }

  @Test func `a circle is named`() throws {
    let texts = [("a", "b"), ("b", "c"), ("c", "a")].map { name, parent in
      (name: name, text: "format = 1\nfrom = \"\(parent)\"\n")
    }
    let error = #expect(throws: RecipeErrors.self) { try Self.chain(texts) }
    #expect(
      error?.description
        == "b.toml:2:8: \"from\" leads in a circle: c -> a -> b -> c; "
        + "let one of them begin with \"debian:SUITE\"")
    #expect(error?.kind == .badInput)
  }

  @Test func `a recipe can't begin with itself`() throws {
    let error = #expect(throws: RecipeErrors.self) {
      try Self.chain([("a", "format = 1\nfrom = \"a\"\n")])
    }
    #expect(error?.message == "a.toml:2:8: \"from\" leads in a circle: a -> a")
  }

  @Test func `a parent that is nowhere is told with where it was looked for`() throws {
    let error = #expect(throws: RecipeErrors.self) {
      try Self.chain([("a", "format = 1\nfrom = \"nowhere\"\n")])
    }
    #expect(
      error?.message
        == "a.toml:2:8: there is no recipe \"nowhere\", looked for in beside a.toml, /etc/hutch")
    #expect(error?.path == "a.toml:2:8")
    #expect(error?.kind == .notFound)
  }

  @Test func `a chain that doesn't end is refused`() throws {
    let leaf = try RecipeParser.parse(text: "format = 1\nfrom = \"r1\"\n", path: "r0.toml")
    var count = 1
    #expect(throws: RecipeErrors.self) {
      try RecipeChain.resolve(leaf) { name, _ in
        count += 1
        return .found(text: "format = 1\nfrom = \"r\(count)\"\n", path: name)
      }
    }
    #expect(count == RecipeChain.limit)
  }

  @Test func `what is wrong with a parent is told with the parent's place`() throws {
    let error = #expect(throws: RecipeErrors.self) {
      try Self.chain([("base", "format = 1\n"), ("a", "format = 1\nfrom = \"base\"\n")])
    }
    #expect(error?.path == "base.toml:1:1")
  }
}
