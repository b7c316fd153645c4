internal import Host
package import Vocabulary

/// Where everything stands in a store (`docs/STORE.md`).
package struct StoreLayout: Sendable, Hashable {
  package let root: String

  package init(root: String) { self.root = root }

  package var catalog: String { root + "/catalog.sqlite" }
  package var inputs: String { root + "/inputs/sha256" }
  package var trees: String { root + "/trees" }
  package var disks: String { root + "/disks" }
  package var virtualMachines: String { root + "/vms" }
  package var leases: String { root + "/leases" }
  package var boot: String { root + "/boot" }
  package var ingest: String { root + "/ingest" }
  package var trash: String { root + "/trash" }
  /// Damaged files that `hutch verify --repair` took out of use; nothing deletes them.
  package var quarantine: String { root + "/quarantine" }
  /// Locks of the recipes that come with Hutch: their own folder may not be ours to write.
  package var locks: String { root + "/locks" }
  /// What was found out about the accelerator of this machine.
  package var accelerator: String { root + "/accelerator.json" }
  /// The key with which `ssh` gets into VMs of this store.
  package var secureShell: String { root + "/ssh" }
  package var aptLists: String { root + "/ingest/apt" }

  /// The trees of a chain's layers for an overlay, the topmost first. A layer that stands twice in
  /// a chain shows only where it is on top, and overlayfs takes each directory once.
  static func treeNames(_ layers: [DiffID]) -> [String] {
    var seen: Set<DiffID> = []
    return layers.reversed().filter { seen.insert($0).inserted }.map(treeName)
  }

  /// Everything that may stand in a store, beside the catalog's own files.
  static let entries: Set<String> = [
    "oci-layout", "index.json", "index.lock", "blobs", "inputs", "trees", "disks", "vms",
    "leases", "boot", "ingest", "trash", "locks", "quarantine", "accelerator.json",
    "ssh",
  ]

  private var directories: [String] {
    [
      inputs, trees, disks, virtualMachines, leases, boot, ingest, trash, locks,
      root + "/blobs/sha256",
    ]
  }

  /// A file backup programs know: what stands beside it can be made again.
  private var expendable: [String] { [trees, disks, boot, ingest] }

  /// Makes what is missing; refuses a store of somebody else's and file systems that can't hold
  /// one. Cheap when all is there.
  package func prepare() throws {
    if let status = Files.status(root) {
      guard status.uid == HostEnvironment.current.userID else {
        throw PipelineError.storeOfAnotherUser(path: root, uid: status.uid)
      }
      // Else the catalog's first write would say so, in SQLite's words.
      try Files.requireWritable(root)
    } else {
      try Files.makeDirectories(root, mode: 0o755)
    }
    if directories.allSatisfy(Files.isDirectory) { return }
    try Files.requireSuitableFileSystem(root)
    for directory in directories { try Files.makeDirectories(directory) }
    for directory in expendable {
      // Cache Directory Tagging Specification, version 0.6.
      try Files.write(
        directory + "/CACHEDIR.TAG",
        Array("Signature: 8a477f597d28d172789f06886806bc55\n# Made by hutch.\n".utf8),
        durable: false)
    }
  }

  /// The name of an unpacked layer: short, because all lower layers of a mount share a page.
  package static func treeName(_ layer: DiffID) -> String { String(layer.digest.hex.prefix(16)) }

  package func input(_ digest: Digest) -> String { "\(inputs)/\(digest.hex)" }
  package func tree(_ layer: DiffID) -> String { "\(trees)/\(Self.treeName(layer))" }
  package func networkLog(of name: String) -> String { virtualMachine(name) + "/network.log" }
  package func virtualMachine(_ name: String) -> String { "\(virtualMachines)/\(name)" }
}
