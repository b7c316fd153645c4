import Glibc
import Host
import Testing
import Vocabulary

@Suite struct ProcessTests {
  @Test func `a command gets its input and gives its output`() throws {
    let result = try Processes.run(Command("cat", []), input: Array("hello".utf8))
    #expect(result.text == "hello")
    #expect(result.status == .exited(0))
  }

  @Test func `megabytes flow both ways at once without a deadlock`() throws {
    let input = [UInt8](repeating: 7, count: 8 << 20)
    let result = try Processes.run(Command("cat", []), input: input)
    #expect(result.output == input)
  }

  @Test func `a status that is not zero is a result`() throws {
    let result = try Processes.run(Command("sh", ["-c", "echo no >&2; exit 7"]))
    #expect(result.status == .exited(7))
    #expect(result.errorTail == "no\n")
  }

  @Test func `a checked failure shows the command and what it said`() throws {
    #expect {
      try Processes.runChecked(Command("sh", ["-c", "echo 'bad news' >&2; exit 3"]))
    } throws: { error in
      guard let error = error as? HostError else { return false }
      return error.message.contains("status 3") && error.message.contains("bad news")
        && error.message.contains("sh -c 'echo '")
    }
  }

  @Test func `a child sees no variable that was not given to it`() throws {
    let result = try Processes.run(Command("env", [], environment: ["ONE": "1", "PATH": "/bin"]))
    #expect(Set(result.text.split(separator: "\n")) == ["ONE=1", "PATH=/bin"])
  }

  @Test func `a child gets no descriptor that was not given to it`() throws {
    let extra = try OwnedDescriptor.open("/dev/null", .read)
    // No pipe: the shell itself has its ends open for a moment.
    let result = try Processes.run(Command("sh", ["-c", "ls /proc/$$/fd; true"]))
    #expect(result.text.split(separator: "\n").allSatisfy { Int($0)! <= 2 || $0 == "10" })
    _ = extra.raw
  }

  @Test func `a command that takes too long is ended`() throws {
    let before = Clock.monotonic()
    #expect(throws: HostError.self) {
      try Processes.run(Command("sleep", ["100"]), milliseconds: 200)
    }
    #expect(Clock.monotonic() - before < 20_000_000_000)
  }

  @Test func `a missing tool is named with its package`() throws {
    let error = try #require(throws: HostError.self) {
      try Processes.run(Command("/nonexistent/mmdebstrap", []))
    }
    #expect(error.kind == .missingHostTool)
    #expect(error.hint?.contains("mmdebstrap") == true)
  }

  @Test func `a command line is shown ready to paste`() {
    let command = Command("echo", ["a b", "it's", "", "plain-1.0=x"])
    #expect(command.display == "echo 'a b' 'it'\\''s' '' plain-1.0=x")
  }

  @Test func `a child that hangs is killed in the end`() throws {
    let child = try RunningProcess.start(Command("sh", ["-c", "trap '' TERM; sleep 100"]))
    _ = child.wait(milliseconds: 100)
    #expect(child.terminate(graceMilliseconds: 100) == .signalled(SIGKILL))
  }
}
