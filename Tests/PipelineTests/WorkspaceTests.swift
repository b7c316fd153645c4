import Host
import Testing
import Vocabulary

extension EndToEnd {
  @Suite struct WorkspaceTests {
    private let place = Place.current

    /// Files of every kind, with names that are hard to get right.
    private func makeWorkspace() throws {
      try Processes.runChecked(
        Command(
          "sh",
          [
            "-ec",
            """
            mkdir -p work/folder work/empty
            cd work
            echo one > one; chmod 0755 one; echo two > 'two words'; echo gone > gone
            ln -s one link; ln -s nowhere dangling
            echo odd > "$(printf 'line\\nbreak')"; echo raw > "$(printf 'raw\\377\\376')"
            echo deep > folder/deep
            """,
          ], workingDirectory: place.directory))
    }

    /// Every entry with its type, mode, size and target; names as they are, one entry a line.
    private func listing() throws -> [String] {
      try place.judge("find", "work", "-printf", "%y %m %l ", "-print0")
        .split(separator: "\0").map(String.init).sorted()
    }

    private func run(_ options: String..., script: String) throws -> Outcome {
      try place.program.run(
        ["run", "base", "--cpus", "1", "--workspace", "work"] + options
          + ["--", "sh", "-ec", script])
    }

    @Test func `with --apply the command's changes come back, of every kind and by every name`()
      throws
    {
      try makeWorkspace()
      let ran = try run(
        "--apply",
        script: """
          [ "$PWD" = /workspace ]; [ -x one ]; [ "$(readlink link)" = one ]; [ -L dangling ]
          [ "$(cat "$(printf 'line\\nbreak')")" = odd ]; [ "$(cat "$(printf 'raw\\377\\376')")" = raw ]
          [ "$(cat 'two words')" = two ]; [ -d empty ]
          echo more >> one; rm gone; chmod 0755 'two words'; ln -sfn folder link
          mkdir new; echo new > "$(printf 'new/na\\nme\\376')"; rm -r folder
          echo odder > "$(printf 'line\\nbreak')"
          """)
      #expect(ran.status == 0, "\(ran.error)")
      #expect(try place.read("work/one") == "one\nmore\n")
      #expect(try place.read("work/line\nbreak") == "odder\n")
      let now = try listing()
      #expect(now.contains("f 755  work/one"))
      #expect(now.contains("f 755  work/two words"))
      #expect(now.contains("l 777 folder work/link"))
      #expect(now.contains("l 777 nowhere work/dangling"))
      #expect(!now.contains { $0.hasSuffix("work/gone") || $0.contains("work/folder") })
      #expect(try place.judge("sh", "-c", "cat \"$(printf 'work/new/na\\nme\\376')\"") == "new\n")
      #expect(try place.hutch("vms", "--format", "json").items("vms").isEmpty)
    }

    @Test func `with --discard nothing comes back`() throws {
      try makeWorkspace()
      let before = try listing()
      #expect(try run("--discard", script: "rm -r *; echo x > y").status == 0)
      #expect(try listing() == before)
      #expect(try place.store.leftovers().isEmpty)
    }

    @Test func `without either the VM keeps the changes until sync takes them`() throws {
      try makeWorkspace()
      let before = try listing()
      let ran = try run("--name", "holder", script: "echo added > added; rm gone; exit 3")
      #expect(ran.status == 3)
      #expect(ran.error.contains("VM \"holder\" holds 2 changed files: `hutch sync holder`"))
      #expect(try listing() == before)
      #expect(try place.state(of: "holder") == "finished")
      #expect(try place.vm("holder")?["unsynced"] == .bool(true))
      let changes = try place.hutch("sync", "holder", "--format", "json").items("changes")
      #expect(changes.map { $0["path"]?.string } == ["added", "gone"])
      #expect(changes.map { $0["change"]?.string } == ["added", "removed"])
      let refused = try place.hutch("rm", "holder")
      #expect(refused.status == 4)
      #expect(refused.error.contains("hint: `hutch sync holder` shows it"))
      #expect(try place.hutch("gc", "--now").status == 0)
      #expect(try place.vm("holder") != nil)
      #expect(try place.hutch("sync", "holder", "--apply").status == 0)
      #expect(try place.read("work/added") == "added\n")
      #expect(!Files.exists(place.directory + "/work/gone"))
      #expect(try place.vm("holder") == nil)
      #expect(try place.store.leftovers().isEmpty)
    }

    @Test func `what changed on both sides is not applied, and nothing is lost`() throws {
      try makeWorkspace()
      #expect(try run("--name", "holder", script: "echo theirs > one; echo new > new").status == 0)
      try place.write("work/one", "mine\n")
      let before = try listing()
      let refused = try place.hutch("sync", "holder", "--apply")
      #expect(refused.status == 4, "\(refused.error)")
      #expect(refused.error.contains("\"one\""))
      #expect(refused.error.contains("\nhint: "))
      #expect(try listing() == before)
      #expect(try place.read("work/one") == "mine\n")
      #expect(try place.vm("holder") != nil)
      #expect(try place.hutch("sync", "holder", "--format", "json").items("changes").count == 2)
      #expect(try place.hutch("sync", "holder", "--discard").status == 0)
      #expect(try place.vm("holder") == nil)
      #expect(try listing() == before)
    }

    @Test func `a workspace that is not a directory is refused before anything is built`() throws {
      let recipe = try place.recipe("unbuilt", steps: ["true"])
      try place.write("file", "")
      for path in ["file", "nowhere"] {
        let refused = try place.hutch("run", recipe, "--workspace", path, "--", "true")
        #expect(refused.status == 125)
        #expect(refused.error == "hutch: the workspace \"\(path)\" is not a directory\n")
      }
      #expect(!Files.exists(place.directory + "/unbuilt.lock"))
    }
  }
}
