import Host
import Launch
import TestSupport
import Vocabulary

/// What real boots need: a boot bundle and a small root file system. Made once and kept in
/// `HUTCH_TEST_CACHE`, else in `.build/launch-fixture`.
struct BootFixture: Sendable {
  let bundle: BootBundle
  /// A raw ext4 with a static BusyBox.
  let root: String
  let emulator: Emulator
  /// For disks of VMs.
  let work: String

  /// Why there is none, in a word or two.
  struct Missing: Error {
    var what: String
  }

  static let shared: Result<BootFixture, Missing> = Result { () throws(Missing) in try make() }

  /// The fixture; `nil`, after saying so, if this machine lacks something.
  static func find(for test: String) -> BootFixture? {
    switch shared {
    case .success(let fixture): return fixture
    case .failure(let missing):
      skip(test, missing: missing.what)
      return nil
    }
  }

  static let package = Files.parent(
    of: Files.parent(of: Files.parent(of: Files.canonical(#filePath) ?? #filePath)))
  private static let cache =
    HostEnvironment.current["HUTCH_TEST_CACHE"] ?? package + "/.build/launch-fixture"

  private static func make() throws(Missing) -> BootFixture {
    for tool in ["qemu-system-x86_64", "qemu-img", "mke2fs", "depmod", "apt-get", "dpkg-deb"] {
      guard Processes.find(tool) != nil else { throw Missing(what: tool) }
    }
    do {
      // Two test processes at once make it once.
      try Files.makeDirectories(cache)
      let lock = try FileLock.exclusive(cache + "/lock", wait: true)
      defer { withExtendedLifetime(lock) {} }
      let guest = try guestProgram()
      let kernel = try package(metapackage: "linux-image-cloud-amd64", as: "kernel.deb")
      let digest = Digest.of(try Files.read(kernel, limit: 256 << 20))
      let bundle = try BootBundle.make(
        kernelPackage: kernel, digest: digest, guestProgram: guest, in: cache + "/boot")
      let scratch = HostEnvironment.current["HUTCH_TEST_SCRATCH"] ?? "/tmp"
      let work = "\(scratch)/hutch-launch-\(Hex.encode(Randomness.bytes(4)))"
      try Files.makeDirectories(work, mode: 0o700)
      return BootFixture(
        bundle: bundle, root: try rootDisk(), emulator: try Emulator.find(), work: work)
    } catch {
      throw Missing(what: "boot fixture (\(error))")
    }
  }

  /// The one of the program under test; else built, and built anew when its sources are newer.
  static func guestProgram() throws -> String {
    if let tested = HostEnvironment.current["HUTCH_UNDER_TEST"] {
      return Files.parent(of: Files.parent(of: tested)) + "/libexec/hutch/guest"
    }
    let program = cache + "/guest"
    let built = Files.status(program)?.modified ?? 0
    var newest: Int64 = 0
    for folder in ["Guest", "GuestProtocol", "CGuest", "CGuest/include"] {
      let directory = "\(package)/Sources/\(folder)"
      for name in try Files.list(directory) {
        newest = max(newest, Files.status("\(directory)/\(name)")?.modified ?? 0)
      }
    }
    if built > newest { return program }
    let current = HostEnvironment.current
    try Processes.runChecked(
      Command(
        package + "/scripts/build-guest", [program],
        environment: [
          "PATH": current.searchPath.joined(separator: ":"), "HOME": current.home,
        ]))
    return program
  }

  /// A package of the host's own suite; a metapackage leads to the one that it depends on.
  static func package(metapackage: String, as name: String) throws -> String {
    let path = "\(cache)/\(name)"
    if Files.exists(path) { return path }
    var wanted = metapackage
    let depends = try Processes.runChecked(Command("apt-cache", ["depends", metapackage])).text
    for line in depends.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 2, words[0] == "Depends:", words[1].hasPrefix("linux-image") {
        wanted = String(words[1])
      }
    }
    let place = cache + "/download"
    try Files.removeTree(place)
    try Files.makeDirectories(place)
    try Processes.runChecked(
      Command("apt-get", ["-q", "download", wanted], workingDirectory: place))
    guard let file = try Files.list(place).first else { throw Missing(what: wanted) }
    try Files.rename("\(place)/\(file)", to: path, replacing: true)
    return path
  }

  private static func rootDisk() throws -> String {
    let disk = cache + "/root.ext4"
    if Files.exists(disk) { return disk }
    let tree = cache + "/tree"
    try Files.removeTree(tree)
    try Processes.runChecked(
      Command(
        "dpkg-deb", ["-x", try package(metapackage: "busybox-static", as: "busybox.deb"), tree]))
    for name in ["dev", "proc", "sys", "run", "tmp", "root", "etc", "sbin", "usr/bin"] {
      try Files.makeDirectories("\(tree)/\(name)")
    }
    let applets = try Processes.runChecked(Command(tree + "/bin/busybox", ["--list-full"])).text
    for applet in applets.split(separator: "\n") where !Files.exists("\(tree)/\(applet)") {
      try Files.makeDirectories(Files.parent(of: "\(tree)/\(applet)"))
      try Processes.runChecked(Command("ln", ["-s", "/bin/busybox", "\(tree)/\(applet)"]))
    }
    try Files.write(
      tree + "/etc/passwd",
      [UInt8]("root:x:0:0:root:/root:/bin/sh\nagent:x:1000:1000::/tmp:/bin/sh\n".utf8))
    try Files.write(tree + "/etc/group", [UInt8]("root:x:0:\nagent:x:1000:\n".utf8))
    // What `start` boots: an init that answers SIGPWR's kind of wishes as BusyBox does.
    try Files.write(
      tree + "/etc/inittab",
      [UInt8]("::sysinit:/bin/touch /run/init-was-here\n::shutdown:/bin/sync\n".utf8))
    try Files.removeTree(disk + ".part")
    try Processes.runChecked(
      Command(
        "mke2fs", ["-q", "-t", "ext4", "-d", tree, "-E", "root_owner=0:0", disk + ".part", "256M"]))
    try Files.rename(disk + ".part", to: disk, replacing: true)
    try Files.removeTree(tree)
    return disk
  }

  // MARK: VMs

  /// A fresh disk over the root: a qcow2 of its own.
  func overlay() throws -> DiskChain {
    let path = "\(work)/\(Hex.encode(Randomness.bytes(4))).qcow2"
    try Processes.runChecked(
      Command("qemu-img", ["create", "-q", "-f", "qcow2", "-b", root, "-F", "raw", path]))
    return DiskChain(
      files: [DiskFile(path: path, format: .qcow2), DiskFile(path: root, format: .raw)])
  }

  func launch(
    _ disk: DiskChain, cpus: Int = 1, mode: KernelCommandLine.Mode = .run, user: String? = nil,
    hostname: String = "vm", log: String? = nil
  ) -> Launch {
    Launch(
      machine: MachineConfiguration(
        cpus: cpus, memory: .mebibytes(512), accelerator: .tcg, kernel: bundle.kernel,
        initrd: bundle.initrd,
        commandLine: KernelCommandLine(
          mode: mode, nonce: [UInt8](repeating: 0, count: 16), user: user),
        disks: [disk]),
      emulator: emulator,
      identity: MachineIdentity.make(hostname: hostname, seed: [UInt8](hostname.utf8)),
      consoleLog: log)
  }

  func boot(
    _ disk: DiskChain, mode: KernelCommandLine.Mode = .run, hostname: String = "vm"
  ) throws -> VirtualMachine {
    try VirtualMachine.boot(launch(disk, mode: mode, hostname: hostname))
  }
}
