import Host
import Testing
import Vocabulary

extension EndToEnd {
  @Suite struct LifeTests {
    private let place = Place.current

    @Test func `a VM keeps its files from start to start`() throws {
      let made = try place.hutch("clone", "base", "keeper", "--cpus", "1", "--format", "json")
      #expect(try made.items("vms").first?["state"] == .string("created"))
      #expect(try place.hutch("start", "keeper").text == "keeper\n")
      #expect(try place.state(of: "keeper") == "running")
      #expect(try place.hutch("exec", "keeper", "--", "sh", "-c", "echo kept > ~/kept").status == 0)
      #expect(
        try place.hutch("exec", "keeper", "sudo", "sh", "-c", "echo said > /dev/console").status
          == 0)
      #expect(try place.hutch("logs", "keeper").text.contains("said"))
      #expect(try place.hutch("stop", "keeper").status == 0)
      #expect(try place.state(of: "keeper") == "stopped")
      let asleep = try place.hutch("exec", "keeper", "--", "true")
      #expect(asleep.status == 125)
      #expect(asleep.error.contains("\"keeper\" is not running\nhint: "))
      #expect(try place.hutch("start", "keeper").status == 0)
      #expect(try place.hutch("exec", "keeper", "--", "cat", "kept").text == "kept\n")
      #expect(try place.hutch("stop", "keeper").status == 0)
      #expect(try place.store.users().isEmpty)
    }

    @Test func `a running VM serves many at once and is not removed by mistake`() throws {
      #expect(try place.hutch("start", "base", "--name", "busy", "--cpus", "1").status == 0)
      // Each waits for a file of the other's.
      let commands = [("a", "b"), ("b", "a")].map { mine, other in
        "touch ~/\(mine); while ! [ -e ~/\(other) ]; do sleep 0.05; done; echo \(mine)"
      }
      let running = try commands.map { try place.start("exec", "busy", "--", "sh", "-c", $0) }
      #expect(try running.map { try $0.finish(milliseconds: 30_000).text } == ["a\n", "b\n"])
      #expect(try place.hutch("exec", "busy", "--", "sh", "-c", "exit 9").status == 9)
      // Input gets there although nothing else happens on the way.
      for line in (1...10).map({ "line \($0)\n" }) {
        #expect(try place.hutch("exec", "busy", "--", "cat", input: Array(line.utf8)).text == line)
      }
      let again = try place.hutch("start", "busy")
      #expect(again.status == 4)
      #expect(again.error.contains("hint: `hutch stop busy` first"))
      let refused = try place.hutch("rm", "busy")
      #expect(refused.status == 4)
      #expect(refused.error.contains("\"busy\" is running\nhint: "))
      #expect(try place.hutch("exec", "busy", "--", "true").status == 0)
      #expect(try place.hutch("rm", "--force", "busy").status == 0)
      #expect(try place.vm("busy") == nil)
      #expect(try place.store.leftovers().isEmpty)
      #expect(try place.store.users().isEmpty)
    }

    @Test func `what is written before init is done is there afterwards`() throws {
      #expect(try place.hutch("start", "base", "--name", "early", "--cpus", "1").status == 0)
      let places = ["/tmp", "/var/tmp", "/home/agent", "/run/user-files"]
      let written = try place.hutch(
        "exec", "early", "--user", "root", "--", "sh", "-ec",
        "for p in \(places.joined(separator: " ")); do mkdir -p $p; echo > $p/early; done")
      #expect(written.status == 0)
      let settled = try place.hutch(
        "exec", "early", "--", "sh", "-c",
        """
        state() { systemctl is-active multi-user.target 2>/dev/null; }
        [ "$(state)" = active ] && echo too late
        until [ "$(state)" = active ]; do sleep 0.2; done
        findmnt -no FSTYPE,OPTIONS /tmp
        """)
      #expect(settled.text.hasPrefix("tmpfs"), "\(settled.text)\(settled.error)")
      #expect(settled.text.contains("nosuid,nodev"))
      for name in places {
        #expect(try place.hutch("exec", "early", "--", "test", "-e", "\(name)/early").status == 0)
      }
      #expect(try place.hutch("rm", "--force", "early").status == 0)
    }

    @Test func `files and trees go into a VM and come out again, and nothing else does`() throws {
      try Processes.runChecked(
        Command(
          "sh",
          [
            "-ec",
            """
            mkdir -p tree/folder there; echo one > tree/one; chmod 0751 tree/one; ln tree/one tree/two
            ln -s one tree/link; echo odd > "$(printf 'tree/folder/line\nbreak')"
            """,
          ], workingDirectory: place.directory))
      #expect(try place.hutch("start", "base", "--name", "copier", "--cpus", "1").status == 0)
      #expect(try place.hutch("cp", "tree", "copier:/tmp").status == 0)
      #expect(try place.hutch("cp", "tree/one", "copier:/tmp/new/name").status == 0)
      #expect(try place.hutch("cp", "tree/one", "copier:/root/kept", "--user", "root").status == 0)
      let inside = """
        cd /tmp/tree; [ -O one ]; [ one -ef two ]; [ "$(stat -c %a one)" = 751 ]
        [ "$(readlink link)" = one ]; [ -f "$(printf 'folder/line\nbreak')" ]
        cmp one ../new/name; [ "$(sudo stat -c %U /root/kept)" = root ]
        ln -s /etc/passwd out; git init -q repository; mkfifo pipe; ln -s /etc way
        """
      let looked = try place.hutch("exec", "copier", "--", "sh", "-ec", inside)
      #expect(looked.status == 0, "\(looked.error)")

      let back = try place.hutch("cp", "copier:/tmp/tree", "there")
      #expect(back.status == 0)
      #expect(back.error.contains("stays in the VM: \"tree/out\""))
      #expect(back.error.contains("stays in the VM: \"tree/repository/.git\""))
      #expect(back.error.contains("\"tree/pipe\" is neither file, directory nor link"))
      let same = ["-r", "--no-dereference", "-x", "repository", "tree", "there/tree"]
      #expect(
        try Processes.run(
          Command("diff", same, workingDirectory: place.directory)
        ).output.isEmpty)
      #expect(try place.judge("stat", "-c", "%a %h", "there/tree/one") == "751 2\n")
      #expect(try place.hutch("cp", "copier:/tmp/tree", "there").status == 4)
      #expect(try place.hutch("cp", "copier:/etc/hostname", "there/tree/one").status == 0)
      #expect(try place.read("there/tree/one") == "copier\n")
      #expect(try place.read("there/tree/two") == "one\n", "a new file, not a new content")
      let missing = try place.hutch("cp", "copier:/nowhere", "there")
      #expect(missing.status == 1)
      #expect(missing.error.contains("cannot find \"nowhere\""))
      #expect(try place.hutch("cp", "nowhere", "copier:/tmp").status == 3)
      #expect(try place.hutch("cp", "tree", "copier:tmp").status == 5)
      #expect(try place.hutch("cp", "tree", "there").status == 2)
      #expect(try Files.list(place.directory + "/there") == ["tree"])
    }

    @Test func `a paused VM answers nobody until it is resumed, and starts anew when asked`() throws
    {
      #expect(try place.hutch("start", "base", "--name", "sleeper", "--cpus", "1").status == 0)
      #expect(
        try place.hutch("exec", "sleeper", "--", "sh", "-c", "echo kept > ~/kept").status == 0)
      #expect(try place.hutch("pause", "sleeper").status == 0)
      #expect(try place.state(of: "sleeper") == "paused")
      let asked = try place.hutch("exec", "sleeper", "--", "true")
      #expect(asked.status == 125)
      #expect(asked.error.contains("\"sleeper\" is paused\nhint: `hutch resume sleeper` first"))
      #expect(try place.hutch("resume", "sleeper").status == 0)
      #expect(try place.state(of: "sleeper") == "running")
      #expect(try place.hutch("restart", "sleeper").status == 0)
      #expect(
        try place.hutch("shell", "sleeper", input: Array("cat kept; exit 7".utf8)).text == "kept\n")
      // A paused one can be stopped all the same.
      #expect(try place.hutch("pause", "sleeper").status == 0)
      #expect(try place.hutch("stop", "sleeper", "--wait", "5").status == 0)
      #expect(try place.hutch("pause", "sleeper").status == 4)
      #expect(try place.store.users().isEmpty)
    }

    @Test func `a VM whose supervisor is killed has crashed, and starts again`() throws {
      #expect(try place.hutch("start", "base", "--name", "orphan", "--cpus", "1").status == 0)
      _ = try place.hutch("exec", "orphan", "--", "sh", "-c", "echo kept > ~/kept; sync")
      try place.killMachine(of: "orphan")
      #expect(try place.store.users().isEmpty, "the emulator goes with its supervisor")
      #expect(try place.state(of: "orphan") == "crashed")
      #expect(try place.hutch("start", "orphan").status == 0)
      #expect(try place.hutch("exec", "orphan", "--", "cat", "kept").text == "kept\n")
    }

    @Test func `a VM's name must be free and fit to be a host name`() throws {
      #expect(try place.hutch("clone", "base", "taken").status == 0)
      for arguments in [
        ["clone", "base", "taken"], ["start", "base", "--name", "taken"],
      ] {
        let refused = try place.program.run(arguments)
        #expect(refused.status == 4)
        #expect(refused.error.contains("there is a VM \"taken\" already\nhint: "))
      }
      #expect(try place.hutch("run", "--name", "taken", "base", "--", "true").status == 125)
      for name in ["Taken", "-a", "a_b", "a/b", "..", "a.b", String(repeating: "a", count: 64), ""]
      {
        let refused = try place.hutch("clone", "--", "base", name)
        #expect(refused.status == 5, "\(name): \(refused.error)")
      }
      #expect(try place.hutch("vms", "--format", "json").items("vms").count == 1)
      for verb in ["stop", "rm", "logs", "sync"] {
        #expect(try place.hutch(verb, "nobody").status == 3)
      }
    }

    @Test func `clones are made in numbers, each a small file`() throws {
      let made = try place.hutch("clone", "base", "many", "--count", "20").text
      #expect(made == (1...20).map { "many-\($0)\n" }.joined())
      let unnamed = try place.hutch("clone", "base", "--count", "5").text.split(separator: "\n")
      #expect(Set(unnamed).count == 5)
      #expect(unnamed.allSatisfy { $0.hasPrefix("base-") })
      #expect(try Files.list(place.store.path + "/vms").count == 25)
      let used = try place.judge("du", "-sk", place.store.path + "/vms")
      #expect(Int(used.prefix { $0.isNumber }) ?? .max <= 25 * 24 + 4)
      let names = try Files.list(place.store.path + "/vms")
      #expect(try place.program.run(["rm"] + names).status == 0)
      #expect(try place.store.leftovers().isEmpty)
    }
  }
}
