import GuestProtocol
import Host
import Testing
import Vocabulary

@testable import Workspaces

/// A directory of a test's own, gone with the test: `tree` is the workspace.
final class Workplace {
  let path: String
  let tree: String

  init() throws {
    path = "/tmp/hutch-workspaces-\(Hex.encode(Randomness.bytes(6)))"
    tree = path + "/tree"
    try Files.makeDirectories(tree, mode: 0o755)
  }

  deinit { try? Files.removeTree(path) }

  func callAsFunction(_ name: String) -> String { path + "/" + name }

  /// Runs a judge that must agree; its output.
  @discardableResult
  func run(_ tool: String, _ arguments: [String]) throws -> String {
    try Processes.runChecked(Command(tool, arguments, workingDirectory: path)).text
  }

  private func top() throws -> OwnedDescriptor { try OwnedDescriptor.open(tree, .directory) }

  func folder(_ name: String, mode: UInt32 = 0o755) throws {
    try top().makeDirectory(bytes(name), mode: 0o755)
    try top().setMode(of: bytes(name), mode)
  }

  func file(_ name: String, _ content: String = "", mode: UInt32 = 0o644) throws {
    try file(bytes(name), bytes(content), mode: mode)
  }

  func file(_ name: [UInt8], _ content: [UInt8], mode: UInt32 = 0o644) throws {
    if try top().statusIfPresent(of: name)?.kind == .regular { try top().unlink(name) }
    let file = try top().openBeneath(name, .createExclusive(mode: 0o600))
    try file.writeAll(content)
    try top().setMode(of: name, mode)
  }

  func link(_ name: String, _ target: String) throws {
    try top().makeLink(target: bytes(target), at: bytes(name))
  }

  func status(_ name: String) -> FileStatus? { Files.status(tree + "/" + name) }

  func text(_ name: String) throws -> String {
    String(decoding: try Files.read(tree + "/" + name, limit: 1 << 24), as: UTF8.self)
  }

  /// What a directory of the test holds.
  func names(_ directory: String = "") throws -> [String] {
    try Files.list(directory.isEmpty ? path : self(directory))
  }

  /// The whole archive in pieces of at most `most`.
  func send(_ most: Int = 65536) throws -> (bytes: [UInt8], archive: WorkspaceArchive) {
    let archive = try WorkspaceArchive(directory: tree)
    var bytes: [UInt8] = []
    while true {
      let piece = try archive.next(most)
      if piece.isEmpty { break }
      #expect(piece.count <= most)
      bytes += piece
    }
    #expect(archive.byteCount == UInt64(bytes.count))
    return (bytes, archive)
  }

  func snapshot() throws -> WorkspaceSnapshot { try send().archive.snapshot }

  /// Stores a change set and loads it again.
  func changes(
    _ bytes: [UInt8], on snapshot: WorkspaceSnapshot, limits: ChangesLimits = ChangesLimits()
  ) throws -> WorkspaceChanges {
    let writer = try ChangesWriter(path: self("changes.tar"), limits: limits)
    var rest = bytes[...]
    while !rest.isEmpty {
      try writer.take([UInt8](rest.prefix(8192)))
      rest = rest.dropFirst(8192)
    }
    try writer.finish()
    return try WorkspaceChanges.load(path: self("changes.tar"), snapshot: snapshot, limits: limits)
  }

  func changes(
    on snapshot: WorkspaceSnapshot? = nil, _ make: (inout TarMaker) throws -> Void
  ) throws -> WorkspaceChanges {
    var maker = TarMaker()
    try make(&maker)
    return try changes(maker.whole, on: snapshot ?? self.snapshot())
  }

  /// Everything in a directory that a transfer keeps, one line each.
  func listing(_ directory: String? = nil) throws -> [String] {
    var lines: [String] = []
    try list(try OwnedDescriptor.open(directory ?? tree, .directory), [], &lines)
    return lines
  }

  private func list(
    _ folder: borrowing OwnedDescriptor, _ path: [UInt8], _ lines: inout [String]
  ) throws {
    for name in try folder.entries() {
      let status = try folder.status(of: name)
      let below = Paths.join(path, name)
      var line = "\(PathText.of(below)) \(status.kind) \(status.modified)."
      line += "\(status.modifiedNanoseconds)"
      if status.kind != .symlink { line += " mode \(String(status.mode, radix: 8))" }
      if status.kind == .regular {
        let content = try folder.openBeneath(name, .read).readAll(limit: 1 << 26)
        line += " \(Digest.of(content).short) links \(status.links)"
      }
      if status.kind == .symlink { line += " -> \(PathText.of(try folder.readLink(name)))" }
      lines.append(line)
      if status.kind == .directory {
        try list(try folder.openBeneath(name, .directory), below, &lines)
      }
    }
  }
}

func bytes(_ text: String) -> [UInt8] { [UInt8](text.utf8) }

/// Writes change sets, honest ones through the codec and others past it.
struct TarMaker {
  private(set) var bytes: [UInt8] = []

  var whole: [UInt8] { bytes + TarEncoder.end }

  mutating func add(_ entry: TarEntry, _ content: [UInt8] = []) throws {
    bytes += try TarEncoder.header(entry) + content
    bytes += [UInt8](repeating: 0, count: TarRules.padding(after: entry.size))
  }

  mutating func file(
    _ path: String, _ content: String = "", mode: UInt32 = 0o644, modified: Int64 = 1_700_000_000
  ) throws {
    let content = [UInt8](content.utf8)
    try add(
      TarEntry(
        path: [UInt8](path.utf8), kind: .regular, mode: mode, size: UInt64(content.count),
        modified: modified, modifiedNanoseconds: 5), content)
  }

  mutating func folder(_ path: String, mode: UInt32 = 0o755) throws {
    try add(
      TarEntry(path: [UInt8](path.utf8), kind: .directory, mode: mode, modified: 1_700_000_001))
  }

  mutating func link(_ path: String, _ target: String) throws {
    try add(
      TarEntry(
        path: [UInt8](path.utf8), kind: .symbolicLink, mode: 0o777, modified: 1_700_000_002,
        target: [UInt8](target.utf8)))
  }

  mutating func hardLink(_ path: String, _ target: String) throws {
    try add(
      TarEntry(
        path: [UInt8](path.utf8), kind: .hardLink, mode: 0o644, target: [UInt8](target.utf8)))
  }

  mutating func gone(_ path: String) throws { try add(.whiteout(of: [UInt8](path.utf8))) }

  /// A ustar header with whatever is in it, and a right checksum.
  mutating func raw(
    _ path: String, flag: Character = "0", size: String = "00000000000", target: String = "",
    prefix: String = "", content: [UInt8] = []
  ) {
    var block = [UInt8](repeating: 0, count: 512)
    func put(_ text: some Sequence<UInt8>, _ offset: Int) {
      for (index, byte) in text.enumerated() { block[offset + index] = byte }
    }
    put(path.utf8.prefix(100), 0)
    put("0000644".utf8, 100)
    put("0000000".utf8, 108)
    put("0000000".utf8, 116)
    put(size.utf8, 124)
    put("00000000000".utf8, 136)
    put("        ".utf8, 148)
    put([flag.asciiValue ?? 0], 156)
    put(target.utf8.prefix(100), 157)
    put("ustar\u{0}00".utf8, 257)
    put(prefix.utf8.prefix(155), 345)
    Self.seal(&block, at: 0)
    bytes += block + content
    bytes += [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
  }

  /// Makes the checksum of the header at `start` right.
  static func seal(_ archive: inout [UInt8], at start: Int) {
    archive.replaceSubrange(
      (start + 148)..<(start + 156), with: [UInt8](repeating: UInt8(ascii: " "), count: 8))
    let sum = archive[start..<(start + 512)].reduce(0) { $0 + Int($1) }
    let digits = [UInt8](String(sum, radix: 8).utf8)
    let zeroes = [UInt8](repeating: UInt8(ascii: "0"), count: 6 - digits.count)
    archive.replaceSubrange((start + 148)..<(start + 155), with: zeroes + digits + [0])
  }

  mutating func extended(_ records: [(key: String, value: [UInt8])]) {
    var body: [UInt8] = []
    for record in records {
      let rest = record.key.utf8.count + record.value.count + 3
      var length = rest + 1
      while String(length).utf8.count + rest != length { length += 1 }
      body += [UInt8]("\(length) \(record.key)=".utf8) + record.value + [10]
    }
    let size = String(body.count, radix: 8)
    raw(
      "pax", flag: "x", size: String(repeating: "0", count: 11 - size.count) + size,
      content: body)
  }
}

/// xorshift64*, so that every run tests the same bytes.
struct Generator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return state &* 0x2545_F491_4F6C_DD1D
  }
}
