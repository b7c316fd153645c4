import Building
import Host
import TestSupport
import Testing
import Vocabulary

/// What a step that goes wild may take.
@Suite struct LimitTests {
  private static let limits = ControlGroup.Limits(memory: .mebibytes(128), processes: 40)

  /// Where a machine has no such groups for us, each process has its own limit, and nothing holds
  /// all of them together.
  private static func hasGroups(_ test: String) -> Bool {
    if ControlGroup.make(limits) != nil { return true }
    skip(test, missing: "control groups of one's own")
    return false
  }

  private static func refused(
    _ script: String, _ place: Workplace, seconds: Int = 60
  ) -> BuildingError? {
    #expect(throws: BuildingError.self) {
      try place.script(script, seconds: seconds, limits: limits)
    }
  }

  @Test func `a step that starts ever more processes is ended, and nothing of it stays`() throws {
    guard Self.hasGroups("processes of a step") else { return }
    let place = try Workplace()
    let mark = "96\(UInt16.random(in: 10_000...60_000)).25"
    for script in [
      "perl -e 'while (1) { my $pid = fork; exec \"sleep\", \"\(mark)\" if defined $pid && !$pid }'",
      "bomb() { bomb | bomb & wait; }; bomb",
      // One that goes on without what it did not get is no better.
      "for i in 1 2 3 4 5 6 7 8 9 10; do for j in 1 2 3 4 5; do sleep \(mark) & done; done; true",
    ] {
      let error = Self.refused(script, place)
      guard case .stepBeyondLimit(_, .processes, Self.limits) = error else {
        Issue.record("another error: \(error?.message ?? "none")")
        continue
      }
      #expect(error?.message.hasSuffix("it started more than 40 processes") == true)
      #expect(error?.hint != nil)
      #expect(try SandboxTests.processes(with: mark).isEmpty)
    }
    #expect(try Self.groups().isEmpty)
    // The machine is as before.
    #expect(try place.script("echo fine", limits: Self.limits).lines == ["fine"])
  }

  @Test(arguments: [
    "perl -e 'my @a; push @a, \"x\" x 1_000_000 while 1'",
    "dd if=/dev/zero of=/tmp/large bs=1M count=1000",
    "dd if=/dev/zero of=/dev/shm/large bs=1M count=1000 || true",
    "for i in 1 2 3 4 5 6 7 8; do perl -e '$x = \"x\" x 50_000_000; sleep 60' & done; wait",
  ])
  func `a step that takes ever more memory is ended`(script: String) throws {
    guard Self.hasGroups("memory of a step") else { return }
    let place = try Workplace()
    let error = Self.refused(script, place)
    guard case .stepBeyondLimit(_, .memory, Self.limits) = error else {
      Issue.record("another error: \(error?.message ?? "none")")
      return
    }
    #expect(error?.message.hasSuffix("it needed more than 128 MiB of memory") == true)
    #expect(try Self.groups().isEmpty)
  }

  @Test func `a step sees no group but its own, and the kernel takes it first`() throws {
    let place = try Workplace()
    let outcome = try place.script(
      """
      cat /proc/self/oom_score_adj
      while IFS=: read -r number name path; do
        case $name in memory | pids) echo "$name $path" ;; esac
      done </proc/self/cgroup
      """, limits: Self.limits)
    #expect(outcome.lines.first == "1000")
    for line in outcome.lines.dropFirst() { #expect(line.hasSuffix(" /"), "\(line)") }
  }

  @Test func `a step within its limits has all of its machine`() throws {
    let place = try Workplace()
    let outcome = try place.script(
      "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1 & done; wait; head -c 50000000 /dev/zero | wc -c",
      limits: Self.limits)
    #expect(outcome.lines == ["50000000"])
  }

  /// Those that steps left behind.
  private static func groups() throws -> [String] {
    ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"].flatMap { top in
      ((try? Files.list(top)) ?? []).filter { $0.hasPrefix("hutch-") && !isAlive($0) }
    }
  }

  /// Other tests run steps at the same time.
  private static func isAlive(_ group: String) -> Bool {
    let owner = group.dropFirst("hutch-".count).prefix { $0 != "-" }
    return Files.exists("/proc/\(owner)")
  }
}
