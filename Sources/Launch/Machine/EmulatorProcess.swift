internal import CLinux
internal import Glibc
internal import Host

/// A started QEMU and our ends of everything that it was handed. It dies when we die, has an
/// empty environment and a session of its own, and opens no file by name.
final class EmulatorProcess {
  let process: RunningProcess
  private var ends: [DescriptorPlan.Role: Int32]

  private init(_ process: RunningProcess, _ ends: [DescriptorPlan.Role: Int32]) {
    self.process = process
    self.ends = ends
  }

  deinit { for end in ends.values { close(end) } }

  /// Our end, once.
  func take(_ role: DescriptorPlan.Role) -> OwnedDescriptor {
    guard let end = ends.removeValue(forKey: role) else { preconditionFailure("\(role)") }
    return OwnedDescriptor(owning: end)
  }

  static func start(_ machine: MachineConfiguration, _ emulator: Emulator) throws -> EmulatorProcess
  {
    let plan = try DescriptorPlan(machine)
    let arguments = try QEMUArguments.render(machine)
    var theirs: [DescriptorPlan.Role: Int32] = [:]
    var ours: [DescriptorPlan.Role: Int32] = [:]
    defer { for descriptor in theirs.values { close(descriptor) } }
    do {
      for role in plan.roles where theirs[role] == nil {
        switch role {
        case .null: break
        case .messages:
          let (reading, writing) = try OwnedDescriptor.pipe().release()
          (ours[role], theirs[role]) = (reading, writing)
        case .console, .control, .streams, .monitor:
          let (first, second) = try OwnedDescriptor.socketPair().release()
          (ours[role], theirs[role]) = (first, second)
        case .kernel: theirs[role] = try OwnedDescriptor.open(machine.kernel, .read).release()
        case .initrd: theirs[role] = try OwnedDescriptor.open(machine.initrd, .read).release()
        case .diskFile(let disk, let file):
          let chain = machine.disks[disk]
          let writable = file == 0 && !chain.readOnly
          theirs[role] = try OwnedDescriptor.open(
            chain.files[file].path, writable ? .readWrite : .read
          ).release()
        }
      }
      for end in ours.values { _ = hutch_set_nonblocking(end, 1) }
      let process = try RunningProcess.start(
        Command(emulator.path, arguments, environment: [:]),
        descriptors: plan.roles.map { theirs[$0] ?? -1 })
      return EmulatorProcess(process, ours)
    } catch {
      for end in ours.values { close(end) }
      throw error
    }
  }
}
