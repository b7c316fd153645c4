import CGuest
import GuestProtocol

/// What went wrong with a transfer, for the person at the other end.
enum ArchiveError: Error, CustomStringConvertible {
  case system(path: [UInt8], operation: String, errno: Int32)
  case link(path: [UInt8])
  case tar(TarError)
  case nothingRemembered(directory: [UInt8])

  var description: String {
    switch self {
    case .system(let path, let operation, let errno):
      "cannot \(operation) \"\(text(path))\": \(words(errno))"
    case .link(let path): "\"\(text(path))\" leads through a symbolic link"
    case .tar(let error): error.description
    case .nothingRemembered(let directory):
      "\"\(text(directory))\" was not unpacked with its state remembered"
    }
  }
}

/// The worker processes of `unpack` and `pack`: plain blocking code on three pipes.
enum Archive {
  /// Runs in a child of its own; the result is the exit status.
  static func run(_ request: OpenRequest, _ user: User) -> Int32 {
    do throws(ArchiveError) {
      if request.kind == .unpack {
        try unpack(request, user)
      } else {
        try pack(request)
      }
      return 0
    } catch {
      warn("\(error)")
      return 1
    }
  }

  private static func unpack(_ request: OpenRequest, _ user: User) throws(ArchiveError) {
    let directory = text(request.directory)
    do {
      try makeDirectories(directory) { made in
        _ = unsafe guest_chown_at(-1, made, user.uid, user.gid)
      }
    } catch {
      throw .system(path: request.directory, operation: "make", errno: error.errno)
    }
    let top = try Folder.open(request.directory)
    var unpacker = Unpacker(top, uid: user.uid, gid: user.gid)
    var decoder = TarDecoder()
    while true {
      let part = read(0, 256 << 10)
      guard part.error == 0 else {
        throw .system(path: [], operation: "read the stream", errno: part.error)
      }
      if part.bytes.isEmpty { break }
      var rest = part.bytes[...]
      do throws(TarError) {
        while let event = try decoder.next(from: &rest) { try take(event, &unpacker) }
      } catch {
        throw unpacker.failure ?? .tar(error)
      }
    }
    do throws(TarError) { try decoder.finish() } catch { throw .tar(error) }
    try unpacker.finish()
    if request.remembers { try Manifest.remember(top, at: request.directory) }
  }

  /// Lets the loop over the decoder throw one kind of error; the real one is kept aside.
  private static func take(_ event: TarEvent, _ unpacker: inout Unpacker) throws(TarError) {
    do throws(ArchiveError) {
      try unpacker.take(event)
    } catch {
      unpacker.failure = error
      throw .truncated(offset: 0)
    }
  }

  private static func pack(_ request: OpenRequest) throws(ArchiveError) {
    let top = try Folder.open(request.directory)
    let manifest = request.onlyChanges ? try Manifest.recall(request.directory) : nil
    var packer = Packer(manifest)
    try packer.pack(top, only: request.arguments)
    try packer.finish()
  }

  /// A line on standard error, which the host shows.
  static func warn(_ line: String) {
    let bytes = [UInt8]((line + "\n").utf8)
    _ = unsafe guest_write(2, bytes, bytes.count)
  }
}
