/// What a file can be that a VM shares with others: a log-in of an agent's.
package enum SharedFile {
  /// A stream is opened for so many files at most.
  package static let mostFiles = 16
  /// A file with more bytes is not shared.
  package static let largest = 1 << 20
  /// A path has so many bytes at most, so that it makes a name of one file on the host.
  package static let longestPath = 80

  /// Relative, of parts that are neither empty, `.` nor `..`; printable ASCII without spaces.
  package static func isPath(_ path: [UInt8]) -> Bool {
    guard 1...longestPath ~= path.count, path.allSatisfy({ 0x21...0x7E ~= $0 }) else {
      return false
    }
    let parts = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    return parts.allSatisfy { part in
      !part.isEmpty && !part.elementsEqual(".".utf8) && !part.elementsEqual("..".utf8)
    }
  }
}

/// One thing that one side tells the other about the files of a stream of the kind `files`. Files
/// are numbered as the request names them: no name ever comes from the guest.
package enum SharedFileEvent: Sendable, Equatable {
  /// The file holds this now: 1 to 1,048,576 bytes.
  ///
  /// - Parameter heard: of the host's: how many contents of this file from the guest it had heard
  ///   of. A guest that has sent more ignores what the host says here, since its own come later
  ///   and so are what counts in the end. 0 from the guest.
  case contents(file: Int, heard: UInt32, [UInt8])
  /// The host has no such file any more.
  case removed(file: Int)
  /// From the host a question: is all done that I said, and is all said that is new? From the guest
  /// the answer that it is.
  case sync

  private enum Kind {
    static let contents: UInt8 = 1
    static let removed: UInt8 = 2
    static let sync: UInt8 = 3
  }

  static let header = 12

  /// A header of 12 bytes, little-endian (kind u8, zero u8, file u16, heard u32, length u32), and
  /// `length` bytes.
  package var encoded: [UInt8] {
    switch self {
    case .contents(let file, let heard, let bytes):
      Self.header(Kind.contents, file, heard, bytes.count) + bytes
    case .removed(let file): Self.header(Kind.removed, file, 0, 0)
    case .sync: Self.header(Kind.sync, 0, 0, 0)
    }
  }

  private static func header(_ kind: UInt8, _ file: Int, _ heard: UInt32, _ length: Int) -> [UInt8]
  {
    var writer = FieldWriter()
    writer.write(kind)
    writer.write(UInt8(0))
    writer.write(UInt16(file))
    writer.write(heard)
    writer.write(UInt32(length))
    return writer.bytes
  }

  /// What a header says besides the bytes that follow it.
  fileprivate struct Head {
    var event: SharedFileEvent
    var length: Int

    init(_ bytes: ArraySlice<UInt8>, from sender: GuestSide, files: Int) throws(GuestProtocolError)
    {
      var reader = FieldReader(bytes, type: .data)
      let kind: UInt8 = try reader.integer("kind")
      let zero: UInt8 = try reader.integer("zero")
      let file: UInt16 = try reader.integer("file")
      let heard: UInt32 = try reader.integer("heard")
      let length: UInt32 = try reader.integer("length")
      guard zero == 0 else { throw reader.malformed("zero") }
      guard Int(file) < files else { throw reader.malformed("file") }
      guard heard == 0 || kind == Kind.contents && sender == .host else {
        throw reader.malformed("heard")
      }
      let lengths = kind == Kind.contents ? 1...SharedFile.largest : 0...0
      guard lengths.contains(Int(length)) else { throw reader.malformed("length") }
      switch kind {
      case Kind.contents: event = .contents(file: Int(file), heard: heard, [])
      case Kind.removed where sender == .host: event = .removed(file: Int(file))
      case Kind.sync where file == 0: event = .sync
      default: throw reader.malformed("kind")
      }
      self.length = Int(length)
    }
  }
}

/// Cuts what one side says about shared files into events.
///
/// It holds one file at most, and judges a header before it takes memory for what follows. After an
/// error it is of no use.
package struct SharedFileDecoder: Sendable {
  private let sender: GuestSide
  private let files: Int
  private var bytes: [UInt8] = []

  /// - Parameter files: how many the stream was opened for.
  package init(sender: GuestSide, files: Int) {
    self.sender = sender
    self.files = files
  }

  /// Takes bytes off the front of `input` until an event is complete; nil once `input` is empty.
  package mutating func next(
    from input: inout ArraySlice<UInt8>
  ) throws(GuestProtocolError) -> SharedFileEvent? {
    take(SharedFileEvent.header, from: &input)
    guard bytes.count >= SharedFileEvent.header else { return nil }
    let head = try SharedFileEvent.Head(
      bytes[..<SharedFileEvent.header], from: sender, files: files)
    let whole = SharedFileEvent.header + head.length
    take(whole, from: &input)
    guard bytes.count == whole else { return nil }
    defer { bytes = [] }
    guard case .contents(let file, let heard, _) = head.event else { return head.event }
    return .contents(file: file, heard: heard, Array(bytes[SharedFileEvent.header...]))
  }

  private mutating func take(_ whole: Int, from input: inout ArraySlice<UInt8>) {
    let count = min(max(0, whole - bytes.count), input.count)
    bytes += input.prefix(count)
    input = input.dropFirst(count)
  }
}
