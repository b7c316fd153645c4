import Testing
import Vocabulary

@testable import Recipes

@Suite struct SettingsTests {
  private static let whole = """
    format = 1

    [gc]
    budget = "40G"
    min_free = "5G"
    older_than = "30d"
    keep = 3

    [store]
    floor = "2G"
    """

  private func mistakes(_ text: String) -> [String] {
    do {
      _ = try Settings.parse(text: text, path: "config.toml")
      return []
    } catch {
      return error.mistakes.map(\.description)
    }
  }

  @Test func `all that can be said is read`() throws {
    let settings = try Settings.parse(text: Self.whole, path: "config.toml")
    #expect(settings.collection.budget == .gibibytes(40))
    #expect(settings.collection.minFree == .gibibytes(5))
    #expect(settings.collection.olderThan == TimeSpan(seconds: 30 * 86_400))
    #expect(settings.collection.keep == 3)
    #expect(settings.floor == .gibibytes(2))
  }

  @Test func `what is not said is as it is without a file`() throws {
    #expect(try Settings.parse(text: "format = 1\n", path: "config.toml") == Settings())
  }

  @Test(arguments: [
    ("", "config.toml:1:1: missing key \"format\""),
    ("format = 2\n", "config.toml:1:10: this version of hutch reads settings of format 1 only"),
    ("format = 1\nbudget = \"4G\"\n", "config.toml:2:1: unknown key \"budget\" at the top level"),
    (
      "format = 1\n[gc]\nbudge = \"4G\"\n",
      "config.toml:3:1: unknown key \"budge\" in [gc]; did you mean \"budget\"?"
    ),
    (
      "format = 1\n[gc]\nbudget = 40\n",
      "config.toml:3:10: \"budget\" must be a string, not an integer"
    ),
    (
      "format = 1\n[gc]\nbudget = \"lots\"\n",
      "config.toml:3:10: \"budget\" must be a size such as \"40G\", not \"lots\""
    ),
    ("format = 1\n[gc]\nolder_than = \"30\"\n", "config.toml:3:14: \"older_than\" must be an age"),
    ("format = 1\n[gc]\nkeep = 0\n", "config.toml:3:8: \"keep\" must be from 1 to 1000, not 0"),
    ("format = 1\n[store]\nfloor = \"-1\"\n", "config.toml:3:9: \"floor\" must be a size"),
    ("format = 1\ngc = 3\n", "config.toml:2:6: \"gc\" must be a table"),
    ("format = [\n", "config.toml:"),
  ])
  func `a mistake is told with its place`(_ text: String, _ said: String) {
    let found = mistakes(text)
    #expect(found.count == 1)
    #expect(found.first?.hasPrefix(said) == true, "\(found)")
  }

  @Test func `damaged settings are read or refused`() {
    var random = MutationTests.Generator(state: 7)
    var refused = 0
    for _ in 0..<2000 {
      let text = MutationTests.mutate(Array(Self.whole.utf8), &random)
      do {
        _ = try Settings.parse(text: text, path: "config.toml")
      } catch {
        refused += 1
        for mistake in error.mistakes { #expect(Names.isPrintable(mistake.message)) }
      }
    }
    #expect(refused > 500)
  }
}

@Suite struct TimeSpanTests {
  @Test(
    arguments: [
      ("90s", 90), ("30m", 1800), ("12h", 43_200), ("30d", 2_592_000), ("8w", 4_838_400), ("0d", 0),
    ] as [(String, Int64)])
  func `ages are read with their unit and printed with the largest`(
    _ text: String, _ seconds: Int64
  ) throws {
    let span = try #require(TimeSpan(text))
    #expect(span.seconds == seconds)
    #expect(TimeSpan(span.description) == span)
  }

  @Test(arguments: ["", "30", "d", "-1d", "1y", "1.5h", "99999999999999999999s", "1000000000w"])
  func `anything else is no age`(_ text: String) { #expect(TimeSpan(text) == nil) }

  @Test func `a size as an argument is the same size`() {
    for bytes: Int64 in [0, 1, 1000, 1024, 1536 << 20, 40 << 30, 3 << 40, (1 << 30) + 1] {
      #expect(ByteCount(ByteCount(bytes).asArgument) == ByteCount(bytes))
    }
  }
}
