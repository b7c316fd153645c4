import ArgumentParser
import Testing

@testable import Commands

@Suite struct CommandWordsTests {
  private func run(_ line: String) throws -> RunVerb {
    let words = line.split(separator: " ").map(String.init)
    return try #require(try CommandWords.parse(words) as? RunVerb)
  }

  @Test(arguments: [
    "run --keep --workspace . python python3 -c x --apply",
    "run --keep --workspace . python -- python3 -c x --apply",
    "run python --keep --workspace . -- python3 -c x --apply",
    "run --keep python --workspace . -- python3 -c x --apply",
  ])
  func `options stand before the image, or behind it up to two dashes`(_ line: String) throws {
    let verb = try run(line)
    #expect(verb.image == "python")
    #expect(verb.command.words == ["python3", "-c", "x", "--apply"])
    #expect(verb.workspace == ".")
    #expect(verb.keep)
    #expect(!verb.apply)
  }

  @Test func `options may stand behind the image where there is no command`() throws {
    let verb = try run("run python --keep")
    #expect(verb.keep)
    #expect(verb.command.words == [])
  }

  @Test func `two dashes of the command's own stay in it`() throws {
    #expect(try run("run python -- git log -- a").command.words == ["git", "log", "--", "a"])
    #expect(try run("run python git log -- a").command.words == ["git", "log", "--", "a"])
  }

  @Test func `a command behind options needs its two dashes`() {
    #expect(throws: (any Error).self) { try run("run python --keep ls") }
    #expect(throws: (any Error).self) { try run("run python --frobnicate -- ls") }
  }

  @Test func `exec knows the same orders`() throws {
    let words = ["exec", "brave-otter", "-u", "root", "--", "id", "-u"]
    let verb = try #require(try CommandWords.parse(words) as? ExecVerb)
    #expect(verb.command.user == "root")
    #expect(verb.command.words == ["id", "-u"])
  }
}

@Suite struct SecureShellWordsTests {
  @Test(arguments: [
    ([], []), (["-v"], ["-v"]), (["-L", "1:2:3", "uptime"], ["-L", "1:2:3"]),
    (["-p22", "-l", "root", "id", "-u"], ["-p22", "-l", "root"]), (["ls", "-l"], []),
    (["-tt", "-o", "A=b"], ["-tt", "-o", "A=b"]), (["-"], []), (["-l"], ["-l"]),
  ])
  func `ssh's options end where the command begins`(words: [String], options: [String]) {
    #expect(SecureShellVerb.options(words) == options)
  }
}
