internal import Vocabulary

/// Configuration → argument list. Pure; what it prints is what runs.
package enum QEMUArguments {
  package static func render(_ machine: MachineConfiguration) throws(LaunchError) -> [String] {
    let plan = try DescriptorPlan(machine)
    guard (1...255).contains(machine.cpus) else {
      throw .configuration(reason: "\(machine.cpus) cpus")
    }
    let mebibytes = machine.memory.bytes >> 20
    guard (64...(4 << 20)).contains(mebibytes) else {
      throw .configuration(reason: "memory of \(machine.memory)")
    }
    var arguments = [
      "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
      "-sandbox",
      "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
      "-machine", "q35,vmport=off", "-smp", "\(machine.cpus)", "-m", "\(mebibytes)M",
      "-rtc", "base=utc",
    ]
    arguments += accelerator(machine.accelerator)
    arguments += [
      "-kernel", "/proc/self/fd/\(plan[.kernel])", "-initrd", "/proc/self/fd/\(plan[.initrd])",
      "-append", try machine.commandLine.rendered(),
    ]
    arguments += channels(plan)
    for (number, disk) in machine.disks.enumerated() {
      arguments += render(disk, number, plan)
    }
    arguments += [
      "-device", "virtio-rng-pci,id=rng0",
      "-device", "vmgenid,guid=auto,id=generation",
    ]
    return arguments
  }

  private static func accelerator(_ accelerator: Accelerator) -> [String] {
    switch accelerator {
    case .kvm: ["-accel", "kvm", "-cpu", "host"]
    case .tcg: ["-accel", "tcg,thread=multi", "-cpu", "max"]
    }
  }

  private static func channels(_ plan: DescriptorPlan) -> [String] {
    [
      "-chardev", "socket,id=console,fd=\(plan[.console])", "-serial", "chardev:console",
      "-chardev", "socket,id=monitor,fd=\(plan[.monitor])",
      "-mon", "chardev=monitor,mode=control",
      "-device", "virtio-serial-pci,id=serial0,max_ports=4",
      "-chardev", "socket,id=control,fd=\(plan[.control])",
      "-device", "virtserialport,bus=serial0.0,nr=1,chardev=control,name=hutch.control",
      "-chardev", "socket,id=streams,fd=\(plan[.streams])",
      "-device", "virtserialport,bus=serial0.0,nr=2,chardev=streams,name=hutch.streams",
    ]
  }

  /// Explicit block nodes, base first, `diskN.F` for file F counted from the written one. Every
  /// node says its format and what lies below it: no header of a guest's making names a file.
  private static func render(_ disk: DiskChain, _ number: Int, _ plan: DescriptorPlan) -> [String] {
    var arguments: [String] = []
    for (index, file) in disk.files.enumerated().reversed() {
      let node = "disk\(number).\(index)"
      let descriptor = plan[.diskFile(disk: number, file: index)]
      // A set of its own for each file; their numbers follow the descriptors'.
      arguments += ["-add-fd", "fd=\(descriptor),set=\(descriptor)"]
      let readOnly = disk.readOnly || index > 0
      var common: [String: JSON] = [
        "read-only": .bool(readOnly), "auto-read-only": .bool(false),
        "cache": .object(["direct": .bool(false), "no-flush": .bool(!disk.flushes)]),
      ]
      if !readOnly { common["discard"] = .string("unmap") }
      var protocolNode = common
      protocolNode["driver"] = .string("file")
      protocolNode["node-name"] = .string(node + ".file")
      protocolNode["filename"] = .string("/dev/fdset/\(descriptor)")
      var formatNode = common
      formatNode["driver"] = .string(file.format.rawValue)
      formatNode["node-name"] = .string(node)
      formatNode["file"] = .string(node + ".file")
      if !readOnly { formatNode["detect-zeroes"] = .string("unmap") }
      if file.format == .qcow2 {
        let below = index + 1 < disk.files.count
        formatNode["backing"] = below ? .string("disk\(number).\(index + 1)") : .null
      }
      for blockNode in [protocolNode, formatNode] {
        arguments += ["-blockdev", JSON.object(blockNode).description]
      }
    }
    arguments += ["-device", "virtio-blk-pci,drive=disk\(number).0,id=disk\(number)"]
    return arguments
  }
}
