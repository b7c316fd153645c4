import Testing
import Vocabulary

@testable import Recipes

struct RecipeTests {
  @Test func `a recipe that says everything comes out as values`() throws {
    let text = try Fixture.text("good-everything.toml")
    let recipe = try RecipeParser.parse(text: text, path: "dir/good.toml")
    let digest = try #require(Digest(hex: String(repeating: "0123456789abcdef", count: 4)))
    #expect(recipe.name == "good")
    #expect(recipe.summary == "All that a recipe can say")
    #expect(recipe.origin == .debian(suite: "trixie"))
    #expect(recipe.digest == Digest.of(text))
    #expect(
      recipe.steps.map(\.action) == [
        .apt(
          AptRequest(packages: ["g++", "git", "libstdc++6"], recommends: true, upgrade: true)),
        .copy(
          CopyRequest(
            source: "files/tree", target: try #require(GuestPath("/opt/tree")), mode: 0o755)),
        .copy(CopyRequest(source: "files/x", target: try #require(GuestPath("/etc/x")))),
        .run(RunRequest(script: "echo \"one \\ two\"\n")),
        .fetch(
          FetchRequest(
            url: "https://example.org/a/tool-1.2.tar.gz?x=1", digest: digest,
            target: try #require(GuestPath("/opt/tool")), unpack: true, strip: 1)),
        .fetch(
          FetchRequest(
            url: "http://127.0.0.1:8000/", digest: digest,
            target: try #require(GuestPath("/usr/local/bin/tool")), mode: 0o755)),
        .pip(
          PipRequest(
            packages: ["Django", "ruff", "uvicorn[standard]>=0.3,<1"],
            venv: try #require(GuestPath("/opt/python")))),
        .pip(
          PipRequest(
            packages: ["ruff"], venv: try #require(GuestPath("/srv/tools")), upgrade: true)),
        .npm(
          NpmRequest(
            packages: ["@scope/tool@^1.2", "a@>=1.0.0||2.x", "left-pad", "tsc@next"],
            prefix: try #require(GuestPath("/usr/local")))),
        .npm(
          NpmRequest(
            packages: ["left-pad@1.3.0-rc.1+x"], prefix: try #require(GuestPath("/opt/js")),
            scripts: true, upgrade: true)),
      ])
    #expect(recipe.steps[0].options == StepOptions(timeoutSeconds: 3600))
    #expect(
      recipe.steps[3].options
        == StepOptions(
          network: true, secrets: ["TOKEN", "api-key"], timeoutSeconds: 90, user: "agent"))
    #expect(recipe.environment == ["EMPTY": "", "LANG": "C.UTF-8"])
    #expect(
      recipe.machine
        == MachineSettings(
          cpus: 4, memory: .gibibytes(4), disk: .gibibytes(64), diskLimit: .gibibytes(20),
          user: "agent", initSystem: .systemd))
    #expect(recipe.network?.mode == .allow)
    #expect(
      recipe.network?.allow == [
        "*.example.org:443", "@apt", "api.example.com", "intern.example@private",
      ])
    #expect(recipe.agent?.credentials == [".agent/token.json"])
    #expect(recipe.sealAllowances.map(\.path.description) == ["/usr/share/doc/x/key.pem"])
    #expect(recipe.steps[1].place == TextPlace(line: 12, column: 1))
  }

  @Test(arguments: [
    ("https://example.org/a/tool-1.2.tar.gz?x=/y", "tool-1.2.tar.gz"),
    ("https://example.org/a%20b/", "a20b"), ("https://example.org", "file"),
    ("https://example.org/?q=name", "file"), ("https://example.org/--+", "file"),
  ])
  func `a fetched file is called as its address ends`(url: String, name: String) throws {
    let request = FetchRequest(
      url: url, digest: Digest.of(""), target: try #require(GuestPath("/x")))
    #expect(request.fileName == name)
  }

  @Test(arguments: ["base", "python"])
  func `the recipes that come with hutch are right`(name: String) throws {
    let path = Fixture.shippedRecipes + "/\(name).toml"
    let recipe = try RecipeParser.parse(text: try Fixture.read(path), path: path)
    #expect(recipe.name == name)
  }

  @Test func `line ends of another system change nothing but the digest`() throws {
    let text = "format = 1\nfrom = \"base\"\n[[step]]\nrun = '''\na\nb\n'''\n"
    let other = String(text.flatMap { $0 == "\n" ? "\r\n" : String($0) })
    let left = try RecipeParser.parse(text: text, path: "x.toml")
    let right = try RecipeParser.parse(text: other, path: "x.toml")
    #expect(left.steps == right.steps)
    #expect(left.digest != right.digest)
  }

  @Test func `a text that is too long is not read`() {
    let text = String(repeating: "#", count: RecipeParser.textLimit + 1)
    #expect(throws: RecipeErrors.self) { try RecipeParser.parse(text: text, path: "x.toml") }
  }

  @Test func `a name that is none is a mistake`() {
    #expect(throws: RecipeErrors.self) {
      try RecipeParser.parse(text: "format = 1\nfrom = \"base\"\n", path: "No Name.toml")
    }
  }

  @Test func `columns count characters, not bytes`() {
    let text = "format = 1\nfrom = \"base\"\nmachine = { user = \"ä\", zpus = 1 }\n"
    let error = #expect(throws: RecipeErrors.self) {
      try RecipeParser.parse(text: text, path: "x.toml")
    }
    #expect(error?.mistakes.map(\.location) == ["x.toml:3:20", "x.toml:3:25"])
  }

  @Test(arguments: [
    ("cpu", "cpus"), ("mmeory", "memory"), ("disklimit", "disk_limit"), ("usr", "user"),
  ])
  func `the nearest known key is the hint`(typed: String, meant: String) {
    let known = ["cpus", "memory", "disk", "disk_limit", "user", "init"]
    #expect(NearestKey.hint(for: typed, among: known) == "did you mean \"\(meant)\"?")
  }

  @Test func `keys that nest without end never reach the parser`() {
    let dots = Array(repeating: "a", count: 300_000).joined(separator: ".")
    let brackets = String(repeating: "[", count: 300_000)
    let afterMistake = "x = = 1\n[\(dots)]\n"
    for text in ["\(dots) = 1\n", "[\(dots)]\n", "x = \(brackets)\n", afterMistake] {
      #expect(throws: RecipeErrors.self) { try RecipeParser.parse(text: text, path: "x.toml") }
    }
  }
}
