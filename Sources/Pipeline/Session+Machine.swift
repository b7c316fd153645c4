internal import Catalog
internal import Disks
internal import Host
internal import Launch
internal import Planning
internal import Recipes
internal import Vocabulary

/// A machine that is up, and who serves others that talk to it.
struct RunningMachine {
  var machine: VirtualMachine
  var supervisor: Supervisor
}

extension Session {
  /// What an image says of itself: its blob, checked against its digest.
  func configuration(of image: ImageID) throws -> ImageConfiguration {
    let blob = try Files.read("\(layout.root)/blobs/sha256/\(image.digest.hex)", limit: 16 << 20)
    guard Digest.of(blob) == image.digest, let configuration = ImageConfiguration(parsing: blob)
    else { throw PipelineError.damagedConfiguration(image) }
    return configuration
  }

  /// Starts the machine of a VM whose supervisor `lease` is, and lets others reach it. The guest
  /// has not answered when this returns.
  ///
  /// - Parameter user: whose files in the VM log-ins are; empty for the one who runs commands there.
  func bringUp(
    _ vm: VMRecord, _ configuration: ImageConfiguration, _ bundle: BootBundle,
    mode: KernelCommandLine.Mode, user: String = ""
  ) throws -> RunningMachine {
    let folder = layout.virtualMachine(vm.name)
    let verdict = try accelerator(for: bundle)
    try requireDisks(of: vm)
    try ensureOverlay(of: vm)
    var files = [DiskFile(path: folder + "/overlay.qcow2", format: .qcow2)]
    files += vm.diskFiles.map(diskFile)
    // Nobody writes to a tool: all VMs that have it read the same file.
    let tools = vm.tools.map { tool in
      DiskChain(files: tool.diskFiles.map(diskFile), readOnly: true)
    }
    let modules = DiskChain(
      files: [DiskFile(path: bundle.modules, format: .raw)], readOnly: true)
    let runtime = RuntimeDirectory(store: layout.root, environment)
    try runtime.prepare(environment)
    let socket = runtime.socket(of: vm.name)
    let description = VMDescription(vm, socket: socket, kernelRelease: bundle.kernelRelease)
    try Files.write(folder + "/vm.json", Array(description.json.indented.utf8))
    var launch = Launch(
      machine: MachineConfiguration(
        cpus: vm.cpus, memory: vm.memory, accelerator: verdict.accelerator,
        kernel: bundle.kernel, initrd: bundle.initrd,
        commandLine: KernelCommandLine(
          mode: mode, nonce: [], user: configuration.machine.user, tools: vm.tools.map(\.name),
          modules: bundle.kernelRelease),
        // Nobody misses the disk of a throwaway VM after a crash of the host.
        disks: [DiskChain(files: files, flushes: !vm.ephemeral)] + tools + [modules]),
      emulator: verdict.emulator,
      identity: MachineIdentity.make(hostname: vm.name, seed: vm.seed),
      consoleLog: folder + "/console.log")
    if let policy = networkPolicy(of: vm, configuration) {
      launch.network = (policy, layout.networkLog(of: vm.name))
    }
    launch.shared = try sharedFiles(of: vm, user: user)
    let machine = try bootAlive(launch)
    try catalog.setState(vm.name, .running, detail: description.detail.description)
    return RunningMachine(
      machine: machine, supervisor: try Supervisor(machine, socket: socket))
  }

  /// Whoever asks first tells better what to do than the emulator that misses a file.
  func requireDisks(of vm: VMRecord) throws {
    for file in vm.diskFiles + vm.tools.flatMap(\.diskFiles) {
      let path = "\(layout.root)/\(file)"
      guard Files.exists(path) else { throw PipelineError.diskMissing(path: path) }
    }
  }

  private func diskFile(_ path: String) -> DiskFile {
    DiskFile(path: "\(layout.root)/\(path)", format: format(of: path) == .raw ? .raw : .qcow2)
  }

  /// Files in the store are named by what they are.
  func format(of disk: String) -> BackingFormat { disk.hasSuffix(".raw") ? .raw : .qcow2 }

  /// Boots again, once, if the kernel ends before the guest program is there: emulated processors
  /// trip over their own timing now and then. Nothing of the disk was touched by then.
  private func bootAlive(_ launch: Launch) throws -> VirtualMachine {
    let machine = try VirtualMachine.boot(launch)
    do {
      try machine.waitUntilGreeted()
      return machine
    } catch LaunchError.machineEnded where !machine.connection.isGreeted {
      report(.note("the VM's kernel ended before it was up; it is booted once more"))
      return try VirtualMachine.boot(launch)
    }
  }

  /// The row is the clone; its file can be made again until the VM first runs. A file that is
  /// there must be an overlay on this VM's disk and on nothing else.
  private func ensureOverlay(of vm: VMRecord) throws {
    guard let disk = vm.diskFiles.first else { throw CatalogError.unknownObject(vm.disk) }
    let path = layout.virtualMachine(vm.name) + "/overlay.qcow2"
    let isNew = vm.state == .created
    if Files.exists(path) {
      do {
        let header = try QCOW2Header.read(from: OwnedDescriptor.open(path, .read), path: path)
        try header.requireBacking(backingName(of: disk), format(of: disk), path: path)
        return
      } catch {
        // Written without syncing: after a power cut it may be short.
        guard isNew else { throw error }
        try Files.remove(path)
      }
    } else if !isNew {
      throw PipelineError.overlayMissing(vm.name)
    }
    try writeOverlay(name: vm.name, size: vm.diskSize, disk: disk)
  }

  /// As the overlay says it: relative, so that a store can be moved.
  func backingName(of disk: String) -> String { "../../\(disk)" }

  /// The clone's own file: a few clusters that say "as the disk below".
  func writeOverlay(name: String, size: ByteCount, disk: String) throws {
    let folder = layout.virtualMachine(name)
    try Files.makeDirectories(folder, mode: 0o700)
    try QCOW2Overlay(
      virtualSize: size, backingName: backingName(of: disk), backingFormat: format(of: disk)
    ).write(to: folder + "/overlay.qcow2", durable: false)
  }

  /// The boot bundle that a VM was made with, or another one of its image if that is gone.
  func bundle(for vm: VMRecord, _ lease: Lease, _ timings: inout Timings) throws -> BootBundle {
    if let key = vm.boot, let id = Digest(key.id), try catalog.find(key, lease) != nil,
      let bundle = BootBundle.existing(id, in: layout.boot)
    {
      return bundle
    }
    guard let image = vm.image else { throw PipelineError.noKernel(vm.name) }
    return try makeBoot(of: try catalog.image(image), lease, &timings).bundle
  }

  /// Deletes a VM with all its files. Refused while another process supervises it.
  func delete(_ name: String, reason: String, _ lease: Lease?) throws {
    let batch = try catalog.deleteVM(name, reason: reason, lease)
    try catalog.empty([batch])
  }
}
