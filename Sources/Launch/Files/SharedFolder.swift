internal import GuestProtocol
internal import Host
internal import Vocabulary

/// What a VM shares with others: some files below a user's home, from one directory of the host's.
package struct SharedFiles: Sendable, Hashable {
  /// Whose log-in it is, for people.
  package var name: String
  /// Of the host.
  package var directory: String
  /// Below the home of `user`.
  package var files: [String]
  /// In the VM; empty for the one who runs commands there.
  package var user: String

  package init(name: String, directory: String, files: [String], user: String) {
    self.name = name
    self.directory = directory
    self.files = files
    self.user = user
  }
}

/// Keeps files of a VM and those of a directory of the host's the same: what either side changes is
/// told to the other, and the directory's own watch tells of what other VMs changed.
///
/// The guest is not trusted. It can replace the contents of the files that the stream was opened for
/// and nothing else: it says numbers, not names. What it says is bounded in size and number, and the
/// first thing that is wrong ends this stream, and nothing else of the VM.
package final class SharedFolder: StreamEndpoint {
  package let shared: SharedFiles
  private unowned let connection: GuestConnection
  private let directory: SharedDirectory
  private var decoder: SharedFileDecoder
  private var files: [File]
  private var stage = Stage.waiting
  /// One event on its way; the next is made when it is out.
  private var outgoing = ByteQueue()
  /// How often the guest was asked whether it has done and said all, and how often it said so.
  private var asked = 1
  private var toAsk = 1
  private var answered = 0
  /// Contents that the guest may still send, and when it last got more.
  private var credit = SharedFolder.burst
  private var credited = Clock.monotonic()
  /// Where nothing tells of changes.
  private var looksAt = Clock.monotonic()
  private static let pause: UInt64 = 1_000_000_000
  /// Why the guest is not heard any more, for people.
  package private(set) var failure: String?

  private enum Stage {
    /// The guest has not greeted.
    case waiting
    case open(stream: UInt32)
    case over
  }

  private struct File {
    var path: String
    /// What both sides had last; `.unknown` before the guest was told anything.
    var known = Known.unknown
    /// How many contents came from the guest.
    var heard: UInt32 = 0
    /// The directory is to be looked at.
    var isDue = true
  }

  private enum Known: Equatable {
    case unknown
    case absent
    case contents(Digest)
  }

  /// Contents of files that a guest may send at once, and then each second for each file. A log-in
  /// changes every few minutes at most.
  private static let burst = 64
  /// More than this on the way to the guest, and these files wait.
  private static let backlog = 1 << 20
  private static let piece = 64 << 10

  /// - Parameter connection: has to outlive this, which it keeps itself once the stream is open.
  package init(_ connection: GuestConnection, _ shared: SharedFiles) throws {
    self.connection = connection
    self.shared = shared
    directory = try SharedDirectory(shared.directory)
    files = shared.files.map { File(path: $0) }
    decoder = SharedFileDecoder(sender: .guest, files: files.count)
  }

  /// Whether both sides have the same, as far as anybody knows; also if they never will again.
  package var isSettled: Bool {
    if case .over = stage { return true }
    return answered == asked
  }

  /// Whether neither side has any of the files.
  package var isEmpty: Bool { files.allSatisfy { $0.known == .absent } }

  /// Asks the guest to say all that is new: `isSettled` once it has.
  package func synchronise() {
    if case .over = stage { return }
    asked += 1
    toAsk += 1
    for index in files.indices { files[index].isDue = true }
  }

  // MARK: The loop

  /// Before the connection to the guest is watched, because this has something to say to it.
  package func watch(_ set: inout PollSet) {
    if case .waiting = stage, connection.isGreeted { open() }
    guard case .open(let stream) = stage else { return }
    lookIfDue()
    while connection.backlog < Self.backlog {
      if outgoing.isEmpty { prepare() }
      let count = min(connection.inputWindow(stream), outgoing.front.count, Self.piece)
      guard count > 0 else { break }
      connection.sendInput(outgoing.front.prefix(count), stream)
      outgoing.drop(count)
    }
    if directory.changes >= 0 {
      set.watch(directory.changes, .reading) { [self] in changed() }
    } else {
      set.wake(at: looksAt)
    }
  }

  /// Without a watch, when it is time.
  private func lookIfDue() {
    let now = Clock.monotonic()
    guard directory.changes < 0, now >= looksAt else { return }
    looksAt = now + Self.pause
    changed()
  }

  private func open() {
    guard connection.capabilities.contains(.files) else {
      return giveUp("the VM was made by a Hutch that could not do that")
    }
    var request = OpenRequest(.files)
    request.arguments = files.map { Array($0.path.utf8) }
    request.user = Array(shared.user.utf8)
    do {
      stage = .open(stream: try connection.request(.open(request), endpoint: self))
    } catch {
      giveUp((error as? any Failure)?.message ?? "\(error)")
    }
  }

  private func changed() {
    directory.forgetChanges()
    for index in files.indices { files[index].isDue = true }
  }

  /// Makes the next event for the guest.
  private func prepare() {
    while let index = files.firstIndex(where: \.isDue) {
      files[index].isDue = false
      let bytes = directory.isThere ? directory.read(files[index].path) : nil
      let now = bytes.map { Known.contents(Digest.of($0)) } ?? .absent
      if now == files[index].known { continue }
      files[index].known = now
      let event =
        bytes.map { SharedFileEvent.contents(file: index, heard: files[index].heard, $0) }
        ?? .removed(file: index)
      return outgoing.append(event.encoded)
    }
    if toAsk > 0 {
      toAsk -= 1
      outgoing.append(SharedFileEvent.sync.encoded)
    }
  }

  // MARK: The guest

  package func streamReceived(_ event: StreamEvent, on stream: UInt32) throws {
    switch event {
    case .data(_, let bytes):
      guard case .open = stage else { return }
      do {
        var rest = bytes[...]
        while let event = try decoder.next(from: &rest) { try take(event) }
        connection.consumed(bytes.count, .standardOutput, stream)
      } catch let error as GuestProtocolError {
        giveUp("the VM said what is no log-in (\(error))")
      } catch let error as Refusal {
        giveUp(error.rawValue)
      } catch {
        giveUp((error as? any Failure)?.message ?? "\(error)")
      }
    case .failed(let failure): giveUp(TailBuffer.printable(failure.text))
    case .ended(.standardOutput), .exited, .reset: giveUp("the VM ended it")
    case .started, .ended, .credit, .done: break
    }
  }

  private enum Refusal: String, Error {
    case tooOften = "the VM changed it more often than a log-in changes"
    case unasked = "the VM answered what nobody asked"
  }

  private func take(_ event: SharedFileEvent) throws {
    switch event {
    case .contents(let index, _, let bytes):
      guard mayChange() else { throw Refusal.tooOften }
      files[index].heard &+= 1
      let new = Known.contents(Digest.of(bytes))
      // Nobody logs in anew by what a VM still holds.
      guard new != files[index].known, directory.isThere else { return }
      try directory.write(bytes, to: files[index].path)
      files[index].known = new
    case .sync:
      guard answered < asked - toAsk else { throw Refusal.unasked }
      answered += 1
    // Never from a guest: its decoder refuses it.
    case .removed: break
    }
  }

  private func mayChange() -> Bool {
    let seconds = Int(clamping: (Clock.monotonic() - credited) / 1_000_000_000)
    if seconds > 0 {
      credited += UInt64(seconds) * 1_000_000_000
      credit = min(Self.burst, credit + min(seconds, Self.burst) * files.count)
    }
    credit -= 1
    return credit >= 0
  }

  private func giveUp(_ reason: String) {
    if case .over = stage { return }
    if case .open(let stream) = stage { connection.reset(stream) }
    stage = .over
    failure = reason
    outgoing = ByteQueue()
  }
}

extension GuestLink {
  /// Until both sides of all that is shared have the same, or for so long.
  package func settle(_ folders: [SharedFolder], milliseconds: Int) throws {
    let deadline = Clock.monotonic() + UInt64(milliseconds) * 1_000_000
    while folders.contains(where: { !$0.isSettled }), Clock.monotonic() < deadline {
      var set = PollSet()
      watch(&set)
      set.wake(at: deadline)
      set.watch(Interrupt.descriptor, .reading) { try Interrupt.check() }
      try set.turn()
      try check()
    }
  }
}
