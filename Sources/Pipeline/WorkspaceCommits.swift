internal import GuestProtocol
internal import Host
internal import Launch
internal import Vocabulary
internal import Workspaces

/// What was fetched from a VM whose command ended.
struct FetchedWork {
  /// nil if the command changed nothing.
  var work: WorkspaceWork?
  /// Something is in the VM that did not come, so the VM must stay.
  var staysInside = false
}

extension OutgoingWorkspace {
  /// How long the guest's git may take.
  private static let milliseconds = 1_800_000

  /// Fetches the command's work: commits from a repository, else changes of files. Where commits
  /// can't be had, there are still the files.
  ///
  /// - Parameter user: who ran the command.
  func fetch(
    _ sent: Sent, user: [UInt8], to folder: String, over link: any GuestLink, _ report: Reporter,
    _ timings: inout Timings
  ) throws -> FetchedWork {
    try report.stage("workspace out", &timings) {
      var fetched = FetchedWork()
      if let repository = sent.repository {
        do {
          fetched = try fetchCommits(repository.place, user, folder, link, report)
          if repository.files.hasUnseen {
            try lookForUnseen(repository.files, sent, folder, link, report, &fetched)
          }
          return fetched
        } catch let absence as NoCommits {
          report(.note("\(absence.reason): its files are taken as they are, without commits"))
          fetched.staysInside = absence.mayHold
          try? Files.removeTree(Self.repository(in: folder))
        }
      }
      let changes = try fetchChanges(sent, to: folder, over: link, report)
      for left in changes.leftOut where sent.repository == nil || left.reason != .git {
        report(
          .note(
            "stays in the VM: \"\(Self.text(left.path))\": \(left.reason.explanation)"))
      }
      fetched.work = changes.isEmpty ? nil : .files(changes)
      return fetched
    }
  }

  /// Why there are no commits to be had, and whether there may be some.
  private struct NoCommits: Error {
    var reason: String
    var mayHold = true
  }

  private func fetchCommits(
    _ place: GitPlace, _ user: [UInt8], _ folder: String, _ link: any GuestLink, _ report: Reporter
  ) throws -> FetchedWork {
    let sink = AnswerSink(try GitAnswer(path: folder + "/workspace.pack"))
    try ask(link, sink, place, user)
    let changes: GitChanges?
    do {
      try sink.answer.finish()
      changes = try place.receive(sink.answer)
    } catch let error as WorkspacesError {
      throw NoCommits(reason: error.message)
    }
    var fetched = FetchedWork()
    if sink.answer.others > 0 {
      fetched.staysInside = true
      report(
        .note(
          "stays in the VM: commits that are not on the branch of its HEAD: \(sink.answer.others)"
        ))
    }
    guard let changes else { return fetched }
    for path in try changes.nestedRepositories() {
      fetched.staysInside = true
      report(.note("stays in the VM: \"\(Self.text(path))\": it is a repository of its own"))
    }
    fetched.work = .branch(changes)
    return fetched
  }

  /// Commits don't show what was changed in submodules and behind filters; the files do.
  private func lookForUnseen(
    _ files: GitFiles, _ sent: Sent, _ folder: String, _ link: any GuestLink, _ report: Reporter,
    _ fetched: inout FetchedWork
  ) throws {
    defer { try? Files.remove(Self.changes(in: folder)) }
    let changes = try fetchChanges(sent, to: folder, over: link, report)
    let unseen = changes.list.filter(files.hides).map(\.path)
    guard let first = unseen.first else { return }
    fetched.staysInside = true
    let rest = unseen.count > 1 ? " and \(unseen.count - 1) more" : ""
    report(
      .note(
        "stays in the VM: \"\(Self.text(first))\"\(rest): changes in submodules, and in files "
          + "that a filter of git's made, do not come back"))
  }

  private func ask(
    _ link: any GuestLink, _ sink: AnswerSink, _ place: GitPlace, _ user: [UInt8]
  ) throws {
    var request = OpenRequest(.exec)
    request.arguments = GitQuestion.words(base: place.base, directory: Self.guestPath)
      .map { Array($0.utf8) }
    request.environment = [Array("LC_ALL=C".utf8)]
    request.directory = Array("/".utf8)
    request.user = user
    let said = MemorySink(limit: 16 << 10)
    let outcome = try link.run(
      request, io: SessionIO(input: nil, output: sink, error: said),
      milliseconds: Self.milliseconds
    ).outcome
    if let failure = sink.failure { throw NoCommits(reason: failure.message) }
    switch outcome {
    case .exited(0): return
    case .exited(GitQuestion.noGit):
      throw NoCommits(reason: "the image has no git", mayHold: false)
    case .exited(GitQuestion.noRepository):
      throw NoCommits(reason: "git takes the VM's workspace for no repository any more")
    case .failed(let failure):
      throw NoCommits(reason: TailBuffer.printable(failure.text), mayHold: false)
    case .interrupted(let signal): throw HostError.interrupted(signal: signal)
    default:
      let words =
        TailBuffer.printable(Array(said.bytes.suffix(512)))
        .split(separator: "\n").last.map { ": \($0)" } ?? ""
      throw NoCommits(reason: "the VM's git could not say what it has\(words)")
    }
  }
}

/// Takes the answer as it comes; at the first wrong byte nobody listens any more.
private final class AnswerSink: ByteSink {
  let descriptor: Int32 = -1
  let answer: GitAnswer
  private(set) var failure: WorkspacesError?

  init(_ answer: GitAnswer) { self.answer = answer }

  func take(_ bytes: ArraySlice<UInt8>) throws -> Int? {
    do {
      try answer.take([UInt8](bytes))
      return bytes.count
    } catch let error as WorkspacesError {
      failure = error
      return nil
    }
  }
}
