internal import Archives
internal import Host
internal import Vocabulary

/// What we take from a Debian `linux-image-…-cloud-amd64` package.
struct KernelPackage {
  /// `uname -r`.
  var release: String
  var vmlinuz: [UInt8]
  /// Kernel objects, unpacked, in an order in which each finds what it needs.
  var modules: [(name: String, content: [UInt8])]

  /// What a VM of ours may need and a cloud kernel may not have built in, the way to the host
  /// first. Those that a kernel lacks are left out: it has them built in, or does without.
  static let wantedModules = [
    "virtio_pci", "virtio_console", "virtio_blk", "ext4", "virtio-rng", "overlay", "virtio_net",
    "vmw_vsock_virtio_transport",
    "qemu_fw_cfg",
  ]

  /// A package holds a few thousand modules in about 40 MiB; generic ones in about 100.
  private static let packageLimit = ByteCount.mebibytes(256)
  private static let moduleLimit = ByteCount.mebibytes(16)

  /// - Parameter directory: gets all modules as they are in the package, below
  ///   `lib/modules/RELEASE`.
  static func read(_ path: String, modulesTo directory: String) throws -> KernelPackage {
    var release: String?
    var vmlinuz: [UInt8]?
    var candidates: [String: [UInt8]] = [:]
    try ForeignArchive.forEachFile(ofPackage: path) { entry, data in
      guard entry.kind == .file else { return true }
      let name = entry.printableName
      if let version = name.split(separator: "/").last?.wholePrefix("vmlinuz-") {
        release = version
        vmlinuz = try data.readAll(limit: packageLimit)
      } else if let place = modulePlace(entry) {
        let content = try data.readAll(limit: moduleLimit)
        let file = "\(directory)/\(place)"
        try Files.makeDirectories(Files.parent(of: file), mode: 0o755)
        try Files.write(file, content, mode: 0o644, durable: false)
        guard let module = moduleName(name), neededNames.contains(module) else { return true }
        candidates[module] =
          name.hasSuffix(".ko")
          ? content
          : try ForeignArchive.decompress(content, named: "\(path): \(name)", limit: moduleLimit)
      }
      return true
    }
    guard let release, let vmlinuz else {
      throw LaunchError.kernelPackage(path: path, reason: "it has no /boot/vmlinuz")
    }
    return KernelPackage(
      release: release, vmlinuz: vmlinuz, modules: try order(candidates, path: path))
  }

  /// The wanted ones and everything that a kernel may split off them, so that one pass over the
  /// package is enough. What turns out to be needed beyond this is an error.
  private static let neededNames: Set<String> = Set(
    wantedModules + [
      "virtio", "virtio_ring", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "failover",
      "net_failover", "vsock", "vmw_vsock_virtio_transport_common", "rng-core", "jbd2", "mbcache",
      "crc16", "crc32c_generic", "libcrc32c",
    ])

  /// `lib/modules/…` of a file that is there, be it below `/usr` or not.
  private static func modulePlace(_ entry: ArchiveEntry) -> String? {
    guard let path = entry.guestPath?.description else { return nil }
    return ["/usr/lib/modules/", "/lib/modules/"].first(where: path.hasPrefix).map { prefix in
      "lib/modules/" + path.dropFirst(prefix.count)
    }
  }

  /// `virtio-rng` of `…/kernel/drivers/char/hw_random/virtio-rng.ko.xz`.
  private static func moduleName(_ path: String) -> String? {
    guard path.contains("/kernel/"), let file = path.split(separator: "/").last else { return nil }
    for suffix in [".ko", ".ko.xz", ".ko.zst", ".ko.gz"] where file.hasSuffix(suffix) {
      return String(file.dropLast(suffix.utf8.count))
    }
    return nil
  }

  /// Depth first along `depends=` of each module's `.modinfo` section (packages have no
  /// `modules.dep`; depmod(8) writes that when one is installed, from the same fields).
  static func order(
    _ candidates: [String: [UInt8]], path: String
  ) throws -> [(name: String, content: [UInt8])] {
    // Dashes and underscores mean the same there.
    func plain(_ name: String) -> String {
      String(name.map { $0 == "-" ? "_" : $0 })
    }
    var byPlainName: [String: String] = [:]
    for name in candidates.keys { byPlainName[plain(name)] = name }
    var ordered: [(name: String, content: [UInt8])] = []
    var visited: Set<String> = []
    func visit(_ wanted: String) throws {
      guard let name = byPlainName[plain(wanted)], visited.insert(name).inserted,
        let content = candidates[name]
      else { return }
      for dependency in try dependencies(content, name: name, path: path) {
        guard byPlainName[plain(dependency)] != nil else {
          throw LaunchError.kernelPackage(
            path: path, reason: "its module \"\(name)\" needs \"\(dependency)\"")
        }
        try visit(dependency)
      }
      ordered.append((name + ".ko", content))
    }
    for name in wantedModules { try visit(name) }
    return ordered
  }

  static func dependencies(_ module: [UInt8], name: String, path: String) throws -> [String] {
    guard let information = ELFFile(module)?.section(".modinfo") else {
      throw LaunchError.kernelPackage(path: path, reason: "its module \"\(name)\" is no module")
    }
    for field in information.split(separator: 0) {
      if let list = String(decoding: field, as: UTF8.self)[...].wholePrefix("depends=") {
        return list.split(separator: ",").map(String.init)
      }
    }
    return []
  }
}

extension Substring {
  /// What follows `prefix`, if it begins with it.
  fileprivate func wholePrefix(_ prefix: String) -> String? {
    hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
  }
}
