import Planning
import Recipes
import Testing
import Vocabulary

struct PlannerTests {
  @Test func `with nothing known all steps are to run`() throws {
    let plan = try Samples.plan()
    #expect(plan.cachedPrefix == [])
    #expect(plan.stepsToRun.map(\.id.description) == ["base 0", "base 1", "tool 1", "tool 2"])
    #expect(plan.cachedChain == nil)
    #expect(plan.firstMiss?["parent"] == "none")
  }

  @Test func `with everything known nothing is to run`() throws {
    let (known, layers) = Samples.build(try Samples.plan())
    let plan = try Samples.plan(known: known)
    #expect(plan.cachedPrefix == layers)
    #expect(plan.stepsToRun.isEmpty)
    #expect(plan.firstMiss == nil)
    #expect(plan.cachedChain == ChainID(of: layers))
    #expect(plan.cachedRecords.count == 4)
  }

  @Test func `a changed step is run and the ones before it are not`() throws {
    let (known, layers) = Samples.build(try Samples.plan())
    let tool = Samples.tool.replacing("run = \"true\"", with: "run = \"false\"")
    let plan = try Samples.plan(try Samples.chain(tool: tool), known: known)
    #expect(plan.cachedPrefix == Array(layers[..<3]))
    #expect(plan.stepsToRun.map(\.id.description) == ["tool 2"])
  }

  @Test func `a child's settings don't keep it from sharing its parent's layers`() throws {
    let (known, layers) = Samples.build(try Samples.plan())
    let tool = Samples.tool.replacing("TOOL = \"1\"", with: "TOOL = \"2\"")
    let plan = try Samples.plan(try Samples.chain(tool: tool), known: known)
    #expect(plan.cachedPrefix == Array(layers[..<2]))
  }

  @Test func `what doesn't show in a layer is not in its key`() throws {
    let (known, _) = Samples.build(try Samples.plan())
    let tool = Samples.tool.replacing("timeout = 5", with: "timeout = 6")
      .replacing("cpus = 4", with: "cpus = 8\nmemory = \"8G\"")
    let plan = try Samples.plan(try Samples.chain(tool: tool), known: known)
    #expect(plan.stepsToRun.isEmpty)
  }

  @Test func `a step's date is the newest of its parents' and its own inputs'`() throws {
    let plan = try Samples.plan()
    #expect(plan.steps.map(\.date.seconds) == Array(repeating: 1_750_000_000, count: 4))
    #expect(plan.date == SourceDate(1_750_000_000))
  }

  @Test func `another normaliser makes every key another`() throws {
    let chain = try Samples.chain()
    let plan = try Planner(normaliser: 2, architecture: .amd64).plan(
      chain, lock: Samples.lock(chain), files: try Samples.files()
    ) { key, _ in Samples.build(try Samples.plan()).known[key] }
    #expect(plan.cachedPrefix == [])
  }

  @Test func `files are given to the step sorted`() throws {
    let step = try Samples.plan().steps[2]
    guard case .copy(let request, let files) = step.action else {
      Issue.record("not a copy step")
      return
    }
    #expect(files.map(\.path.description) == ["/", "/link", "/run me"])
    #expect(files.map { $0.mode(asked: request.mode) } == [0o755, 0o777, 0o755])
    #expect(files[2].mode(asked: 0o640) == 0o640)
  }

  @Test func `an incomplete lock is told with the step`() throws {
    let chain = try Samples.chain()
    let error = #expect(throws: PlanningError.self) {
      try Samples.planner.plan(chain, lock: nil, files: try Samples.files()) { _, _ in nil }
    }
    #expect(
      error?.message == "the lock does not hold the inputs of step \"base 0\": it has no entry")
  }

  @Test func `the steps that a lock covers can be had alone`() throws {
    let chain = try Samples.chain()
    let full = Samples.lock(chain)
    let lock = Lock(
      architecture: .amd64, recipes: full.recipes, archives: [], steps: Array(full.steps[..<1]))
    let steps = try Samples.planner.lockedSteps(chain, lock: lock, files: try Samples.files())
    #expect(steps.map(\.id.description) == ["base 0"])
    #expect(steps[0].record(over: nil) == (try Samples.plan()).steps[0].record(over: nil))
  }

  @Test func `files that nobody read are told`() throws {
    let chain = try Samples.chain()
    #expect(
      throws: PlanningError.filesNotRead(
        step: StepID(recipe: "tool", ordinal: 1), source: "files")
    ) {
      try Samples.planner.plan(chain, lock: Samples.lock(chain), files: [:]) { _, _ in nil }
    }
  }

  @Test func `a plan reads as one line for each step`() throws {
    let (known, _) = Samples.build(try Samples.plan())
    let tool = Samples.tool.replacing("to = \"/opt/tool\"", with: "to = \"/opt/other\"")
    let plan = try Samples.plan(try Samples.chain(tool: tool), known: known)
    let lines = plan.description.split(separator: "\n").map { $0.prefix { $0 != "[" } }
    #expect(
      lines == [
        "cached  base 0  debian:trixie  ", "cached  base 1  apt curl git  ",
        "run     tool 1  copy files to /opt/other  ", "run     tool 2  run true  ",
      ])
  }

  @Test func `a fetched file's digest, place and treatment are in its key, its address is not`()
    throws
  {
    let digest = Digest.of("file")
    func step(
      _ url: String = "https://example.org/a", _ more: String = "to = \"/opt/a\""
    ) throws -> PlannedStep {
      let tool = """
        format = 1
        from = "base"
        [[step]]
        fetch = { url = "\(url)", sha256 = "\(digest.hex)", \(more) }
        """
      let chain = try Samples.chain(tool: tool)
      let steps = chain.steps.compactMap { step in
        StepAsk(step.action).map { ask in
          LockedStep(
            id: step.id, ask: ask, date: ask.takesPackages ? SourceDate(7) : nil,
            files: ask.takesPackages
              ? [] : [LockedFile(name: "a", size: ByteCount(4), digest: digest)])
        }
      }
      let lock = Lock(
        architecture: .amd64, recipes: LockedRecipe.all(of: chain), archives: [], steps: steps)
      return try #require(try Samples.plan(chain, lock: lock).steps.last)
    }
    let plain = try step()
    #expect(plain.date == SourceDate(7), "a file adds no date")
    let record = plain.record(over: nil)
    #expect(
      record.fields.filter { $0.key.hasPrefix("fetch.") }.map { "\($0.key) \($0.value)" } == [
        "fetch.mode 0644", "fetch.sha256 \(digest)", "fetch.to /opt/a", "fetch.unpack false",
      ])
    #expect(try step("https://example.com/b").record(over: nil) == record)
    for more in [
      "to = \"/opt/b\"", "to = \"/opt/a\", mode = \"0755\"", "to = \"/opt/a\", unpack = true",
    ] {
      #expect(try step("https://example.org/a", more).record(over: nil) != record)
    }
  }
}
