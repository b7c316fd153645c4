import Host
import TestSupport
import Testing

@testable import Workspaces

@Suite(.with("git")) struct GitReceiveTests {
  @Test func `commits come back, and one more with what was left uncommitted`() throws {
    let place = try GitWorkplace()
    try place.write(place.host, ".gitignore", "*.o\n")
    let (_, changes) = try place.work(
      """
      echo two >> file; git commit -q -am second; git rm -q folder/deep
      echo new > new; echo built > built.o
      """)
    #expect(changes.commitCount == 2)
    #expect(changes.commits.map(\.author) == ["hutch", "A Person"])
    #expect(changes.commits.map(\.subject) == ["Work that was not committed in the VM", "second"])
    #expect(changes.descends)
    let list = changes.list.map { "\($0.kind.rawValue) \(PathText.of($0.path)) \($0.size)" }
    #expect(
      list == [
        "added .gitignore 4", "changed file 8", "removed folder/deep 5", "added new 4",
      ])
    #expect(changes.lines[bytes("file")] == .init(added: 1, removed: 0))
  }

  @Test func `the branch is made, and nothing else of the user's is touched`() throws {
    let place = try GitWorkplace()
    let before = try place.state()
    let (_, changes) = try place.work("echo two >> file; git commit -q -am second")
    #expect(try place.state() == before)
    try changes.take(into: place.host, as: "vm")
    let line = "\(changes.tip) commit\trefs/heads/hutch/vm\n"
    #expect(try place.state().replacing(line, with: "") == before)
    #expect(try place.git(place.host, "fsck", "--strict") == "")
    try place.git(place.host, "merge", "-q", "hutch/vm")
    #expect(try place.read(place.host + "/file") == "one\ntwo\n")
  }

  @Test func `a host that moved on gets the branch all the same`() throws {
    let place = try GitWorkplace()
    let (_, changes) = try place.work("echo two >> file")
    try place.shell(place.host, "echo x > x; git add x; git commit -q -m mine")
    try changes.take(into: place.host, as: "vm")
    try place.git(place.host, "merge", "-q", "-m", "merge", "hutch/vm")
    #expect(try place.read(place.host + "/file") == "one\ntwo\n")
  }

  @Test func `a host that rewrote and collected its history gets all that was sent`() throws {
    let place = try GitWorkplace()
    let (_, changes) = try place.work("echo two >> file")
    try place.shell(
      place.host,
      """
      git checkout -q --orphan fresh; git commit -q -m fresh; git branch -D -q main
      git reflog expire --expire=now --all; git gc -q --prune=now
      """)
    try changes.take(into: place.host, as: "vm")
    #expect(try place.git(place.host, "rev-list", "--count", "hutch/vm") == "2")
    #expect(try place.git(place.host, "fsck", "--strict") == "")
  }

  @Test func `a branch of that name that exists is not moved`() throws {
    let place = try GitWorkplace()
    let (_, changes) = try place.work("echo two >> file")
    try place.git(place.host, "branch", "hutch/vm")
    let before = try place.state()
    #expect {
      try changes.take(into: place.host, as: "vm")
    } throws: { error in
      guard case .branchExists(let name) = error as? WorkspacesError else { return false }
      return name == "hutch/vm"
    }
    #expect(try place.state() == before)
  }

  @Test func `a branch in the way of the directory is an error that changes nothing`() throws {
    let place = try GitWorkplace()
    let (_, changes) = try place.work("echo two >> file")
    try place.git(place.host, "branch", "hutch")
    let before = try place.state()
    #expect(throws: WorkspacesError.self) { try changes.take(into: place.host, as: "vm") }
    #expect(try place.state() == before)
  }

  @Test func `what is kept in a VM's folder can be looked at and taken later`() throws {
    let place = try GitWorkplace()
    let (kept, changes) = try place.work("echo two >> file; git commit -q -am second")
    let again = try GitChanges.load(kept.path)
    #expect(again.tip == changes.tip)
    #expect(again.list == changes.list)
    try again.take(into: place.host, as: "vm")
    #expect(try place.git(place.host, "rev-parse", "hutch/vm") == changes.tip)
    #expect(!Files.exists(kept.path + "/quarantine"))
    #expect(!Files.exists(kept.path + "/going.pack"))
  }

  @Test func `a repository without commits comes back with its first ones`() throws {
    let place = try GitWorkplace(commit: false)
    try place.write(place.host, "draft", "draft\n")
    let (_, changes) = try place.work("git add draft; git commit -q -m first; echo x > x")
    #expect(changes.commitCount == 2)
    try changes.take(into: place.host, as: "vm")
    #expect(try place.git(place.host, "ls-tree", "--name-only", "hutch/vm") == "draft\nx")
  }

  @Test func `a repository without commits and files comes back as nothing`() throws {
    let place = try GitWorkplace(commit: false)
    let sent = try place.send().place
    #expect(try place.receive(sent, try place.answer(sent)) == nil)
  }

  @Test func `of a detached HEAD the commits come back too`() throws {
    let place = try GitWorkplace()
    try place.git(place.host, "checkout", "-q", "--detach")
    let (_, changes) = try place.work("echo two >> file; git commit -q -am second")
    #expect(changes.commitCount == 1)
  }

  @Test func `of a shallow copy the commits fit the whole history`() throws {
    let place = try GitWorkplace()
    try place.git(place.host, "commit", "-q", "--allow-empty", "-m", "second")
    let sent = try place.send(history: GitHistory(commits: 1)).place
    try place.shell(place.guest, "echo two >> file; git commit -q -am third")
    let changes = try #require(try place.receive(sent, try place.answer(sent)))
    #expect(changes.commitCount == 1)
    #expect(changes.descends)
    try changes.take(into: place.host, as: "vm")
    #expect(try place.git(place.host, "rev-list", "--count", "hutch/vm") == "3")
    #expect(try place.git(place.host, "fsck", "--strict") == "")
  }

  @Test func `a history that was rewritten is said not to come after what was sent`() throws {
    let place = try GitWorkplace()
    let (_, changes) = try place.work("git commit -q --amend -m other; echo x > x")
    #expect(!changes.descends)
    try changes.take(into: place.host, as: "vm")
    #expect(try place.git(place.host, "rev-list", "--count", "hutch/vm") == "2")
  }

  @Test func `a repository with sha256 works as one with sha1`() throws {
    let place = try GitWorkplace(commit: false)
    try place.shell(
      place.path,
      """
      rm -rf host; git init -q -b main --object-format=sha256 host; cd host
      git config user.name x; git config user.email x
      """)
    try place.write(place.host, "file", "one\n")
    try place.shell(place.host, "git add file; git commit -q -m first")
    let (_, changes) = try place.work("echo two >> file")
    #expect(changes.tip.utf8.count == 64)
    try changes.take(into: place.host, as: "vm")
    #expect(try place.git(place.host, "show", "hutch/vm:file") == "one\ntwo")
  }

  @Test func `changes that commits don't show are told apart from others`() throws {
    let place = try GitWorkplace()
    try place.shell(
      place.host,
      "echo '*.bin filter=x' > .gitattributes; echo p > x.bin; git add -A; git commit -qm bin")
    let files = try GitFiles(try place.repository())
    func change(_ path: String, below: Int = 0) -> WorkspaceChange {
      WorkspaceChange(
        kind: .removed, path: bytes(path), node: .file, size: 0, mode: 0o644, target: [],
        below: below)
    }
    #expect(files.hides(change("x.bin")))
    #expect(!files.hides(change("file")))
    #expect(!files.hides(change("folder", below: 1)))
  }

  @Test func `commits on other branches are counted`() throws {
    let place = try GitWorkplace()
    let sent = try place.send().place
    try place.shell(
      place.guest, "git checkout -q -b x; git commit -q --allow-empty -m x; git checkout -q main")
    let answer = try GitAnswer(path: place.path + "/answer")
    try answer.take(try place.answer(sent))
    try answer.finish()
    #expect(answer.others == 1)
  }

  @Test func `the guest's own git is left as it was`() throws {
    let place = try GitWorkplace()
    let sent = try place.send().place
    try place.shell(place.guest, "echo x > x")
    let look = "find .git -type f | sort | xargs sha256sum"
    let before = try place.shell(place.guest, look)
    _ = try place.answer(sent)
    #expect(try place.shell(place.guest, look) == before)
  }

  @Test func `a workspace without a repository is told apart`() throws {
    let place = try GitWorkplace()
    let sent = try place.send().place
    try Files.removeTree(place.guest + "/.git")
    do {
      _ = try place.answer(sent)
      Issue.record("it answered")
    } catch let refused as GitWorkplace.Refused {
      #expect(refused.status == Int32(GitQuestion.noRepository))
    }
  }

  @Test func `files that programs run by themselves are marked, and so are links that lead out`()
    throws
  {
    let place = try GitWorkplace()
    let (_, changes) = try place.work(
      """
      echo x > .envrc; echo x > package.json; echo '* filter=x' > .gitattributes
      mkdir .vscode; echo x > .vscode/tasks.json; echo x > plain
      ln -s /etc/passwd out; ln -s folder in
      git init -q nested; cd nested; git commit -q --allow-empty -m x
      """.replacing("git commit", with: "git -c user.name=x -c user.email=x commit"))
    let marks = Dictionary(
      uniqueKeysWithValues: changes.list.map { (PathText.of($0.path), $0.warning) })
    #expect(marks[".envrc"] == .shellHook)
    #expect(marks["package.json"] == .packageHook)
    #expect(marks[".gitattributes"] == .versionControl)
    #expect(marks[".vscode/tasks.json"] == .editorTask)
    #expect(marks["out"] == .linkOut)
    #expect(marks["in"] == .some(nil))
    #expect(marks["plain"] == .some(nil))
    #expect(marks["nested"] == .versionControl)
    #expect(try changes.nestedRepositories() == [bytes("nested")])
  }
}
