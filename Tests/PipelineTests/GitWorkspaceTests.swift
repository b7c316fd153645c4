import Host
import TestSupport
import Testing
import Vocabulary

extension EndToEnd {
  @Suite(.with("git", "script")) struct GitWorkspaceTests {
    private let place = Place.current

    /// git with nothing of this machine's configuration, in a directory of the test's.
    @discardableResult
    private func shell(_ script: String, in directory: String = "work") throws -> String {
      var environment = Command.plainEnvironment
      environment["HOME"] = place.directory
      environment["GIT_CONFIG_NOSYSTEM"] = "1"
      return try Processes.runChecked(
        Command(
          "sh", ["-ec", script], environment: environment,
          workingDirectory: "\(place.directory)/\(directory)"), milliseconds: 60_000
      ).text
    }

    private func makeRepository(_ more: String = "") throws {
      try Files.makeDirectories(place.directory + "/work")
      try shell(
        """
        git init -q -b main; git config user.name 'A Person'
        git config user.email person@example.org
        printf '*.o\\n' > .gitignore; echo one > file; mkdir folder; echo deep > folder/deep
        git add -A; git commit -q -m first
        \(more)
        """)
    }

    /// All that must stay as it is: refs, HEAD, index, configuration, files.
    private func state() throws -> String {
      try shell(
        """
        git for-each-ref; cat .git/HEAD .git/config; sha256sum .git/index
        find . -path ./.git -prune -o -printf '%p %m %s %T@\\n' | sort
        """)
    }

    private func run(
      _ options: String..., workspace: String = "work", script: String
    ) throws -> Outcome {
      try place.program.run(
        ["run", "base", "--cpus", "1", "--workspace", workspace] + options
          + ["--", "sh", "-ec", script])
    }

    @Test func `commits and what was left uncommitted come back as a branch`() throws {
      try makeRepository("echo two >> file; echo draft > draft; echo o > old.o")
      let before = try state()
      let ran = try run(
        "--apply", "--name", "worker",
        script: """
          [ "$PWD" = /workspace ]; [ "$(git symbolic-ref HEAD)" = refs/heads/main ]
          [ "$(git status --porcelain)" = "$(printf ' M file\\n?? draft')" ]
          [ ! -e old.o ]; [ -z "$(git remote)" ]
          git commit -q -am second; echo new > new; echo built > built.o
          """)
      #expect(ran.status == 0, "\(ran.error)")
      #expect(
        ran.error.contains(
          "branch \"hutch/worker\" holds 2 commits: `git merge hutch/worker`"), "\(ran.error)")
      let log = try shell("git log --format='%an <%ae> %s' main..hutch/worker")
      #expect(
        log == """
          hutch <hutch@localhost> Work that was not committed in the VM
          A Person <person@example.org> second

          """)
      let names = try shell("git diff --name-status main hutch/worker")
      #expect(names == "A\tdraft\nM\tfile\nA\tnew\n")
      #expect(try shell("git fsck --strict 2>&1") == "")
      try shell("git branch -D -q hutch/worker")
      #expect(try state() == before)
      #expect(try place.hutch("vms", "--format", "json").items("vms").isEmpty)
      #expect(try place.store.leftovers().isEmpty)
    }

    @Test func `without a terminal the work waits with the VM until sync takes it`() throws {
      try makeRepository()
      let before = try state()
      let ran = try run(
        "--name", "holder", script: "echo x > .envrc; git add .; git commit -qm x; exit 3")
      #expect(ran.status == 3)
      #expect(
        ran.error.contains("VM \"holder\" holds 1 commit: `hutch sync holder`"), "\(ran.error)")
      #expect(try state() == before)
      #expect(try place.state(of: "holder") == "finished")
      let shown = try place.hutch("sync", "holder", "--format", "json")
      let changes = try shown.items("changes")
      #expect(changes.map { $0["path"]?.string } == [".envrc"])
      #expect(changes.first?["warning"] == .string("shell-hook"))
      let branch = try JSON(parsing: shown.output)["branch"]
      #expect(branch?["name"] == .string("hutch/holder"))
      #expect(branch?["commit_count"] == .integer(1))
      #expect(try place.hutch("rm", "holder").status == 4)
      #expect(try place.hutch("gc", "--now").status == 0)

      // A branch in the way is not moved, and nothing is lost.
      try shell("git branch hutch/holder; echo mine > mine; git add mine; git commit -qm mine")
      let moved = try state()
      let refused = try place.hutch("sync", "holder", "--apply")
      #expect(refused.status == 4, "\(refused.error)")
      #expect(refused.error.contains("the branch \"hutch/holder\" exists already"))
      #expect(try state() == moved)
      try shell("git branch -D -q hutch/holder")
      #expect(try place.hutch("sync", "holder", "--apply").status == 0)
      try shell("git merge -q -m merged hutch/holder")
      #expect(try place.read("work/.envrc") == "x\n")
      #expect(try place.vm("holder") == nil)
      #expect(try place.store.leftovers().isEmpty)
    }

    @Test func `with --discard nothing comes back`() throws {
      try makeRepository()
      let before = try state()
      #expect(try run("--discard", script: "git rm -qr .; git commit -qm gone").status == 0)
      #expect(try state() == before)
      #expect(try place.store.leftovers().isEmpty)
    }

    @Test func `in a subdirectory of a linked work tree the command starts there`() throws {
      try makeRepository("git worktree add -q -b other ../linked")
      let ran = try run(
        "--apply", "--name", "worker", workspace: "linked/folder",
        script: """
          [ "$PWD" = /workspace/folder ]; [ "$(git symbolic-ref HEAD)" = refs/heads/other ]
          echo more >> deep
          """)
      #expect(ran.status == 0, "\(ran.error)")
      #expect(try shell("git show hutch/worker:folder/deep") == "deep\nmore\n")
      #expect(try shell("git symbolic-ref HEAD", in: "linked") == "refs/heads/other\n")
    }

    @Test func `a repository without commits, and one with a detached HEAD, work as well`() throws {
      try Files.makeDirectories(place.directory + "/work")
      try shell("git init -q -b main; echo draft > draft")
      let first = try run(
        "--apply", "--name", "one",
        script: "git -c user.name=x -c user.email=x commit -q --allow-empty -m x")
      #expect(first.status == 0, "\(first.error)")
      #expect(try shell("git ls-tree --name-only hutch/one") == "draft\n")
      try shell("git checkout -q -f --detach hutch/one")
      let second = try run(
        "--apply", "--name", "two", script: "! git symbolic-ref -q HEAD; echo y > y")
      #expect(second.status == 0, "\(second.error)")
      #expect(try shell("git log --format=%s hutch/one..hutch/two | wc -l") == "1\n")
    }

    @Test func `a repository that is broken inside comes back as files, and the VM stays`() throws {
      try makeRepository()
      let ran = try run("--name", "holder", script: "rm -rf .git; echo two >> file; echo n > new")
      #expect(ran.status == 0)
      #expect(ran.error.contains("without commits"), "\(ran.error)")
      let paths = try place.hutch("sync", "holder", "--format", "json").items("changes")
      #expect(paths.map { $0["path"]?.string } == ["file", "new"])
      #expect(try place.hutch("sync", "holder", "--apply").status == 0)
      #expect(try place.read("work/file") == "one\ntwo\n")
      #expect(try shell("git log --format=%s") == "first\n")
      #expect(try place.state(of: "holder") == "stopped")
    }

    @Test func `a guest's git that lies is told apart, and its files can still be had`() throws {
      try makeRepository()
      let ran = try run(
        "--name", "holder",
        script: """
          echo two >> file
          sudo mv /usr/bin/git /usr/bin/git.real
          printf '#!/bin/sh\\necho "hutch HEAD 0"; exit 0\\n' | sudo tee /usr/bin/git >/dev/null
          sudo chmod +x /usr/bin/git
          """)
      #expect(ran.status == 0, "\(ran.error)")
      #expect(ran.error.contains("without commits"), "\(ran.error)")
      let paths = try place.hutch("sync", "holder", "--format", "json").items("changes")
      #expect(paths.map { $0["path"]?.string } == ["file"])
    }

    @Test func `commits on another branch keep the VM`() throws {
      try makeRepository()
      let ran = try run(
        "--apply", "--name", "holder",
        script: """
          git checkout -q -b side; git commit -q --allow-empty -m side; git checkout -q main
          echo two >> file
          """)
      #expect(ran.status == 0, "\(ran.error)")
      #expect(ran.error.contains("is kept for what stays in it"), "\(ran.error)")
      #expect(try place.state(of: "holder") == "stopped")
      #expect(try shell("git rev-list --count main..hutch/holder") == "1\n")
    }

    @Test func `changes in a submodule keep the VM, and others come back`() throws {
      try makeRepository(
        """
        git init -q ../inner; cd ../inner; echo x > x; git add x
        git -c user.name=x -c user.email=x commit -q -m x; cd ../work
        git -c protocol.file.allow=always submodule add -q ../inner sub; git commit -q -m sub
        """)
      let ran = try run("--apply", "--name", "same", script: "[ -e sub/x ]; echo two >> file")
      #expect(ran.status == 0, "\(ran.error)")
      #expect(try place.vm("same") == nil)
      let kept = try run("--name", "holder", script: "echo more >> sub/x; echo two >> file")
      #expect(kept.error.contains("stays in the VM: \"sub/x\""), "\(kept.error)")
      #expect(try place.hutch("sync", "holder", "--apply").status == 0)
      #expect(try place.state(of: "holder") == "stopped")
      #expect(try shell("git diff --name-only main hutch/holder") == "file\n")
    }

    @Test func `a person in front of a terminal sees the commits and is asked`() throws {
      try makeRepository()
      // The answer is typed once the question is there: before, it would be the command's.
      let script = """
        mkfifo typed
        script -qefc '"$HUTCH" run base --cpus 1 --workspace work --name asker --no-tty -- sh -c \
          "echo x > .envrc; git add .; git commit -qm careful"' said <typed >/dev/null &
        exec 3>typed
        for turn in $(seq 500); do
          ! grep -q 'make the branch' said || break
          kill -0 $!
          sleep 0.2
        done
        echo y >&3
        wait $!
        """
      var environment = place.program.environment
      environment["HUTCH"] = Program.path
      try Processes.runChecked(
        Command(
          "sh", ["-ec", script], environment: environment, workingDirectory: place.directory),
        milliseconds: 120_000)
      let said = try place.read("said")
      #expect(said.contains("careful  (A Person)"), "\(said)")
      #expect(said.contains("added  .envrc  +1 -0   (careful: a shell runs or reads it"))
      #expect(said.contains("make the branch \"hutch/asker\"?"))
      #expect(try shell("git show hutch/asker:.envrc") == "x\n")
    }

    @Test func `--workspace-mode says otherwise than the directory`() throws {
      try makeRepository()
      let copied = try run(
        "--apply", "--workspace-mode", "copy",
        script: "git commit -q --allow-empty -m x; echo x > x")
      #expect(copied.status == 0, "\(copied.error)")
      #expect(try place.read("work/x") == "x\n")
      #expect(try shell("git log --format=%s --all") == "first\n")
      try Files.makeDirectories("/tmp/hutch-plain-\(Files.name(of: place.directory))")
      defer { try? Files.removeTree("/tmp/hutch-plain-\(Files.name(of: place.directory))") }
      let refused = try run(
        "--workspace-mode", "git",
        workspace: "/tmp/hutch-plain-\(Files.name(of: place.directory))", script: "true")
      #expect(refused.status == 125)
      #expect(refused.error.contains("is in no work tree of git"))
    }
  }
}
