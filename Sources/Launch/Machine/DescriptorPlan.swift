/// Which descriptor of the emulator is what. It opens no file by name: everything it works with
/// is handed over open.
package struct DescriptorPlan: Sendable, Equatable {
  package enum Role: Sendable, Hashable {
    case null
    /// Standard output and standard error of the emulator itself.
    case messages
    case console
    case control
    case streams
    case monitor
    case kernel
    case initrd
    case diskFile(disk: Int, file: Int)
  }

  /// The child's descriptor *n* has role `roles[n]`.
  package let roles: [Role]

  /// As many as our spawner passes on.
  private static let most = 64
  /// QEMU opens a chain recursively, and every file of it costs each read.
  private static let deepest = 16

  package init(_ machine: MachineConfiguration) throws(LaunchError) {
    var roles: [Role] = [
      .null, .messages, .messages, .console, .control, .streams, .monitor, .kernel, .initrd,
    ]
    for (number, disk) in machine.disks.enumerated() {
      guard !disk.files.isEmpty else { throw .configuration(reason: "a disk has no file") }
      guard disk.files.count <= Self.deepest else {
        throw .configuration(reason: "a disk has more than \(Self.deepest) files")
      }
      for file in disk.files.indices { roles.append(.diskFile(disk: number, file: file)) }
    }
    guard roles.count <= Self.most else {
      throw .configuration(reason: "the disks have more than \(Self.most) files in all")
    }
    self.roles = roles
  }

  /// The number of a role that stands once.
  package subscript(role: Role) -> Int {
    guard let number = roles.firstIndex(of: role) else { preconditionFailure("\(role)") }
    return number
  }
}
