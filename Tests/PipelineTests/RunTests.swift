import Glibc
import Host
import Testing
import Vocabulary

extension EndToEnd {
  @Suite struct RunTests {
    private let place = Place.current

    @Test func `streams and status of a run are its command's`() throws {
      let ran = try place.hutch(
        "run", "base", "--cpus", "1", "--", "sh", "-c", "cat; echo err >&2; exit 7",
        input: Array("hi\n".utf8))
      #expect(ran.status == 7)
      #expect(ran.text == "hi\n")
      #expect(ran.error == "err\n")
    }

    @Test func `a command that can't be run, is killed or takes too long has a status for it`()
      throws
    {
      let cases: [(words: [String], status: Int32, said: String)] = [
        (["--", "no-such-command"], 127, "no-such-command"),
        (["--", "/etc/passwd"], 126, "/etc/passwd"),
        (["--", "sh", "-c", "kill -TERM $$"], 143, ""),
        (["--timeout", "1", "--", "sleep", "60"], 124, "longer than it might"),
      ]
      let running = try cases.map {
        try place.start(place.program.command(["run", "base", "--cpus", "1"] + $0.words))
      }
      for (one, running) in zip(cases, running) {
        let ran = try running.finish()
        #expect(ran.status == one.status, "\(one.words): \(ran.error)")
        #expect(ran.error.contains(one.said))
        #expect(ran.output.isEmpty)
      }
      #expect(try place.hutch("vms", "--format", "json").items("vms").isEmpty)
    }

    @Test func `variables, directory and user are as asked`() throws {
      var program = place.program
      program.environment["FROM_HERE"] = "here"
      let ran = try program.run([
        "run", "-e", "A=b c", "-e", "FROM_HERE", "-w", "/tmp", "-u", "root", "--cpus", "1", "base",
        "sh", "-c", "echo \"$A, $FROM_HERE, $PWD, $(id -un), $HOME, $LANG\"",
      ])
      #expect(ran.text == "b c, here, /tmp, root, /root, C.UTF-8\n")
    }

    @Test func `20 MB through a command come back as they went`() throws {
      let bytes = Randomness.bytes(20_000_000)
      let ran = try place.program.run(["run", "base", "--cpus", "1", "--", "cat"], input: bytes)
      #expect(ran.status == 0)
      #expect(Digest.of(ran.output) == Digest.of(bytes))
    }

    @Test func `Ctrl-C interrupts the command and leaves nothing`() throws {
      let running = try place.start(
        "run", "base", "--cpus", "1", "--", "sh", "-c",
        "trap 'echo interrupted; exit 130' INT; echo up; while :; do sleep 0.1; done")
      try running.awaitOutput("up\n")
      running.process.signal(SIGINT)
      let ran = try running.finish(milliseconds: 20_000)
      #expect(ran.status == 130)
      #expect(ran.text == "up\ninterrupted\n")
      #expect(try place.hutch("vms", "--format", "json").items("vms").isEmpty)
      #expect(try place.store.leftovers().isEmpty)
      #expect(try place.store.users().isEmpty)
    }

    @Test func `Ctrl-C before the command is there ends the run at once`() throws {
      let running = try place.start("run", "base", "--cpus", "1", "--", "sleep", "60")
      Clock.pause(milliseconds: 700)
      running.process.signal(SIGINT)
      #expect(try running.finish(milliseconds: 20_000).status == 130)
      #expect(try place.store.leftovers().isEmpty)
      #expect(try place.store.users().isEmpty)
    }

    @Test func `an image that is not there is status 125 with a hint`() throws {
      let unknown = try place.hutch("run", "no-such-image", "--", "true")
      #expect(unknown.status == 125)
      #expect(unknown.error.contains("there is no image and no recipe \"no-such-image\"\nhint: "))
      let recipe = try place.recipe("unbuilt", steps: ["true"])
      let refused = try place.hutch("run", "--no-build", recipe, "--", "true")
      #expect(refused.status == 125)
      #expect(refused.error.contains("hint: `hutch build \(recipe)`"))
      #expect(!Files.exists(place.directory + "/unbuilt.lock"))
    }

    @Test func `a recipe that was not built yet is built by its first run`() throws {
      let recipe = try place.recipe("fresh", steps: ["echo made > /made"])
      let ran = try place.hutch("run", "--cpus", "1", recipe, "--", "cat", "/made")
      #expect(ran.status == 0, "\(ran.error)")
      #expect(ran.text == "made\n")
    }
  }
}
