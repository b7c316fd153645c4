import Host
import Testing
import Vocabulary

extension EndToEnd {
  /// Whether an image does what it is for, as its recipe says.
  @Suite struct CheckTests {
    private let place = Place.current

    private func recipe(_ name: String, check: String?) throws -> String {
      let line = check.map { "check = '\($0)'\n" } ?? ""
      try place.write(
        name + ".toml", "format = 1\nsummary = \"\(name)\"\nfrom = \"base\"\n\(line)")
      return "./\(name).toml"
    }

    @Test func `a check that passes and one that fails are told apart, and both VMs go`() throws {
      let good = try recipe("good", check: "test \"$(id -un)\" = agent; echo said")
      let bad = try recipe("bad", check: "false; true")
      let outcome = try place.hutch("check", good, bad, "--format", "json")
      #expect(outcome.status == 1)
      #expect(outcome.error.contains("said\n"))
      let json = try JSON(parsing: outcome.output)
      #expect(json["kind"] == .string("checks"))
      #expect(json["items"]?.array?.map { $0["passed"] } == [.bool(true), .bool(false)])
      #expect(json["items"]?.array?.map { $0["status"] } == [.integer(0), .integer(1)])
      let slow = try recipe("slow", check: "sleep 60")
      #expect(try place.hutch("check", slow, "--timeout", "1").text.contains("failed (124)"))
      #expect(try place.store.users().isEmpty)
      for name in ["good", "bad", "slow"] { _ = try place.hutch("untag", name) }
    }

    @Test func `a recipe without a check is refused, and one that comes with Hutch has one`() throws
    {
      let refused = try place.hutch("check", try recipe("none", check: nil))
      #expect(refused.status == 5)
      #expect(refused.error.contains("the recipe \"none\" has no `check`\nhint: "))
      #expect(try place.hutch("check", "base").status == 0)
      #expect(try place.hutch("check", "python").status == 0)
    }
  }
}
