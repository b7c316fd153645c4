/// What a stream is opened for.
package enum OpenKind: UInt8, Sendable, CaseIterable {
  /// Runs a command.
  case exec = 1
  /// Unpacks the tar stream that arrives on standard input into `directory`.
  case unpack = 2
  /// Packs `directory` as a tar stream onto standard output.
  case pack = 3
  /// Waits for a connection that a program in the VM makes to an allowed name. `started` says that
  /// there is one; its bytes travel on standard output and input, after one line of the guest's
  /// (`ConnectionLine`). Nothing travels on standard error.
  case connection = 4
  /// Keeps the files that `arguments` name, paths below the user's home, the same here and there
  /// (`SharedFileEvent`): standard input is what the host says, standard output what the guest says.
  /// It ends by `reset` alone. Only for guests with the capability `files`.
  case files = 5
}

/// Rows and columns of a terminal.
package struct TerminalSize: Sendable, Equatable {
  package var rows: UInt16
  package var columns: UInt16

  package init(rows: UInt16, columns: UInt16) {
    self.rows = rows
    self.columns = columns
  }
}

/// The content of `open`. Paths, arguments and names are raw bytes without NUL.
package struct OpenRequest: Sendable, Equatable {
  package var kind: OpenKind
  /// `exec`: the command; at least one. Without a slash it is looked for in `PATH`.
  /// `pack`: the names in `directory` that are wanted; none for all.
  /// `files`: 1 to 16 paths (`SharedFile.isPath`), each once.
  package var arguments: [[UInt8]] = []
  /// `NAME=value`, in order. `HOME`, `USER`, `LOGNAME`, `SHELL`, `PATH` are added where missing.
  package var environment: [[UInt8]] = []
  /// Absolute. `exec`: working directory, empty for the user's home. `unpack`, `pack`: the tree.
  package var directory: [UInt8] = []
  /// `name`, `uid`, `name:group` or `uid:gid`; empty for the user of the kernel command line,
  /// else root. `unpack` and `files` give what they make to this user.
  package var user: [UInt8] = []
  /// `exec`: a pseudo-terminal of this size; standard error does not exist then.
  package var terminal: TerminalSize?
  /// `exec`: whether the host will send standard input; if not, it is `/dev/null`.
  package var wantsInput = false
  /// `unpack`: remember the finished tree, so that `pack` can say what changed in it.
  package var remembers = false
  /// `pack`: only what differs from the remembered tree, and `.wh.` members for what is gone.
  package var onlyChanges = false

  package init(_ kind: OpenKind) { self.kind = kind }
}

/// Tags of the fields; each field is tag u16, length u32, bytes.
private enum Tag {
  static let kind: UInt16 = 1
  static let argument: UInt16 = 2
  static let environment: UInt16 = 3
  static let directory: UInt16 = 4
  static let user: UInt16 = 5
  static let terminal: UInt16 = 6
  static let flags: UInt16 = 7
  /// Fields with this bit may be skipped by whoever does not know them.
  static let ignorable: UInt16 = 0x8000
}

private enum Flag {
  static let input: UInt32 = 1
  static let remembers: UInt32 = 2
  static let onlyChanges: UInt32 = 4
  static let all: UInt32 = 7
}

extension OpenRequest {
  /// All its fields, to be cut into `open-part` and `open` frames.
  var encoded: [UInt8] {
    var writer = FieldWriter()
    func field(_ tag: UInt16, _ bytes: [UInt8]) {
      writer.write(tag)
      writer.write(counted: bytes)
    }
    field(Tag.kind, [kind.rawValue])
    for argument in arguments { field(Tag.argument, argument) }
    for variable in environment { field(Tag.environment, variable) }
    if !directory.isEmpty { field(Tag.directory, directory) }
    if !user.isEmpty { field(Tag.user, user) }
    if let terminal {
      var size = FieldWriter()
      size.write(terminal.rows)
      size.write(terminal.columns)
      field(Tag.terminal, size.bytes)
    }
    var flags: UInt32 = 0
    if wantsInput { flags |= Flag.input }
    if remembers { flags |= Flag.remembers }
    if onlyChanges { flags |= Flag.onlyChanges }
    if flags != 0 {
      var word = FieldWriter()
      word.write(flags)
      field(Tag.flags, word.bytes)
    }
    return writer.bytes
  }

  /// Reads the joined payloads of `open-part` and `open`.
  package init(decoding bytes: ArraySlice<UInt8>) throws(GuestProtocolError) {
    var reader = FieldReader(bytes, type: .open)
    var kind: OpenKind?
    var seen: Set<UInt16> = []
    self.init(.exec)
    while !reader.isAtEnd {
      let tag: UInt16 = try reader.integer("tag")
      let value = try reader.counted("value", limit: GuestProtocolLimits.request)
      if tag & Tag.ignorable != 0 { continue }
      if tag != Tag.argument, tag != Tag.environment, !seen.insert(tag).inserted {
        throw reader.malformed("repeated")
      }
      var field = FieldReader(value[...], type: .open)
      switch tag {
      case Tag.kind:
        kind = OpenKind(rawValue: try field.integer("kind"))
        try field.finish()
      case Tag.argument:
        arguments.append(try OpenRequest.withoutNul(value, "argument"))
      case Tag.environment:
        environment.append(try OpenRequest.withoutNul(value, "environment"))
        guard let equals = value.firstIndex(of: UInt8(ascii: "=")), equals > 0 else {
          throw reader.malformed("environment")
        }
      case Tag.directory:
        directory = try OpenRequest.withoutNul(value, "directory")
        guard directory.first == UInt8(ascii: "/"), directory.count < 4096 else {
          throw reader.malformed("directory")
        }
      case Tag.user:
        user = try OpenRequest.withoutNul(value, "user")
        guard user.count <= 256 else { throw reader.malformed("user") }
      case Tag.terminal:
        terminal = TerminalSize(
          rows: try field.integer("terminal"), columns: try field.integer("terminal"))
        try field.finish()
      case Tag.flags:
        let flags: UInt32 = try field.integer("flags")
        try field.finish()
        guard flags & ~Flag.all == 0 else { throw reader.malformed("flags") }
        wantsInput = flags & Flag.input != 0
        remembers = flags & Flag.remembers != 0
        onlyChanges = flags & Flag.onlyChanges != 0
      default: throw reader.malformed("tag")
      }
    }
    guard let kind else { throw reader.malformed("kind") }
    self.kind = kind
    switch kind {
    case .exec:
      guard arguments.first?.isEmpty == false else { throw reader.malformed("argument") }
    case .unpack, .pack:
      guard !directory.isEmpty else { throw reader.malformed("directory") }
    case .files:
      guard 1...SharedFile.mostFiles ~= arguments.count, arguments.allSatisfy(SharedFile.isPath),
        Set(arguments).count == arguments.count
      else { throw reader.malformed("argument") }
    case .connection: break
    }
  }

  private static func withoutNul(
    _ bytes: [UInt8], _ field: String
  ) throws(GuestProtocolError) -> [UInt8] {
    guard !bytes.contains(0) else { throw .malformed(type: .open, field: field) }
    return bytes
  }
}

/// Joins the parts of requests; the reader's half of `Message.open`.
///
/// Parts of different streams do not interleave.
package struct OpenAssembler: Sendable {
  private var stream: UInt32 = 0
  private var bytes: [UInt8] = []

  package init() {}

  /// Returns the request once `frame` is its `open`; nil after an `open-part`.
  package mutating func take(_ frame: Frame) throws(GuestProtocolError) -> OpenRequest? {
    if frame.stream != stream {
      guard bytes.isEmpty else { throw .wrongStream(type: frame.type, stream: frame.stream) }
      stream = frame.stream
    }
    guard bytes.count + frame.payload.count <= GuestProtocolLimits.request else {
      throw .requestTooLong(stream: frame.stream)
    }
    bytes += frame.payload
    guard frame.type == .open else { return nil }
    defer { bytes = [] }
    return try OpenRequest(decoding: bytes[...])
  }
}
