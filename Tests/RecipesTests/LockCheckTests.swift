import Testing
import Vocabulary

@testable import Recipes

struct LockCheckTests {
  private func states(base: String, python: String, architecture: Architecture = .amd64) throws
    -> [String]
  {
    let lock = LockTests.lock(try LockTests.chain())
    let chain = try RecipeChainTests.chain([("base", base), ("python", python)])
    return LockCheck.states(of: chain, lock: lock, architecture: architecture).map { state in
      switch state {
      case .notNeeded: "-"
      case .locked(let entry): "locked \(entry.id)"
      case .missing: "missing"
      case .stale(let reason): reason
      }
    }
  }

  private func base(_ old: String, _ new: String) throws -> String {
    let range = try #require(RecipeChainTests.base.firstRange(of: old))
    return RecipeChainTests.base.replacingCharacters(in: range, with: new)
  }

  @Test func `a lock fits the chain that it was made from`() throws {
    #expect(
      try states(base: RecipeChainTests.base, python: RecipeChainTests.python)
        == ["locked base 0", "locked base 1", "-", "locked python 2"])
  }

  @Test func `without a lock everything is missing`() throws {
    let states = LockCheck.states(of: try LockTests.chain(), lock: nil, architecture: .amd64)
    #expect(states == [.missing, .missing, .notNeeded, .missing])
  }

  @Test func `another request makes its entry stale, and the later ones`() throws {
    #expect(
      try states(base: base("[\"git\"]", "[\"curl\"]"), python: RecipeChainTests.python)
        == [
          "locked base 0", "asks for curl now, asks no more for git", "-",
          "step base 1 before it has changed",
        ])
  }

  @Test func `another suite makes all stale`() throws {
    #expect(
      try states(base: base("trixie", "bookworm"), python: RecipeChainTests.python)
        == [
          "asks for bookworm now, asks no more for trixie", "step base 0 before it has changed",
          "-",
          "step base 0 before it has changed",
        ])
  }

  @Test func `other options make an entry stale`() throws {
    #expect(
      try states(
        base: base("apt = [\"git\"]", "apt = [\"git\"]\nrecommends = true"),
        python: RecipeChainTests.python)[1] == "has other options: recommends=true")
  }

  @Test func `steps without inputs, order of names and comments change nothing`() throws {
    let base = try base("[[step]]", "# comment\n[[step]]\nrun = \"x\"\n[[step]]")
    #expect(
      try states(base: base, python: RecipeChainTests.python)
        == ["locked base 0", "-", "locked base 1", "-", "locked python 2"])
  }

  @Test func `a further step is missing`() throws {
    #expect(
      try states(
        base: RecipeChainTests.base,
        python: "format = 1\nfrom = \"base\"\nstep = [{apt = [\"python3\"]}, {apt = [\"less\"]}]")
        == ["locked base 0", "locked base 1", "locked python 2", "missing"])
  }

  @Test func `a lock for another architecture fits nothing`() throws {
    let reason = "the lock is for amd64, not arm64"
    #expect(
      try states(
        base: RecipeChainTests.base, python: RecipeChainTests.python, architecture: .arm64)
        == [reason, reason, "-", reason])
  }

  @Test func `recipes whose text has changed are named`() throws {
    let chain = try RecipeChainTests.chain([
      ("base", RecipeChainTests.base + "\n# more"), ("python", RecipeChainTests.python),
    ])
    let lock = LockTests.lock(try LockTests.chain())
    #expect(LockCheck.changedRecipes(of: chain, lock: lock) == ["base"])
  }
}
