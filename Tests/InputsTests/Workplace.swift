import Host
import Inputs
import Recipes
import Testing
import Vocabulary

/// A directory of a test's own, gone with the test, with a store in it.
final class Workplace {
  let path: String
  let store: InputStore

  init() throws {
    path = "/tmp/hutch-inputs-\(Hex.encode(Randomness.bytes(6)))"
    try Files.makeDirectories(path, mode: 0o755)
    store = InputStore(directory: path + "/store/inputs/sha256", ingest: path + "/store/ingest")
    try Files.makeDirectories(store.directory)
  }

  deinit { try? Files.removeTree(path) }

  func callAsFunction(_ name: String) -> String { path + "/" + name }

  /// A small package in an archive below `archive/`, as a lock would name it.
  func package(
    _ name: String, version: String = "1.0-1", control extra: String = "", contents: String = ""
  ) throws -> LockedPackage {
    let tree = path + "/tree-\(name)"
    try Files.makeDirectories(tree + "/DEBIAN")
    let control = """
      Package: \(name)
      Version: \(version)
      Architecture: all
      Maintainer: Nobody <nobody@example.org>
      \(extra)Description: a package
       with a longer description

      """
    try Files.write(tree + "/DEBIAN/control", Array(control.utf8))
    try Files.write(tree + "/file-\(name)", Array(contents.utf8))
    let pool = "pool/main/\(name.prefix(1))/\(name)"
    try Files.makeDirectories(path + "/archive/" + pool)
    let upstream = version.split(separator: ":").last.map(String.init) ?? version
    let file = "\(pool)/\(name)_\(upstream)_all.deb"
    var environment = Command.plainEnvironment
    environment["SOURCE_DATE_EPOCH"] = "1600000000"
    try Processes.runChecked(
      Command(
        "dpkg-deb", ["--root-owner-group", "-b", tree, "\(path)/archive/\(file)"],
        environment: environment))
    let bytes = try Files.read("\(path)/archive/\(file)", limit: 1 << 20)
    return LockedPackage(
      name: name, version: version, architecture: "all", path: file,
      size: ByteCount(bytes.count), digest: Digest.of(bytes))
  }

  /// Puts it into the store without fetching.
  func keep(_ package: LockedPackage) throws {
    let bytes = try Files.read("\(path)/archive/\(package.path)", limit: 1 << 20)
    try Files.write(store.path(of: package.digest), bytes, mode: 0o444)
  }

  /// The archive as a mirror on this machine.
  var mirror: AptSources { AptSources(archive: ["file:\(path)/archive"], security: []) }
}
