import CGuest
import GuestProtocol

/// From the kernel's first process to a served channel.
enum Boot {
  /// The whole way up, in order.
  static func run() -> Never {
    _ = unsafe guest_mkdir("/sys", 0o555)
    _ = unsafe guest_mount("sysfs", "/sys", "sysfs", UInt32(kernelFileSystem), nil)
    let arguments = KernelArguments(readFile("/proc/cmdline") ?? [])
    if arguments.mode == .probe { probe() }

    var control: Port?
    do {
      try loadModules()
      let server = try Server(
        arguments, control: Port.open(.control), streams: Port.open(.streams))
      control = server.control
      server.greet()
      try mountRoot(arguments.root)
      try enterRoot(mountingCgroups: arguments.mode == .run)
      try Tools.mount(arguments.tools)
      mountModules(arguments)
      try settle(arguments)
      if arguments.mode == .start { try handOver(arguments) }
      server.serve()
    } catch {
      fail("\(error)", control)
    }
  }

  /// Tells host and console, and powers off.
  static func fail(_ reason: String, _ control: Port?) -> Never {
    log(reason)
    if let control {
      control.send(Message.fatal(text: [UInt8](reason.utf8)).encoded())
      control.drain(milliseconds: 1000)
    }
    _ = guest_reboot(Int32(GUEST_POWER_OFF))
    guest_exit(1)
  }

  private static var kernelFileSystem: Int {
    GUEST_NO_SUID | GUEST_NO_DEVICES | GUEST_NO_EXEC
  }

  /// Shows that this machine runs our kernel at all.
  private static func probe() -> Never {
    let line = [UInt8]("hutch-probe-ok\n".utf8)
    _ = unsafe guest_write(1, line, line.count)
    _ = guest_reboot(Int32(GUEST_POWER_OFF))
    guest_exit(0)
  }

  private static func loadModules() throws(SystemError) {
    for line in text(readFile("/modules/order") ?? []).split(separator: "\n") {
      try check(unsafe guest_load_module("/modules/\(line)"), "load module \"\(line)\"")
    }
  }

  private static func mountRoot(_ device: String) throws(SystemError) {
    try waitFor(device)
    _ = unsafe guest_mkdir("/newroot", 0o755)
    // Access times would be writes of every clone, and nobody looks at them.
    let noAccessTime = UInt32(GUEST_NO_ACCESS_TIME)
    try check(
      unsafe guest_mount(device, "/newroot", "ext4", noAccessTime, nil),
      "mount \"\(device)\" as ext4")
    let grown = unsafe guest_grow(device, "/newroot")
    if grown < 0 { log("the root file system could not grow: \(words(-grown))") }
  }

  static func waitFor(_ device: String) throws(SystemError) {
    let deadline = guest_monotonic_ms() + 30_000
    while !exists(device) {
      guard guest_monotonic_ms() < deadline else {
        throw SystemError(operation: "wait for \"\(device)\"", errno: Errno.noEntry)
      }
      _ = guest_poll(nil, 0, 1)
    }
  }

  /// Makes the mounted disk the root and puts what a userland expects below it.
  private static func enterRoot(mountingCgroups: Bool) throws(SystemError) {
    for name in ["proc", "sys", "dev"] {
      _ = unsafe guest_mkdir("/newroot/\(name)", 0o755)
      try check(unsafe guest_move_mount("/\(name)", "/newroot/\(name)"), "move \"/\(name)\"")
    }
    // The files of the initramfs are memory that nobody would get back.
    for name in names(in: "/modules") { _ = unsafe guest_unlink("/modules/\(name)") }
    _ = unsafe guest_unlink("/init")
    try check(unsafe guest_switch_root("/newroot"), "switch root")

    mount(
      "devpts", "/dev/pts", "devpts", GUEST_NO_SUID | GUEST_NO_EXEC,
      "gid=5,mode=620,ptmxmode=666")
    let plain = GUEST_NO_SUID | GUEST_NO_DEVICES
    mount("tmpfs", "/dev/shm", "tmpfs", plain, "mode=1777")
    mount("tmpfs", "/run", "tmpfs", plain, "mode=755")
    if mountingCgroups { mount("cgroup2", "/sys/fs/cgroup", "cgroup2", kernelFileSystem, nil) }
    for (target, link) in [
      ("/proc/self/fd", "/dev/fd"), ("/proc/self/fd/0", "/dev/stdin"),
      ("/proc/self/fd/1", "/dev/stdout"), ("/proc/self/fd/2", "/dev/stderr"),
    ] { _ = unsafe guest_symlink(target, link) }
    _ = unsafe guest_mkdir("/run/hutch", 0o700)
    _ = unsafe guest_mkdir("/run/lock", 0o1777)
  }

  /// Shows the kernel's modules to an image that can load them; for others, and where it fails,
  /// nothing is touched.
  private static func mountModules(_ arguments: KernelArguments) {
    if arguments.modules.isEmpty || !exists("/sbin/modprobe") { return }
    let target = "/lib/modules/" + arguments.modules
    do {
      let device = try Tools.device(arguments.tools.count)
      try waitFor(device)
      try makeDirectories(target)
      mount(device, target, "ext4", GUEST_READ_ONLY | GUEST_NO_SUID | GUEST_NO_DEVICES, nil)
    } catch {
      log("modules: \(error)")
    }
  }

  /// A mount that a broken image may refuse without stopping the boot.
  private static func mount(
    _ source: String, _ target: String, _ type: String, _ flags: Int, _ options: String?
  ) {
    _ = unsafe guest_mkdir(target, 0o755)
    let result = unsafe guest_mount(source, target, type, UInt32(flags), options)
    if result < 0 { log("mount \"\(target)\": \(words(-result))") }
  }

  private static func settle(_ arguments: KernelArguments) throws(SystemError) {
    _ = guest_raise_limits()
    let loopback = guest_loopback_up()
    if loopback < 0 { log("loopback: \(words(-loopback))") }
    if !arguments.hostname.isEmpty {
      try Identity.set(hostname: [UInt8](arguments.hostname.utf8))
    }
    if let machineID = arguments.machineID { try Identity.set(machineID: machineID) }
  }

  /// Mounts `/tmp` where systemd would, with tmp.mount's options; it takes over what is there.
  ///
  /// The channel is served before init is done: what a client wrote to `/tmp` until then would
  /// vanish below a mount that comes later.
  private static func mountTemporaryDirectory() {
    let units = "systemd/system"
    guard exists("/usr/lib/\(units)/local-fs.target.wants/tmp.mount"),
      !exists("/etc/\(units)/tmp.mount"), unsafe guest_is_link("/tmp") == 0
    else { return }
    mount(
      "tmpfs", "/tmp", "tmpfs", GUEST_NO_SUID | GUEST_NO_DEVICES,
      "mode=1777,size=50%,nr_inodes=1m")
  }

  /// Keeps systemd from refusing log-ins until it is done booting (systemd-user-sessions.service(8)):
  /// a VM is there as soon as it answers, for `ssh` as for `exec`.
  ///
  /// What is in `/run` goes before a file of the same name in `/usr/lib` (tmpfiles.d(5)).
  private static func allowEarlyLogIns() {
    _ = unsafe guest_mkdir("/run/tmpfiles.d", 0o755)
    _ = unsafe guest_symlink("/dev/null", "/run/tmpfiles.d/systemd-nologin.conf")
  }

  /// From here on this process is the helper, and PID 1 is the image's init.
  private static func handOver(_ arguments: KernelArguments) throws(SystemError) {
    mountTemporaryDirectory()
    allowEarlyLogIns()
    let result = unsafe withTable([[UInt8]("HOME=/".utf8), [UInt8]("TERM=linux".utf8)]) {
      environment in
      unsafe guest_hand_over(arguments.initPath, environment)
    }
    try check(result, "execute \"\(arguments.initPath)\"")
  }
}
