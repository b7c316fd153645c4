internal import Catalog
internal import GuestProtocol
internal import Host
internal import Launch
internal import Vocabulary
internal import Workspaces

/// One end of `hutch cp`.
package enum CopyEnd: Sendable, Hashable {
  case here(String)
  /// An absolute path in a running VM.
  case inside(vm: String, path: String)

  /// `NAME:PATH` is in a VM, everything else is here; `./a:b` is a file with a colon in its name.
  package init(_ text: String) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    if parts.count == 2, VMNames.isValid(String(parts[0])) {
      self = .inside(vm: String(parts[0]), path: String(parts[1]))
    } else {
      self = .here(text)
    }
  }
}

extension Session {
  /// Copies a file or a tree from here into a running VM. Into `path` if that is a directory there
  /// or ends in a slash, else under that name. What it makes belongs to `user`.
  package func copy(_ source: String, into vm: String, path: String, user: String?) throws {
    guard let status = Files.status(source) else {
      throw HostError.system(operation: "open", path: source, errno: 2)
    }
    guard [.directory, .regular, .symlink].contains(status.kind) else {
      throw PipelineError.notCopied(
        source, to: "\(vm):\(path)", reason: "it is neither file, directory nor link")
    }
    let place = try place(ofSource: source)
    let link = try reach(vm)
    let user = Array((user ?? "").utf8)
    let directory: String
    let name: String
    if try path.hasSuffix("/") || link.holdsDirectory(path, user) {
      (directory, name) = (path, place.name)
    } else {
      (directory, name) = try Self.split(path, inside: vm)
    }
    let archive = try WorkspaceArchive(
      directory: place.directory, only: (Array(place.name.utf8), sentAs: Array(name.utf8)))
    var timings = Timings()
    try report.stage("copy to \(vm)", &timings) {
      var sent: Int64 = 0
      let outcome = try link.sendTree(
        to: Array(directory.utf8), user: user, remembers: false
      ) { most in
        let piece = try archive.next(most)
        sent += Int64(piece.count)
        report(.bytes(done: ByteCount(sent), total: nil))
        return piece
      }
      guard outcome.isSuccess else {
        throw PipelineError.notCopied(
          source, to: "\(vm):\(path)", reason: TailBuffer.printable(outcome.messages.utf8))
      }
    }
    for (path, reason) in archive.skipped {
      report(.note("not copied: \"\(OutgoingWorkspace.text(path))\" (\(reason.rawValue))"))
    }
  }

  /// Copies a file or a tree out of a running VM. Into `target` if that is a directory, else under
  /// that name; files are replaced, directories are not.
  ///
  /// It goes the way of a workspace's changes: nothing that the guest says is written anywhere but
  /// into a new directory beside the target, and one rename puts the whole in its place.
  package func copy(from vm: String, path: String, to target: String) throws {
    let (directory, name) = try Self.split(path, inside: vm)
    let link = try reach(vm)
    let isInto = Files.isDirectory(target)
    let folder = isInto ? target : Files.parent(of: target)
    let final = isInto ? "\(target)/\(name)" : target
    guard Files.isDirectory(folder) else {
      throw HostError.system(operation: "open", path: folder, errno: 2)
    }
    let staging = "\(folder)/.hutch-cp-\(Hex.encode(Randomness.bytes(6)))"
    try Files.makeDirectories(staging, mode: 0o700)
    defer { try? Files.removeTree(staging) }
    var timings = Timings()
    let changes = try report.stage("copy from \(vm)", &timings) {
      let writer = try ChangesWriter(path: staging + "/stream")
      let outcome = try link.receiveTree(
        from: Array(directory.utf8), names: [Array(name.utf8)], user: Array("0:0".utf8),
        onlyChanges: false
      ) { bytes in
        try writer.take(bytes)
        report(.bytes(done: ByteCount(Int64(clamping: writer.byteCount)), total: nil))
      }
      let said = TailBuffer.printable(outcome.messages.utf8)
      guard outcome.isSuccess else {
        throw PipelineError.notCopied("\(vm):\(path)", to: target, reason: said)
      }
      try writer.finish()
      for line in said.split(separator: "\n") { report(.note("the VM says: \(line)")) }
      let tree = staging + "/tree"
      try Files.makeDirectories(tree, mode: 0o700)
      let changes = try WorkspaceChanges.load(
        path: staging + "/stream", snapshot: WorkspaceSnapshot())
      try changes.apply(to: tree)
      return changes
    }
    for path in changes.leftOut {
      report(
        .note(
          "stays in the VM: \"\(OutgoingWorkspace.text(path.path))\": \(path.reason.explanation)"))
    }
    try Self.put("\(staging)/tree/\(name)", at: final, source: "\(vm):\(path)")
  }

  private static func put(_ new: String, at final: String, source: String) throws {
    guard let made = Files.status(new) else {
      throw PipelineError.notCopied(source, to: final, reason: "the VM sent nothing of that name")
    }
    if let old = Files.status(final), old.kind == .directory || made.kind == .directory {
      throw PipelineError.wouldReplace(final)
    }
    try Files.rename(new, to: final, replacing: made.kind != .directory)
    try Files.syncDirectory(Files.parent(of: final))
  }

  /// Directory and name; a name of `.` or `..` is looked up.
  private func place(ofSource source: String) throws -> (directory: String, name: String) {
    var path = source
    if [".", "..", "/"].contains(Files.name(of: source)) || source == "/" {
      path = Files.canonical(source) ?? source
    }
    guard path != "/" else {
      throw PipelineError.notCopied(source, to: "a VM", reason: "it is the root of this machine")
    }
    return (Files.parent(of: path), Files.name(of: path))
  }

  private static func split(
    _ path: String, inside vm: String
  ) throws -> (directory: String, name: String) {
    let name = Files.name(of: path)
    guard path.hasPrefix("/"), name != "/", name != ".", name != "..", !path.utf8.contains(0) else {
      throw PipelineError.badDirectory(path)
    }
    return (Files.parent(of: path), name)
  }
}

extension GuestLink {
  /// Whether an absolute path leads to a directory inside. An image without `test` has no answer.
  fileprivate func holdsDirectory(_ path: String, _ user: [UInt8]) throws -> Bool {
    guard path.hasPrefix("/") else { throw PipelineError.badDirectory(path) }
    var request = OpenRequest(.exec)
    request.arguments = ["test", "-d", path].map { Array($0.utf8) }
    request.directory = [UInt8(ascii: "/")]
    request.user = user
    let io = SessionIO(input: nil, output: MemorySink(limit: 0), error: MemorySink(limit: 0))
    return try run(request, io: io).outcome == .exited(0)
  }
}
