import Host
import TestSupport
import Testing

@testable import Workspaces

@Suite(.with("git")) struct GitSendTests {
  @Test func `HEAD, changes and untracked files go in, ignored ones do not`() throws {
    let place = try GitWorkplace()
    try place.write(place.host, ".gitignore", "*.o\n")
    try place.write(place.host, "file", "changed\n")
    try place.write(place.host, "new", "new\n")
    try place.write(place.host, "built.o", "built\n")
    try Files.remove(place.host + "/folder/deep")
    try place.send()
    #expect(try place.git(place.guest, "symbolic-ref", "HEAD") == "refs/heads/main")
    #expect(
      try place.git(place.guest, "rev-parse", "HEAD")
        == place.git(place.host, "rev-parse", "HEAD"))
    let status = try place.shell(place.guest, "git status --porcelain | sort")
    #expect(status == " D folder/deep\n M file\n?? .gitignore\n?? new")
    #expect(!Files.exists(place.guest + "/built.o"))
    #expect(try place.git(place.guest, "fsck", "--strict") == "")
  }

  @Test func `commits made inside carry the person's name`() throws {
    let place = try GitWorkplace()
    try place.send()
    #expect(try place.git(place.guest, "config", "user.name") == "A Person")
    #expect(try place.git(place.guest, "config", "user.email") == "person@example.org")
  }

  @Test func `remotes, hooks, credentials and other branches stay with the host`() throws {
    let place = try GitWorkplace()
    try place.git(place.host, "remote", "add", "origin", "https://user:secret@example.org/x.git")
    try place.git(place.host, "config", "credential.helper", "store")
    try place.git(place.host, "branch", "private")
    try place.write(place.host, ".git/hooks/pre-commit", "#!/bin/sh\n")
    try place.git(place.host, "gc", "-q")
    try place.send()
    #expect(try place.git(place.guest, "remote") == "")
    #expect(try place.shell(place.guest, "grep -r secret .git || true") == "")
    #expect(try place.shell(place.guest, "git config --get-regexp credential || true") == "")
    #expect(
      try place.git(place.guest, "for-each-ref", "--format=%(refname)") == "refs/heads/main")
    #expect(!Files.exists(place.guest + "/.git/hooks"))
    #expect(!Files.exists(place.guest + "/.git/objects/info/alternates"))
  }

  @Test func `a repository that borrows objects goes in whole`() throws {
    let place = try GitWorkplace()
    try place.git(place.path, "clone", "-q", "--shared", "host", "borrower")
    try place.send(place.path + "/borrower")
    #expect(!Files.exists(place.guest + "/.git/objects/info/alternates"))
    #expect(try place.git(place.guest, "fsck", "--full", "--strict") == "")
  }

  @Test func `of a long history as many commits go in as are asked for`() throws {
    let place = try GitWorkplace()
    for number in 0..<5 {
      try place.git(place.host, "commit", "-q", "--allow-empty", "-m", "\(number)")
    }
    try place.send(history: GitHistory(commits: 2))
    #expect(try place.git(place.guest, "rev-list", "--count", "HEAD") == "2")
    #expect(try place.git(place.guest, "fsck", "--strict") == "")
    try place.send(history: GitHistory(commits: 0))
    #expect(try place.git(place.guest, "rev-list", "--count", "HEAD") == "6")
  }

  @Test func `a work tree of a shallow clone goes in as shallow as it is`() throws {
    let place = try GitWorkplace()
    try place.git(place.host, "commit", "-q", "--allow-empty", "-m", "second")
    try place.git(place.path, "clone", "-q", "--depth=1", "file://\(place.host)", "shallow")
    try place.send(place.path + "/shallow")
    #expect(try place.git(place.guest, "rev-list", "--count", "HEAD") == "1")
    #expect(try place.git(place.guest, "fsck", "--strict") == "")
  }

  @Test func `a linked work tree goes in with its own branch`() throws {
    let place = try GitWorkplace()
    try place.git(place.host, "worktree", "add", "-q", "-b", "other", "../linked")
    try place.write(place.path + "/linked", "here", "here\n")
    try place.send(place.path + "/linked")
    #expect(try place.git(place.guest, "symbolic-ref", "HEAD") == "refs/heads/other")
    #expect(try place.git(place.guest, "status", "--porcelain") == "?? here")
  }

  @Test func `of a subdirectory the whole repository goes in, but only its own untracked files`()
    throws
  {
    let place = try GitWorkplace()
    try place.write(place.host, "folder/mine", "")
    try place.write(place.host, "elsewhere", "")
    let repository = try place.repository(place.host + "/folder")
    #expect(repository.prefix == "folder")
    #expect(try repository.holdsWorkspace)
    try place.send(place.host + "/folder")
    #expect(try place.git(place.guest, "status", "--porcelain") == "?? folder/mine")
    #expect(Files.exists(place.guest + "/file"))
  }

  @Test func `a directory that git merely lies above is no part of the repository`() throws {
    let place = try GitWorkplace()
    try Files.makeDirectories(place.host + "/scratch")
    #expect(try !place.repository(place.host + "/scratch").holdsWorkspace)
    #expect(try GitRepository.find(place.host + "/.git") == nil)
    #expect(try GitRepository.find(place.path) == nil)
  }

  @Test func `a detached HEAD and a branch with an odd name arrive as they are`() throws {
    let place = try GitWorkplace()
    let odd = "-x/ü'\"$(id);&|<b>"
    try place.git(place.host, "update-ref", "refs/heads/\(odd)", "HEAD")
    try place.git(place.host, "symbolic-ref", "HEAD", "refs/heads/\(odd)")
    try place.send()
    #expect(try place.git(place.guest, "symbolic-ref", "HEAD") == "refs/heads/\(odd)")
    try place.git(place.host, "checkout", "-q", "--detach")
    try place.send()
    #expect(try place.shell(place.guest, "git symbolic-ref -q HEAD || echo none") == "none")
    #expect(try place.git(place.guest, "status", "--porcelain") == "")
  }

  @Test func `what a filter made is sent and not compared, so pointers stay pointers`() throws {
    let place = try GitWorkplace()
    try place.write(place.host, ".gitattributes", "*.bin filter=big\n")
    try place.write(place.host, "x.bin", "pointer\n")
    try place.git(place.host, "add", "-A")
    try place.git(place.host, "commit", "-q", "-m", "pointer")
    try place.write(place.host, "x.bin", "the real thing\n")
    let (sent, _) = try place.send()
    #expect(try place.read(place.guest + "/x.bin") == "the real thing\n")
    #expect(try place.git(place.guest, "status", "--porcelain") == "")
    #expect(try place.receive(sent, try place.answer(sent)) == nil)
  }

  @Test func `files of a submodule go in as files, a repository inside that git ignores does not`()
    throws
  {
    let place = try GitWorkplace()
    for name in ["inner", "nested"] {
      try place.shell(
        place.path,
        """
        git init -q \(name); cd \(name); echo x > x; git add x
        git -c user.name=x -c user.email=x commit -q -m x
        """)
    }
    try place.git(
      place.host, "-c", "protocol.file.allow=always", "submodule", "add", "-q",
      place.path + "/inner", "sub")
    try place.shell(place.host, "git commit -q -m sub; cp -r ../nested nested")
    let files = try GitFiles(try place.repository())
    #expect(files.submodules == [bytes("sub")])
    #expect(files.nested == [bytes("nested")])
    try place.send()
    #expect(try place.read(place.guest + "/sub/x") == "x\n")
    #expect(!Files.exists(place.guest + "/sub/.git"))
    #expect(!Files.exists(place.guest + "/nested"))
    #expect(try place.git(place.guest, "status", "--porcelain") == "")
  }

  @Test func `a sparse checkout is not taken for deletions`() throws {
    let place = try GitWorkplace()
    try place.git(place.host, "sparse-checkout", "set", "--no-cone", "file")
    #expect(!Files.exists(place.host + "/folder/deep"))
    let (sent, _) = try place.send()
    #expect(try place.receive(sent, try place.answer(sent)) == nil)
  }

  @Test func `hooks, monitors and pagers of the host's repository are not run`() throws {
    let place = try GitWorkplace()
    let mark = place.path + "/ran"
    try place.shell(
      place.host,
      """
      printf '#!/bin/sh\\ntouch \(mark)\\n' > ../program; chmod +x ../program
      mkdir -p .git/hooks
      for hook in post-index-change reference-transaction post-checkout fsmonitor-watchman; do
        cp ../program ".git/hooks/$hook"
      done
      git config core.fsmonitor "$PWD/../program"; git config core.pager "$PWD/../program"
      git config core.sshCommand "$PWD/../program"; git config diff.external "$PWD/../program"
      """)
    let place2 = try place.send().place
    try place.shell(place.guest, "echo more >> file")
    let changes = try #require(try place.receive(place2, try place.answer(place2)))
    try changes.take(into: place.host, as: "vm")
    #expect(!Files.exists(mark))
  }
}
