internal import Host
package import Vocabulary

/// A finished disk.
package struct MadeDisk: Sendable, Hashable {
  /// What a guest sees.
  package let size: ByteCount
  /// What it takes on this file system.
  package let allocated: ByteCount
  /// Over all blocks that are not zero (`BlockDigest`).
  package let digest: Digest

  package init(size: ByteCount, allocated: ByteCount, digest: Digest) {
    self.size = size
    self.allocated = allocated
    self.digest = digest
  }
}

/// Makes the disk of a chain from its merged tree with e2fsprogs.
///
/// The tree is read as it shows itself to the caller: owners as they are in the caller's user
/// namespace. The same tree, date, seed and e2fsprogs version give the same bytes, whenever and
/// wherever it was unpacked.
package struct MergedTreeFormatter: Sendable {
  /// What the bytes depend on besides tree, date and seed.
  package let formatterKey: String

  private let mke2fs: String
  private let debugfs: String
  private let e2fsck: String
  private let dumpe2fs: String

  /// Finds the tools and asks for their version.
  package init() throws(DisksError) {
    func tool(_ name: String) throws(DisksError) -> String {
      guard let path = Processes.find(name) else {
        throw .host(.missingTool(name: name, debianPackage: "e2fsprogs"))
      }
      return path
    }
    mke2fs = try tool("mke2fs")
    debugfs = try tool("debugfs")
    e2fsck = try tool("e2fsck")
    dumpe2fs = try tool("dumpe2fs")
    let command = Command(mke2fs, ["-V"])
    let said = try onHost { () throws(HostError) in try Processes.run(command) }.errorTail
    // "mke2fs 1.47.0 (5-Feb-2023)"
    let words = said.split(whereSeparator: \.isWhitespace)
    guard words.count > 1, words[0] == "mke2fs" else {
      throw .unreadableToolOutput(tool: mke2fs, what: "which version it is")
    }
    formatterKey = "mke2fs-d:\(DiskFormat.version):e2fsprogs-\(words[1])"
  }

  /// What `formatterKey` follows from, without running anything: the same line, the same key.
  package static func signature() throws(DisksError) -> String {
    guard let path = Processes.find("mke2fs") else {
      throw .host(.missingTool(name: "mke2fs", debianPackage: "e2fsprogs"))
    }
    // What a link leads to is what an upgrade replaces.
    let real = Files.canonical(path) ?? path
    let status = Files.status(real)
    return "\(DiskFormat.version) \(real) \(status?.inode ?? 0) \(status?.size ?? 0) "
      + "\(status?.modified ?? 0)"
  }

  /// Writes the disk to `output`, which must not exist: sparse, mode 0444, synced. Nothing is
  /// left there after a failure.
  ///
  /// - Parameters:
  ///   - tree: the merged tree; owners, modes, modification times and attributes are taken.
  ///   - date: all other times in the file system.
  ///   - seed: the diffID of the chain's first layer.
  package func make(
    tree: String, output: String, date: SourceDate, seed: Digest
  ) throws(DisksError) -> MadeDisk {
    let configuration = output + ".mke2fs.conf"
    // Before the rest: what was there already is not ours to remove.
    try onHost { () throws(HostError) in
      try OwnedDescriptor.open(output, .createExclusive(mode: 0o600))
        .truncate(to: DiskFormat.size.bytes)
    }
    defer { try? Files.remove(configuration) }
    do {
      return try makeOrLeave(tree, output, configuration, date, seed)
    } catch {
      try? Files.remove(output)
      throw error
    }
  }

  private func makeOrLeave(
    _ tree: String, _ output: String, _ configuration: String, _ date: SourceDate, _ seed: Digest
  ) throws(DisksError) -> MadeDisk {
    guard let root = Files.status(tree) else {
      throw .host(.system(operation: "open", path: tree, errno: 2))
    }
    var environment = Command.plainEnvironment
    environment["MKE2FS_CONFIG"] = configuration
    environment["E2FSCK_CONFIG"] = "/dev/null"
    environment["E2FSPROGS_FAKE_TIME"] = "\(date)"
    environment["SOURCE_DATE_EPOCH"] = "\(date)"
    try onHost { () throws(HostError) in
      let text = Array(DiskFormat.configuration.utf8)
      try Files.write(configuration, text, mode: 0o600, durable: false)
      try Processes.runChecked(
        Command(
          mke2fs, DiskFormat.arguments(seed: seed, tree: tree, output: output),
          environment: environment))
    }
    try setTimes(in: output, root: root, date: date, environment)
    try check(output, environment)
    return try finish(output)
  }

  /// `e2fsck` must have nothing to say.
  private func check(
    _ output: String, _ environment: [String: String]
  ) throws(DisksError) {
    let result = try onHost { () throws(HostError) in
      try Processes.run(Command(e2fsck, ["-f", "-n", output], environment: environment))
    }
    guard result.status.isSuccess else {
      throw .inconsistentFileSystem(path: output, said: Processes.tail(result.text))
    }
  }

  private func finish(_ output: String) throws(DisksError) -> MadeDisk {
    try onHost { () throws(HostError) in
      let file = try OwnedDescriptor.open(output, .readWrite)
      let digest = try BlockDigest.of(file)
      try Files.setMode(output, 0o444)
      try file.sync()
      let status = try file.status()
      return MadeDisk(
        size: ByteCount(status.size), allocated: ByteCount(status.allocated), digest: digest)
    }
  }

  /// What `mke2fs -d` takes from the tree as it lies there (changed and accessed: when it was
  /// unpacked), and what it does not take (mode and owner of the root), set by `debugfs`.
  private func setTimes(
    in output: String, root: FileStatus, date: SourceDate, _ environment: [String: String]
  ) throws(DisksError) {
    let listing = try onHost { () throws(HostError) in
      try Processes.runChecked(Command(dumpe2fs, [output], environment: environment))
    }
    guard let inodes = UsedInodes.parse(listing.text) else {
      throw .unreadableToolOutput(tool: dumpe2fs, what: "which inodes are free")
    }
    var script = "sif <2> mode 0\(String(0o040000 | root.mode, radix: 8))\n"
    script += "sif <2> uid \(root.uid)\nsif <2> gid \(root.gid)\n"
    script += "sif <2> mtime @\(min(root.modified, date.seconds))\n"
    for inode in inodes where inode == 2 || inode >= 11 {
      for field in ["atime", "ctime", "crtime"] { script += "sif <\(inode)> \(field) @\(date)\n" }
      for field in ["atime", "ctime", "mtime"] { script += "sif <\(inode)> \(field)_extra 0\n" }
    }
    let result = try onHost { () throws(HostError) in
      // It repeats every command on its standard output, and shows errors on the other.
      try Processes.run(
        Command(debugfs, ["-w", "-f", "-", output], environment: environment),
        input: Array(script.utf8), onOutput: { _ in })
    }
    let complaints = result.errorTail.split(separator: "\n").filter { !$0.hasPrefix("debugfs ") }
    guard result.status.isSuccess, complaints.isEmpty else {
      throw .timesNotSet(path: output, said: complaints.first.map(String.init) ?? "")
    }
  }
}

/// Which inodes `dumpe2fs` shows as used.
enum UsedInodes {
  /// `nil` if the listing has no such numbers. Ascending.
  static func parse(_ listing: String) -> [Int]? {
    var count: Int?
    var used: [Int] = []
    var next = 1
    for line in listing.split(separator: "\n") {
      if line.hasPrefix("Inode count:") {
        count = Int(line.dropFirst(12).drop(while: \.isWhitespace))
      }
      // In a group's section, indented: "  Free inodes: 12-8192, 9000" or nothing behind it.
      guard line.hasPrefix("  Free inodes:") else { continue }
      for part in line.dropFirst(14).split(whereSeparator: { ", ".contains($0) }) {
        let ends = part.split(separator: "-").map { Int($0) }
        guard let first = ends.first ?? nil, let last = ends.last ?? nil, first >= next,
          last >= first
        else { return nil }
        used += Array(next..<first)
        next = last + 1
      }
    }
    guard let count, count <= 1 << 24, next <= count + 1 else { return nil }
    return used + Array(next..<(count + 1))
  }
}
