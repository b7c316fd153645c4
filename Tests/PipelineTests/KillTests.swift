import Glibc
import Host
import Testing
import Vocabulary

extension EndToEnd {
  /// `kill -9` at many moments: nothing keeps running, nothing is lost, nothing is left.
  @Suite struct KillTests {
    private let place = Place.current

    private static let steps = (1...4).map { "sleep 0.15; echo \($0) > /file-\($0); sleep 0.05" }

    /// Processes end a moment after the one that they die with.
    private func expectNobody(_ moment: String) throws {
      var users = try place.store.users()
      for _ in 0..<50 where !users.isEmpty {
        Clock.pause(milliseconds: 40)
        users = try place.store.users()
      }
      #expect(users.isEmpty, "\(moment): \(users)")
    }

    private func collect() throws {
      #expect(try place.hutch("gc", "--now").status == 0)
      #expect(try place.store.leftovers().isEmpty)
    }

    @Test func `a build killed at any moment leaves nothing and gives the same image later`() throws
    {
      try collect()
      let clean = try place.store.contents()
      let recipe = try place.recipe("killed", steps: Self.steps)
      let first = try place.build(recipe)
      #expect(first["steps_run"] == .integer(4))
      let full = try place.store.contents()
      _ = try place.hutch("untag", "killed")
      try collect()
      #expect(try place.store.difference(from: clean) == [], "all of an image goes with it")

      for milliseconds in stride(from: 20, through: 1100, by: 120) {
        let build = try place.start("build", recipe)
        Clock.pause(milliseconds: milliseconds)
        build.process.signal(SIGKILL)
        _ = build.process.wait()
        try expectNobody("after \(milliseconds) ms")
        #expect(try place.hutch("layers").status == 0)
        if milliseconds % 360 == 20 { try collect() }
      }
      let last = try place.build(recipe)
      #expect(last["image"] == first["image"])
      try collect()
      #expect(try place.store.difference(from: full) == [])
    }

    @Test func `a run killed at any moment leaves nothing`() throws {
      try collect()
      let before = try place.store.contents()
      for milliseconds in [30, 150, 600, 1500, 4000] {
        let run = try place.start("run", "base", "--cpus", "1", "--", "sleep", "60")
        Clock.pause(milliseconds: milliseconds)
        run.process.signal(SIGKILL)
        _ = run.process.wait()
        try expectNobody("after \(milliseconds) ms")
      }
      #expect(try place.hutch("run", "base", "--cpus", "1", "--", "true").status == 0)
      try collect()
      #expect(try place.store.difference(from: before) == [])
      #expect(try place.hutch("vms", "--format", "json").items("vms").isEmpty)
    }

    @Test func `a run that is killed with its workspace out leaves the workspace as it was`() throws
    {
      try place.write("work/file", "mine\n")
      let run = try place.start(
        "run", "base", "--cpus", "1", "--apply", "--workspace", "work", "--", "sh", "-c",
        "echo theirs > file; echo up; sleep 60")
      try run.awaitOutput("up\n")
      run.process.signal(SIGKILL)
      _ = run.process.wait()
      try expectNobody("with a workspace")
      #expect(try place.read("work/file") == "mine\n")
      #expect(try Files.list(place.directory + "/work") == ["file"])
    }
  }
}
