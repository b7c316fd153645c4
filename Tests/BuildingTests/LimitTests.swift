import Building
import Host
import TestSupport
import Testing
import Vocabulary

/// Steps that want more of the machine than they may have.
@Suite(.serialized) struct LimitTests {
  private static let limits = ControlGroup.Limits(memory: .mebibytes(256), processes: 64)

  /// Where a machine has no such groups for us, each process has its own limit, and nothing holds
  /// all of them together.
  private func hasGroups(_ test: String) -> Bool {
    if ControlGroup.make(Self.limits) != nil { return true }
    skip(test, missing: "control groups of one's own")
    return false
  }

  private func excess(of script: String) throws -> ControlGroup.Excess? {
    let place = try Workplace()
    let error = #expect(throws: BuildingError.self) {
      try place.script(script, seconds: 60, limits: Self.limits)
    }
    guard case .stepBeyondLimit(_, let excess, Self.limits) = error else {
      Issue.record("another error: \(String(describing: error))")
      return nil
    }
    return excess
  }

  @Test func `a step that takes too much memory is ended, and told so`() throws {
    guard hasGroups("memory of a step") else { return }
    #expect(try excess(of: "perl -e '$x = \"x\" x 1_000_000_000; sleep 60'") == .memory)
  }

  @Test func `a file in memory counts as memory`() throws {
    guard hasGroups("files in memory of a step") else { return }
    #expect(try excess(of: "head -c 1000000000 /dev/zero > /tmp/large; sleep 60") == .memory)
  }

  @Test func `a step that starts processes without end is ended, and told so`() throws {
    guard hasGroups("processes of a step") else { return }
    let bomb = "bomb() { bomb | bomb & }; bomb; sleep 60"
    #expect(try excess(of: bomb) == .processes)
  }

  @Test func `a step within its limits does not notice them`() throws {
    let place = try Workplace()
    let outcome = try place.script(
      "perl -e '$x = \"x\" x 50_000_000; print \"fine\\n\"'", limits: Self.limits)
    #expect(outcome.lines.last == "fine")
  }
}
