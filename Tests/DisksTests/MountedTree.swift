import Disks
import Host
import Testing
import Vocabulary

/// A tree as lines of text that say all that can be seen of it, so that two can be compared.
struct TreeListing: Equatable {
  private(set) var lines: [String] = []

  /// What a reader sees; hard links by the path that the inode had first.
  init(_ reader: Ext4Reader) throws {
    let walk = reader.walk()
    var last: GuestPath?
    while let entry = try walk.next() {
      if let last { #expect(last < entry.path, "in the order of a layer") }
      last = entry.path
      let inode = entry.inode
      var digest: Digest?
      if inode.kind == .regular {
        var stream = DigestStream()
        try reader.readFile(inode) { (part) throws(DisksError) in
          switch part {
          case .data(let bytes): stream.update(bytes)
          case .hole(var left):
            while left > 0 {
              stream.update([UInt8](repeating: 0, count: Int(min(left, 1 << 20))))
              left -= min(left, 1 << 20)
            }
          }
        }
        digest = stream.finish()
      }
      add(
        entry.path, inode.kind, inode.mode, inode.uid, inode.gid, inode.size, inode.links,
        (inode.modified.seconds, inode.modified.nanoseconds),
        (inode.changed.seconds, inode.changed.nanoseconds), (inode.major, inode.minor),
        first: entry.linkOf, inode.kind == .symlink ? try reader.target(of: inode) : [],
        try reader.attributes(of: inode).map { ($0.name, $0.value) }, digest)
    }
  }

  /// What the kernel shows below a directory.
  init(mounted path: String) throws {
    var paths: [GuestPath] = []
    func collect(_ directory: borrowing OwnedDescriptor, _ path: GuestPath) throws {
      for name in try directory.entries() {
        let child = try #require(path.appending(name))
        paths.append(child)
        if try directory.status(of: name).kind == .directory {
          try collect(directory.openBeneath(name, .directory), child)
        }
      }
    }
    let root = try OwnedDescriptor.open(path, .directory)
    try collect(root, .root)
    var first: [UInt64: GuestPath] = [:]
    for path in [.root] + paths.sorted() {
      let name = path.isRoot ? Array(".".utf8) : path.bytes
      let status = try root.status(of: path.bytes)
      let isKnown = status.kind != .directory && first[status.inode] != nil
      var digest: Digest?
      if status.kind == .regular {
        var stream = DigestStream()
        let file = try root.openBeneath(name, .read)
        while true {
          let bytes = try file.read(upTo: 1 << 20)
          if bytes.isEmpty { break }
          stream.update(bytes)
        }
        digest = stream.finish()
      }
      add(
        path, status.kind, status.mode, status.uid, status.gid, status.size, UInt32(status.links),
        (status.modified, status.modifiedNanoseconds),
        (status.changed, status.changedNanoseconds), (status.major, status.minor),
        first: isKnown ? first[status.inode] : nil,
        status.kind == .symlink ? try root.readLink(name) : [],
        try root.extendedAttributes(of: name), digest)
      if !isKnown { first[status.inode] = path }
    }
  }

  private mutating func add(
    _ path: GuestPath, _ kind: FileKind, _ mode: UInt32, _ uid: UInt32, _ gid: UInt32,
    _ size: Int64, _ links: UInt32, _ modified: (Int64, UInt32), _ changed: (Int64, UInt32),
    _ device: (UInt32, UInt32), first: GuestPath?, _ target: [UInt8],
    _ attributes: [(name: [UInt8], value: [UInt8])], _ digest: Digest?
  ) {
    let isDevice = kind == .characterDevice || kind == .blockDevice
    var line = "\(Hex.encode(path.bytes)) \(path) \(kind) \(mode) \(uid):\(gid) \(links) "
    line += "\(modified) \(changed) "
    if kind != .directory { line += "\(size) " }
    if isDevice { line += "\(device) " }
    if let first { line += "= \(first) " }
    line += Hex.encode(target) + " "
    for (name, value) in attributes {
      line += "\(String(decoding: name, as: UTF8.self))=\(Hex.encode(value)) "
    }
    lines.append(line + (digest?.hex ?? ""))
  }

  /// Says which lines differ.
  func requireSame(as judge: TreeListing, _ what: String) {
    if self == judge { return }
    let (mine, theirs) = (Set(lines), Set(judge.lines))
    let only = lines.filter { !theirs.contains($0) }.prefix(3)
    let missing = judge.lines.filter { !mine.contains($0) }.prefix(3)
    Issue.record("\(what): read only \(Array(only)), seen only by the kernel \(Array(missing))")
  }
}

extension Workplace {
  func reader(_ name: String) throws -> Ext4Reader {
    try Ext4Reader(RawImage(OwnedDescriptor.open(self(name), .read)), path: name)
  }

  /// Mounts `image` below this directory while `body` runs.
  @discardableResult
  func mounted<Result>(
    _ image: String, _ options: String, _ body: (String) throws -> Result
  ) throws -> Result {
    let point = "mnt-\(Hex.encode(Randomness.bytes(4)))"
    try Files.makeDirectories(self(point))
    try run("mount", ["-o", "loop,\(options)", image, point])
    defer { _ = try? run("umount", [point]) }
    return try body(self(point))
  }
}
