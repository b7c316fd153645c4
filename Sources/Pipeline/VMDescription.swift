package import Catalog
internal import Host
internal import Vocabulary

/// What a VM's folder says of it: enough to tell whose files these are when the catalog is lost
/// (`docs/STORE.md`).
struct VMDescription {
  private let vm: VMRecord
  private let socket: String
  private let kernelRelease: String

  init(_ vm: VMRecord, socket: String, kernelRelease: String) {
    self.vm = vm
    self.socket = socket
    self.kernelRelease = kernelRelease
  }

  var json: JSON {
    .object([
      "hutch": .integer(1), "kind": .string("vm"), "name": .string(vm.name),
      "image": .optional(vm.image?.description), "disk": .string(vm.disk.id),
      "disk_bytes": .integer(vm.diskSize.bytes), "seed": .string(Hex.encode(vm.seed)),
      "tools": .array(
        vm.tools.map {
          .object([
            "name": .string($0.name), "image": .string($0.image.description),
            "disk": .string($0.disk.id),
          ])
        }),
      "cpus": .integer(Int64(vm.cpus)), "memory_bytes": .integer(vm.memory.bytes),
      "kernel_release": .string(kernelRelease),
      "created_at": .string(SourceDate(vm.createdAt).rfc3339),
    ])
  }

  /// What the catalog remembers of a VM that was started.
  var detail: JSON { vm.details.merging(["socket": .string(socket)]) }
}

extension VMRecord {
  /// The catalog's JSON about it.
  var details: JSON { (try? JSON(parsing: Array(detail.utf8))) ?? .object([:]) }

  /// Where its supervisor listens, while it has one.
  var socket: String? { details["socket"]?.string }
  /// The agents whose log-ins it shares.
  package var credentials: [String] {
    (details["credentials"]?.array ?? []).compactMap(\.string)
  }
  /// The directory whose copy it works on.
  var workspace: String? { details["workspace"]?.string }
  /// Where commands start in its copy; nil without one.
  var workspaceStart: String? {
    details["workspace_start"]?.string ?? workspace.map { _ in OutgoingWorkspace.guestPath }
  }
}

extension JSON {
  /// An object with these members over its own.
  func merging(_ members: [String: JSON]) -> JSON {
    .object((object ?? [:]).merging(members) { _, new in new })
  }
}
