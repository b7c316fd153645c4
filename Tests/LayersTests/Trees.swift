import Glibc
import Host
import Layers
import TestSupport
import Vocabulary

/// One entry of a tree that a test makes, in the words of a layer.
struct Sample {
  var entry: LayerEntry
  var data: [UInt8] = []
  /// As large a file without any data on the disk.
  var isSparse = false

  init(
    _ name: [UInt8], _ kind: LayerEntry.Kind, mode: UInt32 = 0o644, uid: UInt32 = 0,
    gid: UInt32 = 0, modified: Int64 = 1_700_000_000,
    attributes: [(String, [UInt8])] = [], data: [UInt8] = [], isSparse: Bool = false
  ) {
    guard let path = GuestPath(name) else { preconditionFailure("a path of a test") }
    entry = LayerEntry(
      path: path, kind: kind, mode: mode, uid: uid, gid: gid, modified: modified,
      attributes: attributes.map { .init(name: Array($0.utf8), value: $1) })
    self.data = data
    self.isSparse = isSparse
  }

  static func directory(_ name: String, mode: UInt32 = 0o755, modified: Int64 = 1_700_000_000)
    -> Sample
  { Sample(Array(name.utf8), .directory, mode: mode, modified: modified) }

  static func file(
    _ name: String, _ text: String = "", mode: UInt32 = 0o644, uid: UInt32 = 0, gid: UInt32 = 0,
    modified: Int64 = 1_700_000_000, attributes: [(String, [UInt8])] = []
  ) -> Sample {
    file(
      Array(name.utf8), text, mode: mode, uid: uid, gid: gid, modified: modified,
      attributes: attributes)
  }

  static func file(
    _ name: [UInt8], _ text: String, mode: UInt32 = 0o644, uid: UInt32 = 0, gid: UInt32 = 0,
    modified: Int64 = 1_700_000_000, attributes: [(String, [UInt8])] = []
  ) -> Sample {
    Sample(
      name, .file(size: Int64(text.utf8.count)), mode: mode, uid: uid, gid: gid,
      modified: modified, attributes: attributes, data: Array(text.utf8))
  }

  static func link(_ name: String, to target: String) -> Sample {
    Sample(Array(name.utf8), .symlink(target: Array(target.utf8)), mode: 0o777)
  }
}

enum Trees {
  static let capability: [UInt8] = [1, 0, 0, 2, 0, 0x20, 0, 0] + [UInt8](repeating: 0, count: 12)
  /// `u::rw-,u:1000:r--,g::r--,m::r--,o::---` (`linux/posix_acl_xattr.h`).
  static let acl: [UInt8] =
    [2, 0, 0, 0]
    + [1, 0, 6, 0, 255, 255, 255, 255] + [2, 0, 4, 0, 0xE8, 3, 0, 0]
    + [4, 0, 4, 0, 255, 255, 255, 255] + [16, 0, 4, 0, 255, 255, 255, 255]
    + [32, 0, 0, 0, 255, 255, 255, 255]

  static let deep = String(repeating: "directory-of-thirty-characters/", count: 6)

  /// Trees by name; what a golden digest stands for.
  static let all: [(name: String, samples: [Sample])] = [
    ("nothing", []),
    (
      "every kind that ustar can say",
      [
        .directory("etc"), .file("etc/hostname", "localhost\n"), .file("etc/empty"),
        .link("etc/link", to: "hostname"), .link("etc/dangling", to: "/no/such/place"),
        .directory("usr"), .directory("usr/bin", mode: 0o2755),
        .file("usr/bin/su", "#!/bin/sh\n", mode: 0o4755, gid: 12), .directory("var"),
        .directory("var/empty", mode: 0o700, modified: 0), .directory("var/tmp", mode: 0o1777),
        Sample(Array("var/pipe".utf8), .fifo, mode: 0o600, uid: 1000, gid: 1000),
      ]
    ),
    (
      "long paths and targets",
      (1...6).map { count in
        .directory(String(repeating: "directory-of-thirty-characters/", count: count))
      } + [
        .file(deep + String(repeating: "f", count: 100), "split at a slash"),
        .file(deep + String(repeating: "g", count: 101), "in a record"),
        .file(String(repeating: "h", count: 101), "nothing to split at"),
        .link("short", to: String(repeating: "t", count: 100)),
        .link("long", to: "/" + String(repeating: "t/", count: 200)),
      ]
    ),
    (
      "owners and times beyond ustar",
      [
        .file("most", "x", uid: 2_097_151, gid: 2_097_151, modified: 0o77_777_777_777),
        .file("more", "x", uid: 2_097_152, gid: 4_000_000_000, modified: 0o100_000_000_000),
        .file("before", "x", modified: -1),
        .file("long before", "x", modified: -2_000_000_000),
      ]
    ),
    (
      "extended attributes",
      [
        .file("capable", "x", mode: 0o755, attributes: [("security.capability", capability)]),
        .file(
          "named", "x",
          attributes: [
            ("user.a", [0, 10, 255]), ("user.a=b%3D", Array("equals".utf8)), ("user.empty", []),
          ]),
        .file("listed", "x", mode: 0o640, attributes: [("system.posix_acl_access", acl)]),
      ]
    ),
    (
      "odd names",
      [
        .file([0x66, 0xFF, 0xFE], "not UTF-8"), .file("new\nline", "x"), .file("sp ace", "x"),
        .file("-dash", "x"), .file("back\\slash", "x"), .file("ünïcode", "x"),
        Sample(Array("odd target".utf8), .symlink(target: [0x2F, 0xFF]), mode: 0o777),
        .file([0xFF] + Array(String(repeating: "n", count: 110).utf8), "long and not UTF-8"),
      ]
    ),
    (
      "hard links",
      [
        .directory("a"), .file("a/first", "one inode", mode: 0o755),
        Sample(Array("a/second".utf8), .hardLink(to: path("a/first")), mode: 0o755),
        Sample(Array("z".utf8), .hardLink(to: path("a/first")), mode: 0o755),
      ]
    ),
    (
      "a file with holes",
      [
        Sample(
          Array("sparse".utf8), .file(size: 9 << 20), data: [UInt8](repeating: 0, count: 9 << 20),
          isSparse: true)
      ]
    ),
    (
      "order of bytes",
      [
        .directory("a"), .file("a/b"), .file("a-b"), .file("a.b"), .file("a0"), .file("B"),
        .directory("a/c"), .file("a/c/d"), .file("a/c-d"), .file("~"), .file("_"),
      ]
    ),
  ]

  /// Makes the tree in a new directory; owners need root.
  static func make(_ samples: [Sample], in place: String) throws {
    let tree = try OwnedDescriptor.open(place, .directory)
    for sample in samples { try make(sample, in: tree) }
    for sample in samples.reversed() where sample.entry.kind == .directory {
      try tree.setTimes(of: sample.entry.path.bytes, seconds: sample.entry.modified)
    }
  }

  private static func make(_ sample: Sample, in tree: borrowing OwnedDescriptor) throws {
    let entry = sample.entry
    let name = entry.path.bytes
    switch entry.kind {
    case .directory: try tree.makeDirectory(name, mode: 0o755)
    case .file(let size):
      let file = try tree.openBeneath(name, .createExclusive(mode: 0o644))
      if sample.isSparse { try file.truncate(to: size) } else { try file.writeAll(sample.data) }
    case .symlink(let target): try tree.makeLink(target: target, at: name)
    case .hardLink(let target): return try tree.hardLink(from: target.bytes, to: name)
    case .fifo: try tree.makeNode(name, .fifo, mode: 0o600)
    default: preconditionFailure("not in a tree of ours")
    }
    if isRoot { try tree.setOwner(of: name, uid: entry.uid, gid: entry.gid) }
    for attribute in entry.attributes {
      try tree.setExtendedAttribute(of: name, attribute.name, value: attribute.value)
    }
    if case .symlink = entry.kind {} else { try tree.setMode(of: name, entry.mode) }
    try tree.setTimes(of: name, seconds: entry.modified)
  }

  /// The tar that a list of entries is, without any tree.
  static func tar(_ samples: [Sample]) -> [UInt8] {
    var bytes: [UInt8] = []
    for sample in samples.sorted(by: { LayerEntry.isBefore($0.entry, $1.entry) }) {
      bytes += CanonicalTar.header(for: sample.entry) + sample.data
      bytes += [UInt8](repeating: 0, count: CanonicalTar.padding(after: Int64(sample.data.count)))
    }
    return bytes + CanonicalTar.end
  }

  /// All that a layer says about a tree, a line an entry.
  static func listing(
    _ place: String, attributes: Bool = true
  ) throws -> [String] {
    var lines: [String] = []
    var first: [UInt64: String] = [:]
    func visit(_ directory: borrowing OwnedDescriptor, _ above: [UInt8]) throws {
      for name in try directory.entries() {
        let full = above + name
        let status = try directory.status(of: name)
        var line = Hex.encode(full) + " \(String(decoding: full, as: UTF8.self)) \(status.kind)"
        line += " \(String(status.mode, radix: 8)) \(status.uid):\(status.gid)"
        line += " \(status.modified).\(status.modifiedNanoseconds)"
        switch status.kind {
        case .regular:
          let inode = first[status.inode, default: Hex.encode(full)]
          first[status.inode] = inode
          let bytes = try directory.openBeneath(name, .read).readAll(limit: 64 << 20)
          line += " \(inode) \(Digest.of(bytes))"
        case .symlink: line += " -> \(Hex.encode(try directory.readLink(name)))"
        case .characterDevice, .blockDevice: line += " \(status.major):\(status.minor)"
        default: break
        }
        if attributes {
          for (name, value) in try directory.extendedAttributes(of: name) {
            line += " \(String(decoding: name, as: UTF8.self))=\(Hex.encode(value))"
          }
        }
        lines.append(line)
        if status.kind == .directory {
          try visit(try directory.openBeneath(name, .directory), full + [0x2F])
        }
      }
    }
    try visit(try OwnedDescriptor.open(place, .directory), [])
    return lines
  }
}
