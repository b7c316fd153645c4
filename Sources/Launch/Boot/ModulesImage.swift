internal import Host
internal import Vocabulary

/// A small read-only ext4 file system with all modules of a kernel and the indexes that modprobe
/// looks at (`modules.dep(5)`): for images that load modules themselves, as Docker does.
enum ModulesImage {
  /// Makes it beside `tree` and returns its path.
  ///
  /// - Parameter tree: has `lib/modules/RELEASE`.
  static func make(of tree: String, release: String) throws -> String {
    let root = "\(tree)/lib/modules/\(release)"
    guard Files.isDirectory(root) else {
      throw LaunchError.kernelPackage(path: tree, reason: "it has no modules for \(release)")
    }
    // The maker of a package does not know which others there are: depmod(8).
    try Processes.runChecked(
      Command("depmod", ["--basedir", tree, release], environment: Command.plainEnvironment))
    let output = tree + ".img"
    try Files.write(output, [], durable: false)
    let content = try entries(of: root)
    let blocks = content.reduce(Int64(0)) { $0 + ($1.size + 4095) / 4096 + 1 }
    // Inodes, directories, tables; and some more, for there is little to save.
    let size = blocks + Int64(content.count) / 8 + 1024
    var environment = Command.plainEnvironment
    environment["MKE2FS_CONFIG"] = "/dev/null"
    environment["E2FSPROGS_FAKE_TIME"] = "\(SourceDate.constant.seconds)"
    try Processes.runChecked(
      Command(
        "mke2fs",
        [
          "-q", "-F", "-t", "ext4", "-b", "4096", "-m", "0", "-L", "modules", "-U",
          "6d6f6475-6c65-8000-8000-687574636800", "-N", "\(content.count + 64)", "-O",
          "none,ext_attr,dir_index,filetype,extent,sparse_super,large_file,extra_isize", "-E",
          "root_owner=0:0,hash_seed=6d6f6475-6c65-8000-8000-687574636801,nodiscard", "-d", root,
          output, "\(size)",
        ], environment: environment))
    try makeRoots(content.count, in: output, environment)
    return output
  }

  /// All below a directory, by their paths relative to it.
  private static func entries(
    of root: String, below folder: String = ""
  ) throws -> [(path: String, size: Int64)] {
    try Files.list(root + "/" + folder).sorted().flatMap { name in
      let path = folder.isEmpty ? name : "\(folder)/\(name)"
      guard let status = Files.status("\(root)/\(path)") else { return [(String, Int64)]() }
      let own = [(path, status.size)]
      return status.kind == .directory ? own + (try entries(of: root, below: path)) : own
    }
  }

  /// Whoever made it and when: in a VM the files are root's, and the bytes are the same again.
  ///
  /// - Parameter count: of files and directories; in a new file system they have the inodes after
  ///   `lost+found`, the 11th ("Special inodes", ext4's on-disk format).
  private static func makeRoots(
    _ count: Int, in image: String, _ environment: [String: String]
  ) throws {
    var script = ""
    for inode in 11...(11 + count) {
      script += "sif <\(inode)> uid 0\nsif <\(inode)> gid 0\n"
      for field in ["atime", "ctime", "mtime", "crtime"] {
        script += "sif <\(inode)> \(field) @\(SourceDate.constant)\n"
        if field != "crtime" { script += "sif <\(inode)> \(field)_extra 0\n" }
      }
    }
    let result = try Processes.run(
      Command("debugfs", ["-w", "-f", "-", image], environment: environment),
      input: Array(script.utf8), onOutput: { _ in })
    // It repeats every command on its standard output, and shows errors on the other.
    let complaints = result.errorTail.split(separator: "\n").filter { !$0.hasPrefix("debugfs ") }
    if !result.status.isSuccess || !complaints.isEmpty {
      throw LaunchError.configuration(
        reason: "debugfs could not finish \"\(image)\": \(complaints.first ?? "no reason given")")
    }
  }
}
