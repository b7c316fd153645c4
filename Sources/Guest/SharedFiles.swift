import CGuest
import GuestProtocol

/// Files below a user's home that are the same here and on the host, and so in all VMs that share
/// them: the log-in of an agent, which replaces its tokens now and then.
///
/// What the host says first counts, whatever is here. After that the later change does. A file that
/// vanishes here is not missed anywhere else.
final class SharedFiles {
  let stream: UInt32
  private let user: User
  private let home: [UInt8]
  private var files: [File]
  private var decoder: SharedFileDecoder
  private var inputWindow = ReceiveWindow()
  private var window = SendWindow()
  /// One event that waits for the window; the next is made when it is out.
  private var outgoing: ArraySlice<UInt8> = []
  private var answersOwed = 0
  private let watcher: Int32
  /// When to look at the files again; nil: when something happens to them.
  private var looksAt: UInt64?
  private var lastLook: UInt64 = 0

  /// Milliseconds between a change and a look: most files are written aside and then renamed.
  private static let patience: UInt64 = 50
  /// The host takes no more than so many changes for log-ins.
  private static let pause: UInt64 = 1000

  private struct File {
    /// Directories below the home.
    var parents: [[UInt8]]
    var name: [UInt8]
    /// Whether the host has said how it is.
    var isKnown = false
    /// What both sides had last.
    var contents: [UInt8]?
    /// Of the file when it was last read.
    var mark: Mark?
    /// How many contents went to the host.
    var sent: UInt32 = 0
    /// It is to be looked at.
    var isDue = false
  }

  /// Changes with every change of a file.
  private struct Mark: Equatable {
    var inode: UInt64
    var size: UInt64
    var times: [Int64]

    init(_ status: guest_status) {
      inode = status.inode
      size = status.size
      times = [
        status.modified, Int64(status.modified_ns), status.changed, Int64(status.changed_ns),
      ]
    }
  }

  init(_ request: OpenRequest, stream: UInt32, defaultUser: String) throws(StartFailure) {
    let name = request.user.isEmpty ? defaultUser : text(request.user)
    guard let user = User.find(name.isEmpty ? "root" : name) else {
      throw StartFailure(.noSuchUser, "no user \"\(name)\"")
    }
    self.stream = stream
    self.user = user
    home = [UInt8]((user.home.isEmpty ? "/" : user.home).utf8)
    files = request.arguments.map { path in
      let parts = path.split(separator: UInt8(ascii: "/")).map { [UInt8]($0) }
      return File(parents: parts.dropLast(), name: parts[parts.count - 1])
    }
    decoder = SharedFileDecoder(sender: .host, files: files.count)
    watcher = guest_watcher()
    guard watcher >= 0 else {
      throw StartFailure(.noResources, errno: -watcher, "cannot watch files")
    }
    watch(making: true)
  }

  deinit { _ = guest_close(watcher) }

  // MARK: The loop

  /// The descriptor to wait for before `noticed`.
  var toPoll: Int32 { watcher }

  /// Something happened to one of the directories.
  func noticed() {
    guard guest_drain_watcher(watcher) == 1 else { return }
    let soon = guest_monotonic_ms() + SharedFiles.patience
    looksAt = min(looksAt ?? .max, max(soon, lastLook + SharedFiles.pause))
  }

  /// Milliseconds until `step` should be called again, whatever happens; nil for never.
  func patience(_ now: UInt64) -> UInt64? {
    looksAt.map { $0 > now ? $0 - now : 0 }
  }

  /// Looks if it is time, and sends what can be sent.
  func step(_ server: Server, _ now: UInt64) {
    if let looksAt, now >= looksAt { look(now) }
    while server.streams.queued < GuestProtocolLimits.window {
      if outgoing.isEmpty { prepare() }
      let count = min(outgoing.count, window.available, GuestProtocolLimits.payload)
      guard count > 0 else { return }
      window.consume(count)
      server.streams.send(
        Frame.header(
          stream: stream, type: .data, channel: GuestChannel.standardOutput.rawValue,
          length: count) + outgoing.prefix(count))
      outgoing = outgoing.dropFirst(count)
    }
  }

  /// Before the machine goes off: what changed last goes to the host, too.
  func flush(_ server: Server) { step(server, look(guest_monotonic_ms())) }

  @discardableResult
  private func look(_ now: UInt64) -> UInt64 {
    looksAt = nil
    lastLook = now
    for index in files.indices { files[index].isDue = files[index].isKnown }
    watch(making: false)
    return now
  }

  /// Makes the next event.
  private func prepare() {
    while let index = files.firstIndex(where: \.isDue) {
      files[index].isDue = false
      guard let contents = changedContents(index) else { continue }
      files[index].contents = contents
      files[index].sent &+= 1
      outgoing = SharedFileEvent.contents(file: index, heard: 0, contents).encoded[...]
      return
    }
    if answersOwed > 0 {
      answersOwed -= 1
      outgoing = SharedFileEvent.sync.encoded[...]
    }
  }

  // MARK: The host

  func receive(_ bytes: [UInt8], _ server: Server) throws(GuestProtocolError) {
    try inputWindow.receive(bytes.count, stream: stream, channel: .standardInput)
    var rest = bytes[...]
    while let event = try decoder.next(from: &rest) { take(event) }
    if let credit = inputWindow.consume(bytes.count) {
      server.control.send(Message.credit(.standardInput, bytes: credit).encoded(stream: stream))
    }
  }

  func grant(_ bytes: UInt32) throws(GuestProtocolError) {
    try window.grant(bytes, stream: stream, channel: .standardOutput)
  }

  private func take(_ event: SharedFileEvent) {
    switch event {
    case .contents(let index, let heard, let bytes):
      if files[index].isKnown {
        // Ours came later, or will: the host has not heard of it yet.
        if changedContents(index) != nil {
          files[index].isDue = true
          return
        }
        if heard != files[index].sent { return }
      }
      attempt("write", index) { () throws(ArchiveError) in try write(bytes, index) }
    case .removed(let index):
      attempt("remove", index) { () throws(ArchiveError) in try remove(index) }
    case .sync:
      answersOwed += 1
      look(guest_monotonic_ms())
    }
  }

  private func attempt(_ what: String, _ index: Int, _ body: () throws(ArchiveError) -> Void) {
    do {
      try body()
      files[index].isKnown = true
    } catch {
      // What is there instead is from before, and nobody else's business.
      files[index].isKnown = false
      log("cannot \(what) the shared file \"\(text(files[index].name))\": \(error)")
    }
  }

  // MARK: Files

  /// The directory of a file. It is reached without following links below the home.
  private func folder(of file: File, making: Bool) throws(ArchiveError) -> Folder {
    var folder = try Folder.open(home)
    for part in file.parents {
      if making, unsafe guest_mkdir_at(folder.descriptor, c(part), 0o700) == 0 {
        try own(folder, part)
      }
      folder = try folder.folder(part)
    }
    return folder
  }

  private func own(_ folder: Folder, _ name: [UInt8]) throws(ArchiveError) {
    try folder.check(
      unsafe guest_chown_at(folder.descriptor, c(name), user.uid, user.gid), "set the owner of",
      name)
  }

  /// Watches all directories that lead to the files. While one is missing it is looked for now and
  /// then; only at the beginning they are made.
  private func watch(making: Bool) {
    for file in files {
      do throws(ArchiveError) {
        if making { _ = try folder(of: file, making: true) }
        var folder = try Folder.open(home)
        for (depth, part) in file.parents.enumerated() {
          folder = try folder.folder(part)
          let isLast = depth == file.parents.count - 1
          if !isLast { try watch(folder, part, ownEndOnly: true) }
        }
        try watch(folder, file.name, ownEndOnly: false)
      } catch {
        looksAt = guest_monotonic_ms() + SharedFiles.pause
      }
    }
  }

  private func watch(_ folder: Folder, _ name: [UInt8], ownEndOnly: Bool) throws(ArchiveError) {
    try folder.check(
      guest_watch(watcher, folder.descriptor, ownEndOnly ? 1 : 0), "watch", name)
  }

  /// What a file holds, if that is new and can be shared.
  private func changedContents(_ index: Int) -> [UInt8]? {
    let file = files[index]
    guard let folder = try? folder(of: file, making: false),
      let status = folder.status(file.name), Int(status.kind) == GUEST_REGULAR,
      1...UInt64(SharedFile.largest) ~= status.size
    else { return nil }
    let mark = Mark(status)
    if mark == file.mark { return nil }
    let descriptor = unsafe guest_open_file_at(folder.descriptor, c(file.name))
    guard descriptor >= 0 else { return nil }
    defer { _ = guest_close(descriptor) }
    // It may be another file by now, or a growing one.
    var opened = guest_status()
    guard unsafe guest_status_at(descriptor, c([]), &opened) == 0,
      Int(opened.kind) == GUEST_REGULAR
    else { return nil }
    var bytes: [UInt8] = []
    while bytes.count <= SharedFile.largest {
      let part = read(descriptor, min(64 << 10, SharedFile.largest + 1 - bytes.count))
      guard part.error == 0 else { return nil }
      if part.bytes.isEmpty { break }
      bytes += part.bytes
    }
    guard 1...SharedFile.largest ~= bytes.count else { return nil }
    if bytes == file.contents {
      files[index].mark = mark
      return nil
    }
    return bytes
  }

  /// Replaces a file as a whole: whoever reads sees the old contents or the new ones.
  private func write(_ bytes: [UInt8], _ index: Int) throws(ArchiveError) {
    let file = files[index]
    let folder = try folder(of: file, making: true)
    let aside = file.name + [UInt8](".hutch".utf8)
    _ = unsafe guest_unlink_at(folder.descriptor, c(aside), 0)
    let descriptor = unsafe guest_create_file_at(folder.descriptor, c(aside), 0o600)
    try folder.check(descriptor, "create", aside)
    defer { _ = guest_close(descriptor) }
    do {
      try writeAll(descriptor, bytes[...])
    } catch {
      _ = unsafe guest_unlink_at(folder.descriptor, c(aside), 0)
      throw .system(path: folder.path(of: aside), operation: "write", errno: error.errno)
    }
    try own(folder, aside)
    try folder.check(
      unsafe guest_rename_at(folder.descriptor, c(aside), c(file.name)), "replace", file.name)
    files[index].contents = bytes
    files[index].mark = folder.status(file.name).map { Mark($0) }
  }

  private func remove(_ index: Int) throws(ArchiveError) {
    files[index].contents = nil
    files[index].mark = nil
    guard let folder = try? folder(of: files[index], making: false),
      folder.status(files[index].name) != nil
    else { return }
    try folder.check(
      unsafe guest_unlink_at(folder.descriptor, c(files[index].name), 0), "remove",
      files[index].name)
  }
}
