import Host
import TestSupport
import Testing
import Vocabulary

@testable import Workspaces

/// What a guest could send to get more than a branch. Each is refused by the guard that is named,
/// and leaves nothing behind.
@Suite(.with("git")) struct GitTrickTests {
  private let place: GitWorkplace
  private let sent: GitPlace

  init() throws {
    place = try GitWorkplace()
    sent = try place.send().place
  }

  private func expectNothingKept(location: SourceLocation = #_sourceLocation) throws {
    #expect(!Files.exists(sent.path + "/quarantine"), sourceLocation: location)
    #expect(
      try place.shell(sent.path, "GIT_DIR=. git rev-parse -q --verify refs/hutch/result || echo no")
        == "no", sourceLocation: location)
  }

  /// Trees that git's own checks of objects (`fsck`, gitformat of trees) refuse.
  @Test(arguments: [
    (".git", "hasDotgit"), (".GIT", "hasDotgit"), (".Git", "hasDotgit"), ("git~1", "hasDotgit"),
    (".git ", "hasDotgit"), (".git.", "hasDotgit"), (".g\u{200c}it", "hasDotgit"),
    (".git::$INDEX_ALLOCATION", "hasDotgit"), ("..", "hasDotdot"), (".", "hasDot"),
    ("a/b", "fullPathname"),
  ])
  func `a tree with a name that is git's own or leads elsewhere is refused by fsck`(
    _ name: String, _ check: String
  ) throws {
    let forged = try place.forged(
      sent,
      tree: """
        blob=$(echo '#!/bin/sh' | git hash-object -w --stdin)
        hex=$(echo $blob | sed 's/../\\\\x&/g')
        printf "100644 \(name.replacing("$", with: "\\$"))\\\\0$hex" > ../tree
        git hash-object -t tree -w --literally ../tree
        """.replacing("printf \"", with: "bash -c 'printf \"$0\"' \""))
    let refused = try refusal { try place.receive(sent, forged) }
    guard case .badObjects(let said) = refused else {
      Issue.record("\(name): \(String(describing: refused))")
      return
    }
    #expect(said.contains(check), "\(said)")
    try expectNothingKept()
  }

  @Test(arguments: ["120000", "160000", "040000"])
  func `a link, a submodule or a directory called .git is refused by fsck`(_ mode: String) throws {
    let object =
      mode == "040000"
      ? "git mktree </dev/null"
      : mode == "160000"
        ? "git rev-parse HEAD"
        : "printf ../elsewhere | git hash-object -w --stdin"
    let forged = try place.forged(
      sent,
      tree: """
        object=$(\(object))
        hex=$(echo $object | sed 's/../\\\\x&/g')
        bash -c 'printf "$0"' "\(mode.replacing("040000", with: "40000")) .git\\\\0$hex" > ../tree
        git hash-object -t tree -w --literally ../tree
        """)
    guard case .badObjects(let said) = try refusal({ try place.receive(sent, forged) }) else {
      Issue.record("taken")
      return
    }
    #expect(said.contains("hasDotgit"))
    try expectNothingKept()
  }

  @Test func `a link in the place of .gitmodules is refused by fsck`() throws {
    // The guest's git would not add it either.
    let forged = try place.forged(
      sent,
      tree: """
        blob=$(printf .git/config | git hash-object -w --stdin)
        printf "120000 blob $blob\\t.gitmodules\\n" | git mktree
        """)
    guard case .badObjects(let said) = try refusal({ try place.receive(sent, forged) }) else {
      Issue.record("taken")
      return
    }
    #expect(said.contains("gitmodulesSymlink"))
    try expectNothingKept()
  }

  @Test(arguments: [
    ("--upload-pack=touch ran", "gitmodulesUrl"), ("-u/bin/sh", "gitmodulesUrl"),
  ])
  func `a submodule whose address is an option is refused by fsck`(
    _ url: String, _ check: String
  ) throws {
    try place.shell(
      place.guest,
      """
      git config -f .gitmodules submodule.x.path x
      git config -f .gitmodules submodule.x.url "$1"
      """, [url])
    guard case .badObjects(let said) = try refusal({ try place.receive(sent, place.answer(sent)) })
    else {
      Issue.record("taken")
      return
    }
    #expect(said.contains(check))
    try expectNothingKept()
  }

  @Test func `a submodule whose name climbs and one whose update is a command are refused by fsck`()
    throws
  {
    for (key, check) in [
      ("submodule.../../x.url", "gitmodulesName"), ("submodule.x.update", "gitmodulesUpdate"),
    ] {
      try place.shell(
        place.guest, "rm -f .gitmodules; git config -f .gitmodules \"$1\" '!touch ran'", [key])
      let refused = try refusal { try place.receive(sent, place.answer(sent)) }
      guard case .badObjects(let said) = refused else {
        Issue.record("\(key) taken")
        continue
      }
      #expect(said.contains(check))
    }
    try expectNothingKept()
  }

  @Test func `configuration, hooks, filters and monitors of the guest run nothing on the host`()
    throws
  {
    // The guest's own git may run them inside, which is why the answer is made before.
    try place.shell(place.guest, "echo '* filter=x diff=x merge=x' > .gitattributes; echo x > x")
    let answer = try place.answer(sent)
    let mark = place.path + "/ran"
    try place.shell(
      place.guest,
      """
      printf '#!/bin/sh\\ntouch \(mark)\\n' > ../program; chmod +x ../program
      for key in core.fsmonitor core.pager core.sshCommand diff.external filter.x.clean \\
        filter.x.smudge diff.x.textconv diff.x.command merge.x.driver core.hooksPath; do
        git config $key "$PWD/../program"
      done
      """)
    let changes = try #require(try place.receive(sent, answer))
    #expect(changes.list.first { $0.path == bytes(".gitattributes") }?.warning == .versionControl)
    try changes.take(into: place.host, as: "vm")
    #expect(!Files.exists(mark))
    #expect(try place.shell(place.host, "git config --get-regexp 'filter|diff' || true") == "")
  }

  @Test func `an answer whose commit is not in it is refused`() throws {
    try place.shell(place.guest, "echo x > x; git add x; git commit -q -m x")
    let tip = try place.git(place.guest, "rev-parse", "HEAD")
    let base = try #require(sent.base)
    for other in [String(repeating: "1", count: 40), String(repeating: "0", count: 40)] {
      let lie = try place.pack(tip, without: base, calling: other)
      #expect(try refusal { try place.receive(sent, lie) } == .noCommit)
    }
    try expectNothingKept()
  }

  @Test func `an answer that calls a file or a tag its commit is refused`() throws {
    let tip = try place.shell(
      place.guest, "echo x > x; git add x; git commit -q -m x; git rev-parse HEAD")
    let blob = try place.git(place.guest, "rev-parse", "HEAD:x")
    let lie = try place.pack(tip, without: try #require(sent.base), calling: blob)
    #expect(try refusal { try place.receive(sent, lie) } == .noCommit)
    try expectNothingKept()
  }

  @Test func `a commit whose tree or parent did not come is refused`() throws {
    let missing = String(repeating: "2", count: 40)
    for field in ["tree \(missing)\nparent \(sent.base ?? "")", "tree TREE\nparent \(missing)"] {
      let tip = try place.shell(
        place.guest,
        """
        printf '%s\\nauthor x <x@x> 1 +0000\\ncommitter x <x@x> 1 +0000\\n\\nx\\n' "$1" |
          sed "s/TREE/$(git rev-parse 'HEAD^{tree}')/" |
          git hash-object -t commit -w --literally --stdin
        """, [field])
      let pack = try place.shell(
        place.guest, "echo \(tip) | git pack-objects -q --stdout > ../pack; echo ok")
      #expect(pack == "ok")
      let lie =
        Array("hutch \(tip) 0\n".utf8) + (try Files.read(place.path + "/pack", limit: 1 << 20))
      guard case .badObjects = try refusal({ try place.receive(sent, lie) }) else {
        Issue.record("taken: \(field)")
        continue
      }
    }
    try expectNothingKept()
  }

  @Test(arguments: [
    "", "x", "hutch", "hutch \n", "hutch HEAD 0\n", "hutch --output=x 0\n",
    "hutch 1111111111111111111111111111111111111111 -1\n",
    "hutch 1111111111111111111111111111111111111111 0 x\n",
    "hutch 1111111111111111111111111111111111111111 0\nPACK",
    "hutch 1111111111111111111111111111111111111111 0\n# v2 git bundle\n",
    "# v2 git bundle\n1111111111111111111111111111111111111111 refs/heads/../../x\n\n",
    String(repeating: "h", count: 100_000),
  ])
  func `what is not a line and a pack is refused before git sees it`(_ text: String) throws {
    #expect(try refusal { try place.receive(sent, Array(text.utf8)) } == .noAnswer)
    try expectNothingKept()
  }

  @Test func `each byte of a pack that is changed makes it refused`() throws {
    try place.shell(place.guest, "echo two >> file; git commit -q -am second")
    let answer = try place.answer(sent)
    let start = try #require(answer.firstIndex(of: 10)) + 1
    var generator = Generator(state: 0x9E37_79B9_7F4A_7C15)
    for _ in 0..<24 {
      var bytes = answer
      let index = Int.random(in: start..<bytes.count, using: &generator)
      bytes[index] ^= UInt8.random(in: 1...255, using: &generator)
      #expect(try refusal { try place.receive(sent, bytes) } != nil, "byte \(index)")
    }
    for length in [start + 11, start + 12, answer.count - 21, answer.count - 1] {
      let cut = Array(answer.prefix(length))
      #expect(try refusal { try place.receive(sent, cut) } != nil, "cut at \(length)")
    }
    try expectNothingKept()
  }

  @Test func `more bytes, more objects or larger objects than may be are refused`() throws {
    try place.shell(
      place.guest, "head -c 3000000 /dev/zero > zeroes; git add -A; git commit -q -m big")
    let answer = try place.answer(sent)
    #expect(answer.count < 20_000)
    #expect(
      try refusal {
        try place.receive(sent, answer, limits: GitLimits(unpacked: .mebibytes(2)))
      } == .tooMuchUnpacked(.mebibytes(2)))
    #expect(
      try refusal { try place.receive(sent, answer, limits: GitLimits(objects: 2)) }
        == .tooManyObjects(2))
    #expect(
      try refusal { try place.receive(sent, answer, limits: GitLimits(size: ByteCount(1000))) }
        == .tooLarge(ByteCount(1000)))
    try expectNothingKept()
    #expect(try place.receive(sent, answer) != nil)
  }

  @Test func `objects that the commit does not need stay out of the user's repository`() throws {
    let tip = try place.shell(
      place.guest,
      "echo two >> file; git commit -q -am second; git rev-parse HEAD")
    let junk = try place.shell(place.guest, "echo junk | git hash-object -w --stdin")
    try place.shell(
      place.guest,
      """
      { echo \(junk); git rev-list --objects HEAD ^\(sent.base ?? "") | cut -d' ' -f1; } |
        git pack-objects -q --stdout > ../pack
      """)
    let bytes =
      Array("hutch \(tip) 0\n".utf8) + (try Files.read(place.path + "/pack", limit: 1 << 20))
    let changes = try #require(try place.receive(sent, bytes))
    try changes.take(into: place.host, as: "vm")
    #expect(try place.shell(place.host, "git cat-file -e \(junk) 2>/dev/null || echo no") == "no")
  }
}
