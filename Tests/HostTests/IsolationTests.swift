import Glibc
import Host
import TestSupport
import Testing

/// These run wherever user namespaces may be made, as root or not.
@Suite struct IsolationTests {
  private func isolation(
    _ namespaces: Isolation.Namespaces, _ actions: [Isolation.Action] = [], filtered: Bool = false
  ) throws -> Isolation {
    Isolation(
      namespaces: namespaces, identities: try IdentityMap.current(), actions: actions,
      filtersSystemCalls: filtered)
  }

  private func shell(_ script: String, _ isolation: Isolation) throws -> CommandResult {
    try Processes.run(Command("/bin/sh", ["-c", script]), isolation: isolation)
  }

  @Test func `inside everybody is root and outside nobody`() throws {
    let directory = try TemporaryDirectory()
    let result = try shell("id -u; touch \(directory.path)/x", try isolation([.mount]))
    #expect(result.text == "0\n")
    let made = try #require(Files.status(directory.path + "/x"))
    #expect(made.uid == HostEnvironment.current.userID)
  }

  @Test func `a command can be told that there is one processor`() throws {
    #expect(try shell("nproc", Isolation(namespaces: [], actions: [.oneProcessor])).text == "1\n")
  }

  @Test(.asRoot) func `root can build as other ids, and gets at what is root's all the same`()
    throws
  {
    let directory = try TemporaryDirectory()
    let environment = HostEnvironment(variables: [IdentityMap.firstVariable: "1900000000"])
    let map = try IdentityMap.current(environment)
    #expect(map == .shifted(first: 1_900_000_000))
    let made = try shell(
      "touch \(directory.path)/x \(directory.path)/y; chown 1:2 \(directory.path)/y",
      Isolation(namespaces: [.mount], identities: map))
    #expect(made.status.isSuccess)
    #expect(Files.status(directory.path + "/x")?.uid == 0)
    #expect(Files.status(directory.path + "/y")?.uid == 1_900_000_000)
    #expect(Files.status(directory.path + "/y")?.gid == 1_900_000_001)
  }

  @Test func `nothing of a command outlives it`() throws {
    let directory = try TemporaryDirectory()
    let marker = directory.path + "/alive"
    let result = try shell(
      "(sleep 1; touch \(marker)) & exit 5", try isolation([.mount, .process]))
    #expect(result.status == .exited(5))
    sleep(2)
    #expect(!Files.exists(marker))
  }

  @Test func `there is no network but loopback`() throws {
    let result = try shell(
      "cat /proc/net/dev | tail -n +3 | cut -d: -f1; cat /proc/net/route | wc -l",
      try isolation([.mount, .network], [.loopbackUp]))
    #expect(result.text.filter { !$0.isWhitespace } == "lo1")
  }

  @Test func `a filtered command can't mount, but fsync succeeds`() throws {
    let result = try shell(
      "mount -t tmpfs none /tmp 2>/dev/null && echo mounted; sync && echo synced",
      try isolation([.mount], filtered: true))
    #expect(result.text == "synced\n")
  }

  @Test func `after the pivot only the new root is there`() throws {
    let directory = try TemporaryDirectory()
    let root = directory.path + "/root"
    try Files.makeDirectories(root)
    var actions: [Isolation.Action] = [
      .mount(source: "tmpfs", target: root, type: "tmpfs", options: "mode=755"),
      .makeDirectory(root + "/proc"),
      .mount(source: "proc", target: root + "/proc", type: "proc"),
    ]
    for name in ["usr", "bin", "lib", "lib64"] where Files.exists("/" + name) {
      actions.append(.makeDirectory("\(root)/\(name)"))
      actions.append(.bind(source: "/" + name, target: "\(root)/\(name)", flags: .readOnly))
    }
    actions.append(.pivotRoot(root))
    let result = try shell(
      "ls /; touch /usr/x 2>/dev/null || echo read-only",
      try isolation([.mount, .process], actions)
    )
    let seen = Set(result.text.split(separator: "\n"))
    #expect(seen.contains("read-only"))
    #expect(!seen.contains("etc") && !seen.contains("home"))
  }

  @Test func `an action that fails is named`() throws {
    let error = try #require(throws: HostError.self) {
      try shell("true", try isolation([.mount], [.changeDirectory("/nonexistent")]))
    }
    #expect(error.message.contains("/nonexistent"))
  }
}
