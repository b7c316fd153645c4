import Host
import Testing
import Vocabulary

@testable import Workspaces

/// A user's repository, the copy that a VM would get of it, and a guest that may say anything.
final class GitWorkplace {
  let path: String
  /// The user's work tree.
  let host: String
  /// What a guest would work in.
  let guest: String

  init(commit: Bool = true) throws {
    path = "/tmp/hutch-git-\(Hex.encode(Randomness.bytes(6)))"
    host = path + "/host"
    guest = path + "/guest"
    try Files.makeDirectories(host)
    try git(host, "init", "-q", "-b", "main")
    try git(host, "config", "user.name", "A Person")
    try git(host, "config", "user.email", "person@example.org")
    if commit {
      try write(host, "file", "one\n")
      try write(host, "folder/deep", "deep\n")
      try git(host, "add", "-A")
      try git(host, "commit", "-q", "-m", "first")
    }
  }

  deinit { try? Files.removeTree(path) }

  /// git as a person would run it, with nothing of this machine's configuration.
  @discardableResult
  func git(_ directory: String, _ arguments: String...) throws -> String {
    try shell(directory, "exec git \"$@\"", arguments)
  }

  @discardableResult
  func shell(_ directory: String, _ script: String, _ arguments: [String] = []) throws -> String {
    var environment = Command.plainEnvironment
    environment["HOME"] = path
    environment["GIT_CONFIG_NOSYSTEM"] = "1"
    environment["GIT_CONFIG_GLOBAL"] = "/dev/null"
    environment["GIT_AUTHOR_DATE"] = "1700000000 +0000"
    environment["GIT_COMMITTER_DATE"] = "1700000000 +0000"
    return try Processes.runChecked(
      Command(
        "sh", ["-ec", script, "sh"] + arguments, environment: environment,
        workingDirectory: directory)
    ).text.trimmed
  }

  func write(_ directory: String, _ name: String, _ text: String) throws {
    try Files.makeDirectories(Files.parent(of: "\(directory)/\(name)"))
    try Files.write("\(directory)/\(name)", Array(text.utf8), durable: false)
  }

  func read(_ name: String) throws -> String {
    String(decoding: try Files.read(name, limit: 1 << 20), as: UTF8.self)
  }

  func repository(_ directory: String? = nil) throws -> GitRepository {
    try #require(try GitRepository.find(directory ?? host))
  }

  /// Makes the copy and unpacks it where the guest is, with a tar that is not ours.
  @discardableResult
  func send(
    _ directory: String? = nil, history: GitHistory = GitHistory()
  ) throws -> (place: GitPlace, snapshot: WorkspaceSnapshot) {
    let repository = try repository(directory)
    let files = try GitFiles(repository)
    let place = try GitPlace.make(at: path + "/place", from: repository, history: history)
    try place.unwatch(files.unwatched)
    let archive = try WorkspaceArchive(
      directory: repository.top, files: files, repository: place)
    var bytes: [UInt8] = []
    while case let piece = try archive.next(65536), !piece.isEmpty { bytes += piece }
    try place.remember()
    try Files.removeTree(guest)
    try Files.makeDirectories(guest)
    try Files.write(path + "/in.tar", bytes, durable: false)
    try Processes.runChecked(Command("tar", ["-xf", path + "/in.tar", "-C", guest]))
    return (place, archive.snapshot)
  }

  /// What the guest's git says of it, by our own script.
  func answer(_ place: GitPlace) throws -> [UInt8] {
    let words = GitQuestion.words(base: place.base, directory: guest)
    let result = try Processes.run(
      Command(words[0], Array(words.dropFirst()), environment: Command.plainEnvironment))
    guard result.status.isSuccess else { throw Refused(status: result.status.shellStatus) }
    return result.output
  }

  struct Refused: Error { var status: Int32 }

  func receive(
    _ place: GitPlace, _ bytes: [UInt8], limits: GitLimits = GitLimits()
  ) throws -> GitChanges? {
    let answer = try GitAnswer(path: path + "/answer", limits: limits)
    var rest = bytes[...]
    while !rest.isEmpty {
      try answer.take([UInt8](rest.prefix(1000)))
      rest = rest.dropFirst(1000)
    }
    try answer.finish()
    return try place.receive(answer, limits: limits)
  }

  /// The way there and back.
  func work(_ script: String) throws -> (GitPlace, GitChanges) {
    let place = try send().place
    try shell(guest, script)
    return (place, try #require(try receive(place, try answer(place))))
  }

  /// An answer whose tip is a commit of whatever tree the script prints the name of.
  func forged(_ place: GitPlace, tree script: String) throws -> [UInt8] {
    let base = place.base ?? ""
    let tip = try shell(
      guest,
      """
      tree=$(\(script))
      git -c user.name=x -c user.email=x@x commit-tree -p \(base) -m forged "$tree"
      """)
    return try pack(tip, without: base)
  }

  func pack(_ tip: String, without base: String, calling other: String? = nil) throws -> [UInt8] {
    try shell(
      guest, "printf '%s\\n^%s\\n' \"$1\" \"$2\" | git pack-objects --revs -q --stdout >../pack",
      [tip, base])
    return Array("hutch \(other ?? tip) 0\n".utf8)
      + (try Files.read(path + "/pack", limit: 64 << 20))
  }

  /// Everything in the user's repository that must not change: refs, HEAD, index, configuration,
  /// work tree.
  func state() throws -> String {
    try shell(
      host,
      """
      git for-each-ref; cat .git/HEAD .git/config; sha256sum .git/index 2>/dev/null || true
      find . -path ./.git -prune -o -printf '%p %m %s %T@\\n' | sort; ls .git/hooks || true
      """)
  }
}

extension String {
  var trimmed: String {
    var text = self[...]
    while text.last == "\n" { text.removeLast() }
    return String(text)
  }
}

func refusal(_ body: () throws -> some Any) throws -> GitRefusal? {
  do {
    _ = try body()
    return nil
  } catch WorkspacesError.gitRefused(let reason) {
    return reason
  }
}
