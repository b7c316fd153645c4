internal import Host
internal import Vocabulary

/// The installed QEMU.
package struct Emulator: Sendable, Hashable {
  package static let program = "qemu-system-x86_64"

  package var path: String
  /// `7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)`: everything that it says of itself.
  package var version: String
  /// Tells one file from another without running it.
  package var signature: String

  package init(path: String, version: String, signature: String) {
    self.path = path
    self.version = version
    self.signature = signature
  }

  /// Its path and signature; `HostError.missingTool` names Debian's package.
  package static func locate() throws -> (path: String, signature: String) {
    guard let path = Processes.find(program) else {
      throw HostError.missingTool(
        name: program, debianPackage: Processes.debianPackage(of: program))
    }
    // What a link leads to is what an upgrade replaces.
    let real = Files.canonical(path) ?? path
    guard let status = Files.status(real) else { return (path, real) }
    return (path, "\(real) \(status.inode) \(status.size) \(status.modified)")
  }

  /// Asks it for its version, which takes it some 30 ms.
  package static func find() throws -> Emulator {
    let (path, signature) = try locate()
    let result = try Processes.runChecked(
      Command(path, ["--version"]), outputLimit: 1 << 16, milliseconds: 10_000)
    return Emulator(
      path: path, version: try version(in: result.text, of: path), signature: signature)
  }

  static func version(in output: String, of path: String) throws -> String {
    let line = output.split(separator: "\n").first.map(String.init) ?? ""
    let prefix = "QEMU emulator version "
    guard line.hasPrefix(prefix), line.dropFirst(prefix.count).first?.isNumber == true else {
      throw LaunchError.emulatorVersion(program: path, output: String(line.prefix(200)))
    }
    return String(line.dropFirst(prefix.count))
  }
}
