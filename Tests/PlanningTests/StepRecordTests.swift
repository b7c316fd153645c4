import Planning
import Recipes
import Testing
import Vocabulary

struct StepRecordTests {
  /// These bytes are kept in stores: a change here needs another `StepRecord.format`.
  @Test func `records have their golden text`() throws {
    let parent = ChainID(Digest.of("parent"))
    let texts = try Samples.plan().steps.enumerated().map { index, step in
      step.record(over: index == 0 ? nil : parent).text
    }
    for (text, golden) in zip(texts, Golden.records) { #expect(text == golden) }
    #expect(texts.count == Golden.records.count)
  }

  @Test func `keys have their golden values`() throws {
    let keys = try Samples.plan().steps.map { $0.record(over: nil).key.digest.hex }
    #expect(keys == Golden.keys)
  }

  @Test func `a record's text is read back`() throws {
    for step in try Samples.plan().steps {
      let record = step.record(over: nil)
      #expect(StepRecord(text: record.text) == record)
    }
    #expect(StepRecord(text: "no value") == nil)
    #expect(StepRecord(text: "no = end") == nil)
    #expect(StepRecord(text: "a = 1\n\nb = 2\n") == nil)
    #expect(StepRecord(text: "b = 1\na = 2\n") == nil)
    #expect(StepRecord(text: "a = 1\na = 2\n") == nil)
  }

  @Test func `a miss says which fields differ`() throws {
    let chain = try Samples.chain()
    let before = try Samples.plan().steps[1].record(over: nil)
    let newer = try Samples.plan(chain, lock: Samples.lock(chain, version: "1.1-1")).steps[1]
      .record(over: nil)
    #expect(
      StepRecord.missExplanation(new: newer, old: before) == [
        "input.curl:amd64: was 1.0-1 \(Digest.of("curl1.0-1")), "
          + "is 1.1-1 \(Digest.of("curl1.1-1"))",
        "input.git:amd64: was 1.0-1 \(Digest.of("git1.0-1")), is 1.1-1 \(Digest.of("git1.1-1"))",
      ])
    #expect(StepRecord.missExplanation(new: before, old: before) == [])
  }

  @Test func `fields that come and go are told, too`() throws {
    let base = Samples.base.replacing("\"curl\"", with: "\"less\"")
    let after = try Samples.plan(try Samples.chain(base: base)).steps[1].record(over: nil)
    let before = try Samples.plan().steps[1].record(over: nil)
    let lines = StepRecord.missExplanation(new: after, old: before)
    #expect(
      lines.map { $0.prefix(36) } == [
        "apt.packages: was curl git, is git l", "input.curl:amd64: was 1.0-1 sha256:f",
        "input.less:amd64: is new, 1.0-1 sha2",
      ])
  }
}

struct SealAllowanceTests {
  private static let allow = "[[seal.allow]]\npath = \"/opt/a key\"\nreason = \"a test's\"\n"

  @Test func `what a recipe allows is part of the key of its own steps and those on it`() throws {
    let plain = try Samples.plan().steps
    let inTool = try Samples.plan(try Samples.chain(tool: Samples.tool + "\n" + Self.allow)).steps
    let inBase = try Samples.plan(try Samples.chain(base: Samples.base + "\n" + Self.allow)).steps
    func allowed(_ steps: [PlannedStep]) -> [String?] {
      steps.map { $0.record(over: nil)["seal.allow"] }
    }
    #expect(allowed(plain) == [nil, nil, nil, nil])
    #expect(allowed(inTool) == [nil, nil, "/opt/a%20key", "/opt/a%20key"])
    #expect(allowed(inBase) == [nil, "/opt/a%20key", "/opt/a%20key", "/opt/a%20key"])
    #expect(
      inTool.map { $0.sealAllowances.map(\.description) } == [
        [], [], ["/opt/a key"], ["/opt/a key"],
      ])
  }

  @Test func `a reason is for people and no part of the key`() throws {
    let other = Self.allow.replacing("a test's", with: "another")
    let keys = try [Self.allow, other].map { text in
      try Samples.plan(try Samples.chain(tool: Samples.tool + "\n" + text)).steps
        .map { $0.record(over: nil).key }
    }
    #expect(keys[0] == keys[1])
  }
}
