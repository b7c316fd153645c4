import Host
import Testing
import Vocabulary

/// `hutch df`, `gc` and their settings as a script meets them.
@Suite struct UsageTests {
  private let path = "/tmp/hutch-test-\(Hex.encode(Randomness.bytes(8)))"

  private func hutch(_ arguments: String..., settings: String? = nil) throws -> CommandResult {
    let executable = Files.parent(of: HostEnvironment.current.executable) + "/hutch"
    var environment = Command.plainEnvironment
    environment["HOME"] = path + "/home"
    environment["HUTCH_STORE"] = path + "/store"
    try Files.makeDirectories(path + "/home/.config/hutch")
    let file = path + "/home/.config/hutch/config.toml"
    if let settings { try Files.write(file, Array(settings.utf8), durable: false) }
    return try Processes.run(
      Command(executable, arguments, environment: environment, workingDirectory: path),
      milliseconds: 60_000)
  }

  @Test func `the total of an empty store is what du says`() throws {
    defer { try? Files.removeTree(path) }
    _ = try hutch("images")
    let json = try JSON(parsing: try hutch("df", "--format", "json").output)
    #expect(json["kind"] == .string("usage"))
    #expect(json["items"] == .array([]))
    let said = try Processes.runChecked(Command("du", ["-s", "--block-size=1", path + "/store"]))
    #expect(
      json["total_bytes"]?.integer.map(String.init)
        == said.text.split(separator: "\t").first.map(String.init))
    #expect(try hutch("df", "--tree").text.hasPrefix("no images yet\n"))
    #expect(try hutch("gc", "--history").text == "nothing was removed yet\n")
  }

  @Test func `a mistake in the settings is status 5, with its place, and nothing is removed`()
    throws
  {
    defer { try? Files.removeTree(path) }
    let run = try hutch("gc", settings: "format = 1\n[gc]\nbudjet = \"4G\"\n")
    #expect(run.status.shellStatus == 5)
    #expect(run.errorTail.contains("\"budjet\""))
    #expect(run.errorTail.contains("\"budget\""))
    #expect(try hutch("images").status.isSuccess, "what needs no settings does not read them")
  }

  @Test func `a limit that can't be reached is said on standard error`() throws {
    defer { try? Files.removeTree(path) }
    let run = try hutch("gc", "--budget", "1K")
    #expect(run.status.isSuccess)
    #expect(run.text == "nothing to remove\n")
    #expect(run.errorTail.contains("above the limit"))
  }
}
