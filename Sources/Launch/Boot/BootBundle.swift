internal import Host
package import Vocabulary

/// A directory with everything that a VM boots from: `vmlinux`, `initrd`, `modules.img`,
/// `bundle.json`. Made once
/// from a locked kernel package and the guest program; a pure function of both.
package struct BootBundle: Sendable, Hashable {
  package let id: Digest
  package let directory: String
  /// `uname -r`.
  package let kernelRelease: String

  package init(id: Digest, directory: String, kernelRelease: String) {
    self.id = id
    self.directory = directory
    self.kernelRelease = kernelRelease
  }

  package var kernel: String { directory + "/vmlinux" }
  package var initrd: String { directory + "/initrd" }
  /// A file system with all modules of the kernel, as `/lib/modules/RELEASE` has them.
  package var modules: String { directory + "/modules.img" }

  /// Changes whenever the same inputs would give another bundle.
  package static let format = 2

  package static func identify(kernelPackage: Digest, guestProgram: Digest) -> Digest {
    .of("hutch boot bundle \(format)\n\(kernelPackage)\n\(guestProgram)\n")
  }

  /// The name of its directory below `boot/`.
  package static func name(_ id: Digest) -> String { String(id.hex.prefix(32)) }

  /// The bundle of these inputs below `root`, if it is there and whole.
  package static func existing(_ id: Digest, in root: String) -> BootBundle? {
    let directory = "\(root)/\(name(id))"
    guard let bytes = try? Files.read(directory + "/bundle.json", limit: 1 << 16),
      let json = try? JSON(parsing: bytes), json["id"]?.string == id.description,
      let release = json["kernel_release"]?.string,
      json["vmlinux_bytes"]?.integer == Files.status(directory + "/vmlinux")?.size,
      json["initrd_bytes"]?.integer == Files.status(directory + "/initrd")?.size,
      json["modules_bytes"]?.integer == Files.status(directory + "/modules.img")?.size
    else { return nil }
    return BootBundle(id: id, directory: directory, kernelRelease: release)
  }

  /// Makes it unless it is there.
  ///
  /// - Parameters:
  ///   - kernelPackage: a verified `.deb` and its digest.
  ///   - guestProgram: the static executable that becomes `/init`.
  ///   - root: `boot/` of the store.
  package static func make(
    kernelPackage: String, digest: Digest, guestProgram: String, in root: String
  ) throws -> BootBundle {
    let program = try Files.read(guestProgram, limit: 256 << 20)
    let id = identify(kernelPackage: digest, guestProgram: .of(program))
    if let bundle = existing(id, in: root) { return bundle }
    guard ELFFile(program) != nil else {
      throw LaunchError.configuration(reason: "\"\(guestProgram)\" is no program for x86-64")
    }
    try Files.makeDirectories(root)
    let aside = "\(root)/.new-\(Hex.encode(Randomness.bytes(8)))"
    defer { try? Files.removeTree(aside) }
    let tree = aside + "/modules"
    try Files.makeDirectories(tree)
    let package = try KernelPackage.read(kernelPackage, modulesTo: tree)
    let modules = try ModulesImage.make(of: tree, release: package.release)
    try Files.removeTree(tree)
    try OwnedDescriptor.open(modules, .read).sync()
    let vmlinux = try KernelImage.unpack(package.vmlinuz, path: kernelPackage)
    let initrd = initrd(program: program, modules: package.modules)
    let description = JSON.object([
      "hutch": .integer(1), "kind": .string("boot-bundle"), "format": .integer(Int64(format)),
      "id": .string(id.description), "kernel_release": .string(package.release),
      "kernel_package": .string(digest.description),
      "guest_program": .string(Digest.of(program).description),
      "modules": .array(package.modules.map { .string($0.name) }),
      "vmlinux_bytes": .integer(Int64(vmlinux.count)),
      "initrd_bytes": .integer(Int64(initrd.count)),
      "modules_bytes": .integer(Files.status(modules)?.size ?? 0),
    ])
    try publish(
      [
        ("vmlinux", vmlinux), ("initrd", initrd),
        ("bundle.json", [UInt8](description.indented.utf8)),
      ],
      in: aside, as: name(id), in: root)
    guard let bundle = existing(id, in: root) else {
      throw LaunchError.configuration(reason: "another bundle stands at \"\(root)/\(name(id))\"")
    }
    return bundle
  }

  /// Puts the last files into the new directory, and that where it belongs.
  private static func publish(
    _ files: [(name: String, content: [UInt8])], in aside: String, as name: String,
    in root: String
  ) throws {
    let target = "\(root)/\(name)"
    for file in files { try Files.write("\(aside)/\(file.name)", file.content) }
    try Files.syncDirectory(aside)
    // Left over from a damaged one, or somebody was faster, which is as good.
    if Files.exists(target), try Files.list(target).isEmpty { try Files.removeTree(target) }
    do {
      try Files.rename(aside, to: target, replacing: false)
    } catch {
      guard Files.exists(target) else { throw error }
    }
    try Files.syncDirectory(root)
  }

  /// `/init`, `/modules/*.ko` and `/modules/order`, which the guest program loads from.
  static func initrd(program: [UInt8], modules: [(name: String, content: [UInt8])]) -> [UInt8] {
    var writer = NewcWriter()
    for directory in ["dev", "modules", "newroot", "proc", "sys"] {
      writer.addDirectory(directory)
    }
    writer.addFile("init", mode: 0o755, content: program)
    for module in modules {
      writer.addFile("modules/" + module.name, mode: 0o644, content: module.content)
    }
    let order = modules.map { $0.name + "\n" }.joined()
    writer.addFile("modules/order", mode: 0o644, content: [UInt8](order.utf8))
    return writer.finish()
  }
}
