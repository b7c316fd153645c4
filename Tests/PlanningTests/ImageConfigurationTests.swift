import Planning
import Recipes
import Testing
import Vocabulary

struct ImageConfigurationTests {
  private func configuration(history: [String] = []) throws -> ImageConfiguration {
    let chain = try Samples.chain()
    return ImageConfiguration(
      layers: [DiffID(Digest.of("one")), DiffID(Digest.of("two"))], architecture: .amd64,
      created: SourceDate(1_750_000_000), environment: chain.environment, machine: chain.machine,
      labels: ["note": "a \"quoted\" ä"], history: history)
  }

  /// The digest of these bytes is what people call an image.
  @Test func `a configuration has its golden bytes`() throws {
    let text = String(decoding: try configuration().render(), as: UTF8.self)
    #expect(
      text
        == #"{"architecture":"amd64","config":{"Env":["LANG=C.UTF-8","TOOL=1"],"#
        + #""Labels":{"hutch.machine.cpus":"4","hutch.machine.init":"systemd","#
        + #""hutch.machine.memory":"1073741824","note":"a \"quoted\" ä"},"User":"agent"},"#
        + #""created":"2025-06-15T15:06:40Z","os":"linux","rootfs":{"diff_ids":["#
        + #""sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed","#
        + #""sha256:3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"],"#
        + #""type":"layers"}}"#)
    #expect(try configuration().imageID.digest == Digest.of(text))
  }

  @Test func `a configuration is read back`() throws {
    for history in [[], ["one", "two"]] {
      let configuration = try configuration(history: history)
      let again = try #require(ImageConfiguration(parsing: configuration.render()))
      #expect(again == configuration)
      #expect(again.imageID == configuration.imageID)
    }
  }

  private func chain(_ text: String, name: String) throws -> RecipeChain {
    let leaf = try RecipeParser.parse(
      text: "format = 1\nfrom = \"debian:trixie\"\n" + text, path: "\(name).toml", name: name)
    return try RecipeChain.resolve(leaf) { _, _ in .missing(searched: []) }
  }

  private func image(_ text: String, name: String) throws -> ImageConfiguration {
    ImageConfiguration(
      try chain(text, name: name), layers: [DiffID(Digest.of(name))], architecture: .amd64,
      created: .constant)
  }

  private static let claude = """
    tool = true
    [[step]]
    run = "true"
    [env]
    LANG = "tool"
    UPDATES = "off"
    [network]
    allow = ["api.example.com"]
    [agent]
    command = ["claude", "--a b"]
    login = ["claude", "login"]
    credentials = [".claude/c-d.json"]
    """

  @Test func `the image of a tool says how many layers are the tool's, and who is the agent`()
    throws
  {
    let tool = try #require(
      ImageConfiguration(parsing: image(Self.claude, name: "claude").render()))
    #expect(tool.tool?.name == "claude" && tool.tool?.layers == 1)
    #expect(
      tool.agent
        == AgentSettings(
          command: ["claude", "--a b"], login: ["claude", "login"],
          credentials: [".claude/c-d.json"]))
    let user = try image("with = [\"claude\", \"codex\"]", name: "mine")
    #expect(user.tool == nil && user.agent == nil)
    #expect(user.tools == ["claude", "codex"])
  }

  @Test func `a VM with a tool has the image's variables, and reaches what either may`() throws {
    let tool = try image(Self.claude, name: "claude")
    let own = try image(
      "[env]\nLANG = \"C.UTF-8\"\n[network]\nallow = [\"@pip\"]\n", name: "mine")
    let both = own.with([tool])
    #expect(both.environment == ["LANG": "C.UTF-8", "UPDATES": "off"])
    #expect(both.network == NetworkSettings(mode: .allow, allow: ["@pip", "api.example.com"]))
    #expect(both.layers == own.layers)
    let closed = try image("[network]\nmode = \"none\"\n", name: "closed").with([tool])
    #expect(closed.network?.mode == NetworkSettings.Mode.none)
  }

  @Test(arguments: [
    ["hutch.tool.name": "../x", "hutch.tool.layers": "1"], ["hutch.tool.name": "x"],
    ["hutch.tool.name": "x", "hutch.tool.layers": "0"],
    ["hutch.tool.name": "x", "hutch.tool.layers": "-1"],
  ])
  func `labels of others make no tool`(labels: [String: String]) {
    let image = ImageConfiguration(
      layers: [], architecture: .amd64, created: .constant, labels: labels)
    #expect(image.tool == nil)
  }

  @Test func `of a foreign configuration what is known is read`() throws {
    let text = """
      {"architecture":"arm64","os":"linux","created":"2024-05-01T10:20:30.123Z","config":
      {"Env":["PATH=/bin","odd"],"Cmd":["sh"],"Labels":{"hutch.machine.cpus":"-3"}},
      "rootfs":{"type":"layers","diff_ids":[]},"history":[{"created_by":"x","empty_layer":true}]}
      """
    let configuration = try #require(ImageConfiguration(parsing: Array(text.utf8)))
    #expect(configuration.architecture == .arm64)
    #expect(configuration.environment == ["PATH": "/bin"])
    #expect(configuration.created == .constant)
    #expect(configuration.machine == MachineSettings())
  }

  @Test(arguments: ["", "{}", "[]", #"{"architecture":"vax","rootfs":{"diff_ids":[]}}"#])
  func `what is no configuration is not read`(text: String) {
    #expect(ImageConfiguration(parsing: Array(text.utf8)) == nil)
  }

  @Test(arguments: [0, 1_577_836_800, 1_709_164_800, 1_750_000_000, 4_102_444_799, 951_782_400])
  func `dates are read as they are written`(seconds: Int64) {
    #expect(SourceDate(rfc3339: SourceDate(seconds).rfc3339) == SourceDate(seconds))
  }

  @Test(arguments: ["2025-02-30T00:00:00Z", "2025-13-01T00:00:00Z", "2025-01-01 00:00:00Z", ""])
  func `dates of another spelling are not`(text: String) {
    #expect(SourceDate(rfc3339: text) == nil)
  }
}
