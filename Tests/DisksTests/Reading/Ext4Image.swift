import Disks
import Host
import Testing
import Vocabulary

/// A disk in memory, some of whose bytes a test has changed.
final class MemoryDisk: BlockSource {
  var bytes: [UInt8]
  var name: String { "memory" }
  var size: Int64 { Int64(bytes.count) }
  /// How often it was read: a reader that goes round in circles shows.
  private(set) var reads = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  func read(at offset: Int64, count: Int) throws(DisksError) -> [UInt8] {
    guard offset >= 0, count >= 0, offset <= size, Int64(count) <= size - offset else {
      throw .outsideOfDisk(path: name, offset: offset, count: count)
    }
    reads += 1
    return Array(bytes[Int(offset)..<Int(offset) + count])
  }

  // MARK: Changing it

  func put(_ value: some FixedWidthInteger, at offset: Int) {
    for index in 0..<(value.bitWidth / 8) {
      bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
    }
  }

  func word(_ offset: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << (8 * UInt32($1)) }
  }

  func half(_ offset: Int) -> UInt16 { UInt16(truncatingIfNeeded: word(offset)) }
}

extension Workplace {
  /// What every kind of image in these tests has.
  static let features = [
    "has_journal", "ext_attr", "dir_index", "filetype", "extent", "64bit", "flex_bg",
    "sparse_super", "large_file", "huge_file", "dir_nlink", "extra_isize",
  ]

  /// Makes an image with `mke2fs`.
  ///
  /// - Parameters:
  ///   - size: as `mke2fs` takes it: `64M`.
  ///   - tree: a directory to copy from.
  ///   - more: further features.
  func makeImage(
    _ name: String, size: String, tree: String? = nil, more: [String] = [], blockSize: Int = 4096,
    inodes: Int = 2048, options: [String] = []
  ) throws {
    try Files.write(self("mke2fs.conf"), Array("[defaults]\nbase_features = none\n".utf8))
    var environment = Command.plainEnvironment
    environment["MKE2FS_CONFIG"] = self("mke2fs.conf")
    let arguments = [
      "-q", "-F", "-t", "ext4", "-b", "\(blockSize)", "-I", "256", "-N", "\(inodes)", "-m", "0",
      "-O", "none," + (Self.features + more).joined(separator: ","), "-E",
      "root_owner=0:0,lazy_itable_init=0",
    ]
    try Processes.runChecked(
      Command(
        "mke2fs", arguments + options + (tree.map { ["-d", $0] } ?? []) + [name, size],
        environment: environment, workingDirectory: path))
  }

  /// Runs `debugfs` on an image; it ends with 0 whatever happens, so what it complains of is a
  /// failure here.
  func debugfs(_ image: String, _ commands: [String]) throws {
    let result = try Processes.run(
      Command("debugfs", ["-w", "-f", "-", image], workingDirectory: path),
      input: Array((commands.joined(separator: "\n") + "\n").utf8), onOutput: { _ in })
    let complaints = result.errorTail.split(separator: "\n").filter { !$0.hasPrefix("debugfs ") }
    #expect(result.status.isSuccess && complaints.isEmpty, "\(complaints)")
  }

  func raw(_ name: String) throws -> DiskReader {
    try DiskReader([
      ChainFile(try OwnedDescriptor.open(self(name), .read), path: name, name: name, format: .raw)
    ])
  }

  func memory(_ name: String) throws -> MemoryDisk {
    MemoryDisk(try Files.read(self(name), limit: 256 << 20))
  }
}

/// What a tree holds, in a form in which a tree on the host and a file system can be compared:
/// one line for each path.
enum TreeLines {
  /// - Parameter inodes: which names belong to one file shows by the first of them.
  static func line(
    _ path: GuestPath, _ kind: String, mode: UInt32, uid: UInt32, gid: UInt32, modified: String,
    first: GuestPath?, attributes: [(name: [UInt8], value: [UInt8])], content: String
  ) -> String {
    let attributes = attributes.map {
      "\(String(decoding: $0.name, as: UTF8.self))=\(Hex.encode($0.value))"
    }
    .sorted()
    return "\(path) \(kind) \(String(mode, radix: 8)) \(uid):\(gid) \(modified) "
      + "\(first.map { "\($0)" } ?? "-") \(attributes) \(content)"
  }

  static func of(tree: String) throws -> [String] {
    var lines: [String] = []
    var first: [UInt64: GuestPath] = [:]
    try add(try OwnedDescriptor.open(tree, .directory), .root, &first, &lines)
    return lines
  }

  private static func add(
    _ directory: borrowing OwnedDescriptor, _ path: GuestPath, _ first: inout [UInt64: GuestPath],
    _ lines: inout [String]
  ) throws {
    for name in try directory.entries().sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      let below = try #require(path.appending(name))
      let status = try directory.status(of: name)
      var kind = ""
      var content = ""
      switch status.kind {
      case .directory: kind = "directory"
      case .regular:
        kind = "file"
        var stream = DigestStream()
        let file = try directory.openBeneath(name, .read)
        while true {
          let part = try file.read(upTo: 1 << 20)
          if part.isEmpty { break }
          stream.update(part)
        }
        content = "\(status.size) \(stream.finish())"
      case .symlink:
        kind = "symlink"
        content = String(decoding: try directory.readLink(name), as: UTF8.self)
      case .characterDevice: (kind, content) = ("character", "\(status.major):\(status.minor)")
      case .blockDevice: (kind, content) = ("block", "\(status.major):\(status.minor)")
      case .fifo: kind = "fifo"
      case .socket: kind = "socket"
      }
      if status.kind != .directory, first[status.inode] == nil { first[status.inode] = below }
      lines.append(
        line(
          below, kind, mode: status.mode, uid: status.uid, gid: status.gid,
          modified: "\(status.modified)",
          first: status.kind == .directory ? nil : first[status.inode],
          attributes: try directory.extendedAttributes(of: name), content: content))
      if status.kind == .directory {
        try add(try directory.openBeneath(name, .directory), below, &first, &lines)
      }
    }
  }

  /// Without the root, and without the empty directory that every file system has.
  static func of(_ reader: Ext4Reader, leavingOut left: String? = nil) throws -> [String] {
    var entries: [Ext4Reader.Entry] = []
    try reader.walk { entries.append($0) }
    #expect(entries.first?.path == .root)
    var lines: [String] = []
    var first: [UInt32: GuestPath] = [:]
    for entry in entries.dropFirst()
    where !["/lost+found", left].contains(entry.path.description) {
      if entry.inode.kind != .directory, first[entry.inode.number] == nil {
        first[entry.inode.number] = entry.path
      }
      lines.append(try line(entry, reader, first))
    }
    return lines
  }

  private static func line(
    _ entry: Ext4Reader.Entry, _ reader: Ext4Reader, _ first: [UInt32: GuestPath]
  ) throws -> String {
    var kind = ""
    var content = ""
    switch entry.kind {
    case .directory: kind = "directory"
    case .file(let size):
      kind = "file"
      var stream = DigestStream()
      var found: Int64 = 0
      try reader.contents(of: entry.inode) { part in
        stream.update(part)
        found += Int64(part.count)
      }
      content = "\(found) \(stream.finish())"
      #expect(found == size)
    case .symlink(let target):
      (kind, content) = ("symlink", String(decoding: target, as: UTF8.self))
    case .characterDevice(let major, let minor):
      (kind, content) = ("character", "\(major):\(minor)")
    case .blockDevice(let major, let minor): (kind, content) = ("block", "\(major):\(minor)")
    case .fifo: kind = "fifo"
    case .socket: kind = "socket"
    }
    return Self.line(
      entry.path, kind, mode: entry.inode.mode, uid: entry.inode.uid, gid: entry.inode.gid,
      modified: "\(entry.inode.modified)",
      first: entry.inode.kind == .directory ? nil : first[entry.inode.number],
      attributes: entry.attributes.map { ($0.name, $0.value) }, content: content)
  }
}

/// In order, however they were met.
func expectSame(_ one: [String], _ other: [String], location: SourceLocation = #_sourceLocation) {
  let (left, right) = (Set(one), Set(other))
  let missing = left.subtracting(right).sorted().prefix(5)
  let strange = right.subtracting(left).sorted().prefix(5)
  #expect(one.count == other.count, sourceLocation: location)
  #expect(missing.isEmpty && strange.isEmpty, "\(missing) / \(strange)", sourceLocation: location)
}

extension Ext4Reader {
  /// What must be there.
  func found(_ path: String) throws -> Inode {
    let path = try #require(GuestPath(path))
    let inode = try inode(at: path)
    return try #require(inode)
  }
}
