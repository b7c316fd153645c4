import Planning
import Recipes
import Testing
import Vocabulary

/// Two recipes with one step of each kind, their lock and their files.
enum Samples {
  static let base = """
    format = 1
    from = "debian:trixie"
    [[step]]
    apt = ["git", "curl"]
    [env]
    LANG = "C.UTF-8"
    [machine]
    memory = "1G"
    user = "agent"
    init = "systemd"
    """
  static let tool = """
    format = 1
    from = "base"
    [[step]]
    copy = { from = "files", to = "/opt/tool" }
    [[step]]
    run = "true"
    timeout = 5
    [env]
    TOOL = "1"
    [machine]
    cpus = 4
    """

  static func chain(base: String = base, tool: String = tool) throws -> RecipeChain {
    try RecipeChain.resolve(try RecipeParser.parse(text: tool, path: "tool.toml")) { _, _ in
      .found(text: base, path: "base.toml")
    }
  }

  static func package(_ name: String, _ version: String = "1.0-1") -> LockedPackage {
    LockedPackage(
      name: name, version: version, architecture: "amd64", path: "pool/main/x/\(name).deb",
      size: ByteCount(1000), digest: Digest.of(name + version))
  }

  static func lock(_ chain: RecipeChain, version: String = "1.0-1") -> Lock {
    Lock(
      architecture: .amd64, recipes: LockedRecipe.all(of: chain), archives: [],
      steps: chain.steps.compactMap { step in
        StepAsk(step.action).map { ask in
          LockedStep(
            id: step.id, ask: ask, date: SourceDate(1_750_000_000 - Int64(step.id.ordinal)),
            packages: ask.names.map { package($0, version) })
        }
      })
  }

  static func files() throws -> [StepID: [CopiedFile]] {
    let names = [
      GuestPath.root, try #require(GuestPath("run me")), try #require(GuestPath("link")),
    ]
    return [
      StepID(recipe: "tool", ordinal: 1): [
        CopiedFile(path: names[2], content: .symlink(target: Array("run me".utf8))),
        CopiedFile(
          path: names[1],
          content: .regular(executable: true, size: ByteCount(3), digest: Digest.of("abc"))),
        CopiedFile(path: names[0], content: .directory),
      ]
    ]
  }

  static let planner = Planner(normaliser: 1, architecture: .amd64)

  static func plan(
    _ chain: RecipeChain? = nil, lock: Lock? = nil, known: [StepKey: DiffID] = [:]
  ) throws -> BuildPlan {
    let chain = try chain ?? Self.chain()
    return try planner.plan(chain, lock: lock ?? Self.lock(chain), files: try files()) {
      key, _ in known[key]
    }
  }

  /// What is known after `plan` ran, with made-up layers.
  static func build(_ plan: BuildPlan) -> (known: [StepKey: DiffID], layers: [DiffID]) {
    var known: [StepKey: DiffID] = [:]
    var layers: [DiffID] = []
    for step in plan.steps {
      let layer = DiffID(Digest.of(step.summary))
      known[step.record(over: ChainID(of: layers)).key] = layer
      layers.append(layer)
    }
    return (known, layers)
  }
}
