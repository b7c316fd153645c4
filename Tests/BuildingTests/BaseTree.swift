import Glibc
import Host

/// The smallest image that runs a script: the host's shell and core utilities with the libraries
/// that they load, and the directories that a step mounts on.
enum BaseTree {
  private static let tools = [
    "sh", "cat", "chmod", "cp", "dd", "env", "head", "id", "ln", "ls", "mkdir", "mkfifo", "mknod",
    "mount", "mv", "perl", "rm", "sleep", "stat", "sync", "test", "touch", "true", "uname", "wc",
  ]

  static func make(at root: String) throws {
    let directories = [
      "usr/bin", "usr/sbin", "etc", "dev", "proc", "sys", "tmp", "run", "root", "var/log", "opt/d",
    ]
    for directory in directories { try Files.makeDirectories("\(root)/\(directory)") }
    let tree = try OwnedDescriptor.open(root, .directory)
    // Merged, as Debian's are.
    for name in ["bin", "sbin", "lib", "lib64"] {
      try Files.makeDirectories("\(root)/usr/\(name)")
      try tree.makeLink(target: Array("usr/\(name)".utf8), at: Array(name.utf8))
    }
    var files: Set<String> = []
    for tool in tools {
      guard let path = Processes.find(tool).flatMap({ Files.canonical($0) }) else { continue }
      try copy(path, to: "\(root)/usr/bin/\(tool)")
      files.formUnion(try libraries(of: path))
    }
    for library in files { try copy(library, to: root + library) }
    try text("etc/hostname", "base\n", in: root)
    try text("etc/gone", "to be removed\n", in: root)
    try text("etc/kept", "as it is\n", in: root)
    try text("opt/d/file", "in the base\n", in: root)
    try settle(tree)
  }

  private static func text(_ name: String, _ text: String, in root: String) throws {
    try Files.write("\(root)/\(name)", Array(text.utf8), mode: 0o644, durable: false)
  }

  /// `ldd(1)` prints `name => path (address)`, and the loader as `path (address)`.
  private static func libraries(of program: String) throws -> Set<String> {
    let listing = try Processes.run(Command("ldd", [program])).text
    return Set(
      listing.split(whereSeparator: \.isNewline).compactMap { line in
        line.split(whereSeparator: \.isWhitespace).first { $0.hasPrefix("/") }.map(String.init)
      })
  }

  private static func copy(_ path: String, to target: String) throws {
    try Files.makeDirectories(Files.parent(of: target))
    try Files.write(target, try Files.read(path, limit: 64 << 20), mode: 0o755, durable: false)
  }

  /// Modes whatever the umask, and times that a later step can't have made.
  private static func settle(_ directory: borrowing OwnedDescriptor) throws {
    for name in try directory.entries() {
      if try directory.status(of: name).kind == .directory {
        try directory.setMode(of: name, 0o755)
        try settle(try directory.openBeneath(name, .directory))
      }
      try directory.setTimes(of: name, seconds: 1_500_000_000)
    }
  }
}
