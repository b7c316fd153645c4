import Testing

@testable import Recipes

/// The files of `Fixtures` that begin with `should-fail-`: what they must be told stands beside
/// each, word for word, in a file of the same name that ends in `.expected`.
struct FixtureTests {
  @Test(arguments: try Fixture.failing())
  func `each bad recipe gets all its mistakes told at once, with places`(name: String) throws {
    let text = try Fixture.text(name)
    let error = #expect(throws: RecipeErrors.self) {
      try RecipeParser.parse(text: text, path: "x.toml")
    }
    let told = (error?.description ?? "") + "\n"
    if Fixture.isAccepting {
      try Fixture.write(told, to: name + ".expected")
      Issue.record("accepted \(name); run again without HUTCH_ACCEPT")
    }
    #expect(try told == Fixture.text(name + ".expected"))
  }

  @Test func `there are bad recipes`() throws {
    #expect(try Fixture.failing().count >= 10)
  }
}
