package import Vocabulary

/// What runs the guest's instructions.
package enum Accelerator: String, Sendable, CaseIterable {
  case kvm
  /// QEMU's translator: works everywhere, several times slower.
  case tcg

  /// How long a guest may take to greet.
  package var helloSeconds: Int { self == .kvm ? 20 : 60 }
}

package enum DiskFileFormat: String, Sendable {
  case raw
  case qcow2
}

/// One file of a disk.
package struct DiskFile: Sendable, Hashable {
  package var path: String
  package var format: DiskFileFormat

  package init(path: String, format: DiskFileFormat) {
    self.path = path
    self.format = format
  }
}

/// A disk of a machine: a file and those below it, each told its format, none ever probed.
package struct DiskChain: Sendable, Hashable {
  /// From the one that is written to down to the base. Only the first is ever written.
  package var files: [DiskFile]
  package var readOnly: Bool
  /// Whether the guest's flushes reach the host's disk. Off for machines whose disk is thrown
  /// away, where a crash of the host loses nothing that anybody wanted.
  package var flushes: Bool

  package init(files: [DiskFile], readOnly: Bool = false, flushes: Bool = true) {
    self.files = files
    self.readOnly = readOnly
    self.flushes = flushes
  }
}

/// A machine as it was asked for. It has no network device.
package struct MachineConfiguration: Sendable, Hashable {
  package var cpus: Int
  package var memory: ByteCount
  package var accelerator: Accelerator
  /// An uncompressed `vmlinux` with a PVH entry.
  package var kernel: String
  /// An uncompressed cpio.
  package var initrd: String
  package var commandLine: KernelCommandLine
  /// In the order of `/dev/vda`, `/dev/vdb`, …
  package var disks: [DiskChain]

  package init(
    cpus: Int, memory: ByteCount, accelerator: Accelerator, kernel: String, initrd: String,
    commandLine: KernelCommandLine, disks: [DiskChain]
  ) {
    self.cpus = cpus
    self.memory = memory
    self.accelerator = accelerator
    self.kernel = kernel
    self.initrd = initrd
    self.commandLine = commandLine
    self.disks = disks
  }
}
