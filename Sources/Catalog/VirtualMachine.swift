package import Vocabulary

/// The life of a VM. The raw values stand in the database.
package enum VMState: String, Sendable, CaseIterable {
  case created, running, paused, stopped
  /// Its command has ended and its work waits to be taken or discarded.
  case finished
  /// Its supervisor died.
  case crashed
}

/// What a VM is made from.
package struct NewVM: Sendable {
  package var name: String
  package var image: ImageID?
  /// A disk or a checkpoint; must be ready.
  package var disk: ObjectKey
  package var boot: ObjectKey?
  package var warm: ObjectKey?
  /// Virtual size of its overlay.
  package var diskSize: ByteCount
  /// 32 bytes from which its machine-id, MAC, host keys and the like follow.
  package var seed: [UInt8]
  /// Thrown away when its run ends, unless it holds unsynced work.
  package var ephemeral: Bool
  package var cpus: Int
  package var memory: ByteCount
  /// A JSON object.
  package var detail = "{}"
  package var tools: [NewTool] = []

  package init(
    name: String, image: ImageID?, disk: ObjectKey, boot: ObjectKey? = nil,
    warm: ObjectKey? = nil, diskSize: ByteCount, seed: [UInt8], ephemeral: Bool, cpus: Int,
    memory: ByteCount
  ) {
    self.name = name
    self.image = image
    self.disk = disk
    self.boot = boot
    self.warm = warm
    self.diskSize = diskSize
    self.seed = seed
    self.ephemeral = ephemeral
    self.cpus = cpus
    self.memory = memory
  }
}

/// A VM as the catalog knows it.
package struct VMRecord: Sendable, Hashable {
  package let name: String
  package let image: ImageID?
  package let disk: ObjectKey
  /// The files of its disk, below the store, the topmost first.
  package let diskFiles: [String]
  package let boot: ObjectKey?
  package let warm: ObjectKey?
  package let diskSize: ByteCount
  package let seed: [UInt8]
  package let state: VMState
  package let ephemeral: Bool
  /// Holds work that nobody has taken or discarded: never collected.
  package let unsynced: Bool
  package let cpus: Int
  package let memory: ByteCount
  package let createdAt: Int64
  package let changedAt: Int64
  /// The lease of its supervisor, if it has one.
  package let supervisor: String?
  /// Whether that supervisor is alive.
  package let supervised: Bool
  package let detail: String
  package let tools: [ToolRecord]
}
