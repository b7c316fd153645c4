import Host
import Testing
import Vocabulary

extension EndToEnd {
  /// Log-ins of a stand-in for an agent: a script with a file for its token.
  @Suite struct LogInTests {
    private let place = Place.current

    /// Logs in, replaces its token as agents do, and has settings and a history, too.
    @discardableResult
    private func agent() throws -> String {
      try place.recipe(
        "stand-in",
        #"""
        tool = true

        [[step]]
        run = '''
        mkdir -p /opt/stand-in/bin
        cat > /opt/stand-in/bin/stand-in <<'END'
        #!/bin/sh
        home=$HOME/.stand-in
        mkdir -p "$home"
        case "$1" in
        login|rotate)
          echo "$2" > "$home/token.json.tmp"
          mv "$home/token.json.tmp" "$home/token.json"
          echo set > "$home/settings"
          echo did >> "$home/history"
          ;;
        show) cat "$home/token.json" ;;
        esac
        END
        chmod 0755 /opt/stand-in/bin/stand-in
        ln -s /opt/stand-in/bin/stand-in /usr/local/bin/stand-in
        '''

        [agent]
        command = ["stand-in", "show"]
        login = ["stand-in", "login", "sesame-1"]
        credentials = [".stand-in/token.json"]
        """#)
      _ = try place.build("./stand-in.toml")
      return "stand-in"
    }

    private var kept: String { place.directory + "/state/hutch/credentials/stand-in" }

    /// What the host has.
    private func token() -> String? {
      (try? Files.read(kept + "/.stand-in%2Ftoken.json", limit: 4096)).map {
        String(decoding: $0, as: UTF8.self)
      }
    }

    /// What a VM has, once it is that.
    private func expect(_ token: String, in vm: String) throws {
      var said = ""
      for _ in 0..<100 {
        said = try place.hutch("exec", vm, "--", "stand-in", "show").text
        if said == token + "\n" { return }
        Clock.pause(milliseconds: 100)
      }
      Issue.record("\(vm) has \"\(said)\", not \"\(token)\"")
    }

    @Test func `a log-in is its listed files, and is where it was asked for`() throws {
      try agent()
      let early = try place.hutch("run", "stand-in", "--credentials", "stand-in")
      #expect(early.status == 1)
      #expect(early.error.contains("there is no log-in of \"stand-in\": `hutch login stand-in`"))
      let login = try place.hutch("login", "stand-in")
      #expect(login.status == 0, "\(login.error)")
      #expect(login.text == "the log-in of \"stand-in\" is kept: .stand-in/token.json\n")
      #expect(!login.error.contains("sesame"))
      #expect(try Files.list(kept) == [".stand-in%2Ftoken.json"])
      #expect(Files.status(kept)?.mode == 0o700)
      #expect(Files.status(kept + "/.stand-in%2Ftoken.json")?.mode == 0o600)
      #expect(token() == "sesame-1\n")
      let with = try place.hutch(
        "run", "base", "--with", "stand-in", "--credentials", "stand-in", "--", "sh", "-c",
        "stand-in show; cd ~/.stand-in; stat -c '%n %a %U' . *")
      #expect(with.text == "sesame-1\n. 700 agent\ntoken.json 600 agent\n")
      #expect(with.error == "" && with.status == 0)
      let root = try place.hutch(
        "run", "--user", "root", "stand-in", "--credentials", "stand-in")
      #expect(root.text == "sesame-1\n", "\(root.error)")
      let without = try place.hutch("run", "stand-in")
      #expect(without.text == "" && without.status == 1)
      let again = try place.hutch("login", "stand-in", "--", "true")
      #expect(again.text == "the log-in of \"stand-in\" is as it was: .stand-in/token.json\n")
      #expect(try place.hutch("logout", "stand-in").status == 0)
      #expect(Files.status(kept) == nil)
      #expect(try place.hutch("logout", "stand-in").status == 3)
      let failed = try place.hutch("login", "stand-in", "--", "sh", "-c", "exit 7")
      #expect(failed.status == 1)
      #expect(
        failed.error.contains("\"stand-in\" left no log-in, and its command ended with status 7"))
    }

    @Test func `a token that one VM replaces is in all that share it`() throws {
      try agent()
      #expect(try place.hutch("login", "stand-in").status == 0)
      for vm in ["first", "second"] {
        let started = try place.hutch(
          "start", "base", "--name", vm, "--with", "stand-in", "--credentials", "stand-in")
        #expect(started.status == 0, "\(started.error)")
        #expect(try place.vm(vm)?["credentials"] == .array([.string("stand-in")]))
      }
      #expect(try place.hutch("start", "base", "--name", "apart", "--with", "stand-in").status == 0)
      #expect(try place.hutch("exec", "first", "--", "stand-in", "show").text == "sesame-1\n")
      let before = try things()
      #expect(try place.hutch("exec", "first", "--", "stand-in", "rotate", "sesame-2").status == 0)
      try expect("sesame-2", in: "second")
      #expect(token() == "sesame-2\n")
      #expect(try place.hutch("exec", "second", "--", "stand-in", "rotate", "sesame-3").status == 0)
      try expect("sesame-3", in: "first")
      // Settings and history are each VM's own.
      #expect(
        try place.hutch("exec", "first", "--", "sh", "-c", "cd ~/.stand-in; cat settings history")
          .text == "set\ndid\n")
      #expect(try Files.list(kept) == [".stand-in%2Ftoken.json"])
      #expect(Files.status(kept + "/.stand-in%2Ftoken.json")?.mode == 0o600)
      #expect(try place.hutch("exec", "apart", "--", "stand-in", "show").status == 1)
      // What was changed last before the end is not lost.
      let last = try place.hutch(
        "run", "base", "--with", "stand-in", "--credentials", "stand-in", "--", "stand-in",
        "rotate", "sesame-4")
      #expect(last.status == 0, "\(last.error)")
      #expect(token() == "sesame-4\n")
      try expect("sesame-4", in: "first")
      #expect(try leaks() == "")
      #expect(try things() == before)
      // A VM that comes up again has what is there now, whatever it had.
      #expect(try place.hutch("stop", "second").status == 0)
      #expect(try place.hutch("exec", "first", "--", "stand-in", "rotate", "sesame-5").status == 0)
      try expect("sesame-5", in: "first")
      #expect(try place.hutch("start", "second").status == 0)
      #expect(try place.hutch("exec", "second", "--", "stand-in", "show").text == "sesame-5\n")
      #expect(try place.hutch("stop", "second").status == 0)
      // So has one that comes up after the log-in was forgotten: none.
      #expect(try place.hutch("logout", "stand-in").status == 0)
      try expectNone(in: "first")
      #expect(try place.hutch("start", "second").status == 0)
      try expectNone(in: "second")
      #expect(token() == nil)
    }

    private func expectNone(in vm: String) throws {
      for _ in 0..<100 {
        if try place.hutch("exec", vm, "--", "test", "-e", ".stand-in/token.json").status == 1 {
          return
        }
        Clock.pause(milliseconds: 100)
      }
      Issue.record("\(vm) still has a token")
    }

    @Test func `VMs that replace it at the same time end with one token`() throws {
      try agent()
      #expect(try place.hutch("login", "stand-in").status == 0)
      let vms = ["first", "second"]
      for vm in vms {
        _ = try place.hutch(
          "start", "base", "--name", vm, "--with", "stand-in", "--credentials", "stand-in")
      }
      let running = try vms.map { vm in
        try place.start(
          "exec", vm, "--", "sh", "-c",
          "for n in $(seq 40); do stand-in rotate \(vm)-$n; sleep 0.0$((n % 9)); done")
      }
      for one in running { #expect(try one.finish().status == 0) }
      var tokens: Set<String?> = []
      for _ in 0..<100 {
        tokens = [token()]
        for vm in vms { tokens.insert(try place.hutch("exec", vm, "--", "stand-in", "show").text) }
        if tokens.count == 1 { break }
        Clock.pause(milliseconds: 100)
      }
      #expect(tokens.count == 1 && ["first-40\n", "second-40\n"].contains(tokens.first))
    }

    /// Where a token stands that must not: anything of the store but what VMs wrote to their disks.
    private func leaks() throws -> String {
      // Sparse files of many gibibytes are not read; nothing new may be among them.
      let script = "grep -rlaE 'sesame-[2-9]' --exclude=overlay.qcow2 --exclude='*.raw' . || true"
      return try place.judge("sh", "-c", "cd \"$1\"; \(script)", "sh", place.store.path)
    }

    /// What layers, packages and disks the store has.
    private func things() throws -> [String] {
      try ["blobs/sha256", "trees", "disks", "inputs/sha256", "boot"].flatMap { folder in
        try Files.list("\(place.store.path)/\(folder)").map { "\(folder)/\($0)" }
      }
    }

    @Test func `what a VM puts in place of a token that is none, stays in it`() throws {
      try agent()
      #expect(try place.hutch("login", "stand-in").status == 0)
      for trick in [
        "rm token.json", "ln -sf /etc/passwd token.json", "rm token.json; mkdir token.json",
        "truncate -s 2M token.json", ": > token.json", "rm token.json; mkfifo token.json",
        "echo x > other.json; echo x > ../escape", "rm -r ../.stand-in; ln -s /etc ../.stand-in",
      ] {
        let run = try place.hutch(
          "run", "base", "--with", "stand-in", "--credentials", "stand-in", "--", "sh", "-c",
          "cd ~/.stand-in; \(trick); sleep 0.3")
        #expect(run.status == 0 && run.error == "", "\(trick): \(run.error)")
        #expect(token() == "sesame-1\n", "\(trick)")
        #expect(try Files.list(kept) == [".stand-in%2Ftoken.json"])
      }
      let flood = try place.hutch(
        "run", "base", "--with", "stand-in", "--credentials", "stand-in", "--", "sh", "-c",
        "cd ~/.stand-in; for n in $(seq 3000); do echo $n > token.json; done; echo end > token.json"
      )
      // The guest program says the last of them, once a second.
      #expect(flood.status == 0 && flood.error == "", "\(flood.error)")
      #expect(token() == "end\n")
    }

    @Test func `a log-in of what is not there, or has none, is refused`() throws {
      try agent()
      try place.recipe(
        "mute",
        """
        tool = true
        [[step]]
        run = "mkdir -p /opt/mute; echo > /opt/mute/x"
        [agent]
        command = ["true"]
        """)
      _ = try place.build("./mute.toml")
      let absent = try place.hutch("clone", "base", "--credentials", "stand-in")
      #expect(absent.status == 5)
      #expect(absent.error.contains("the VM has no agent \"stand-in\"\nhint: --with stand-in"))
      let mute = try place.hutch("run", "mute", "--credentials", "mute", "--", "true")
      #expect(mute.status == 125)
      #expect(mute.error.contains("\"mute\" keeps no log-in in files"))
      #expect(try place.hutch("login", "mute").status == 5)
      #expect(try place.hutch("login", "base").status == 5)
      #expect(try place.hutch("login", "nobody").status == 3)
      #expect(try place.hutch("logout", "../../x").status == 3)
      #expect(try place.vm("base") == nil)
    }
  }
}
