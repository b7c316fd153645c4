internal import Building
package import Catalog
internal import Glibc
internal import Host
package import Vocabulary

/// What a store takes on its disk, down to the last block.
package struct StoreAccount: Sendable {
  /// What is no object and no VM.
  package enum Part: String, Sendable, CaseIterable {
    case catalog
    /// Directories themselves, lock files, `index.json` and the like.
    case frame
    case unfinished
    case trash
    /// Damaged files that `hutch verify --repair` took out of use.
    case quarantine
    /// In a folder of ours, and no row knows it: the collector takes it.
    case unknown
    /// Blobs that others put into the image layout.
    case foreign
    /// What a person put beside the store's own files.
    case beside
  }

  package var account: Account
  package var parts: [Part: ByteCount]
  /// What `du` says of the store.
  package var total: ByteCount
  /// Still free on its file system.
  package var free: ByteCount
  /// The file system may keep one block for several files: then these are upper bounds.
  package var mayShareBlocks: Bool
}

extension Session {
  /// Measures everything, and works out who shares it.
  package func account() throws -> StoreAccount {
    let inventory = try catalog.inventory()
    let usage = try measure()
    let measured = inventory.measured(usage.bytes, isWhole: true)
    var parts: [StoreAccount.Part: ByteCount] = [:]
    let known = inventory.knownPaths
    for (path, bytes) in usage.bytes where !known.contains(path) {
      parts[layout.part(of: path), default: .zero] += ByteCount(bytes)
    }
    return StoreAccount(
      account: Account(measured), parts: parts, total: ByteCount(usage.total),
      free: try Files.freeSpace(layout.root), mayShareBlocks: Files.mayShareBlocks(layout.root))
  }

  /// The whole store, or these paths in it. Trees of a rootless store can only be entered from
  /// inside their users' namespace.
  func measure(paths: [String]? = nil) throws -> DiskUsage {
    let job = MeasureJob(
      root: layout.root, divided: StoreLayout.divided.sorted(), last: ["ingest", "trash"],
      paths: paths)
    do {
      return try job.perform()
    } catch {
      guard case .system(_, _, EACCES) = error else { throw error }
    }
    let answer = try workers.perform(.measure(job), onLine: { _ in })
    return DiskUsage(bytes: (answer["usage"]?.object ?? [:]).compactMapValues(\.integer))
  }
}

extension StoreLayout {
  /// Folders in which every entry is something of its own.
  static let divided: Set<String> = [
    "blobs", "blobs/sha256", "inputs", "inputs/sha256", "trees", "disks", "boot", "vms", "warm",
    "leases", "locks", "ingest", "trash",
  ]

  /// What a path that no row knows is part of.
  func part(of path: String) -> StoreAccount.Part {
    if path.isEmpty || Self.divided.contains(path) { return .frame }
    let words = path.split(separator: "/").map(String.init)
    if words.last == "CACHEDIR.TAG" { return .frame }
    switch words[0] {
    case "blobs" where words.count == 3: return words[2].hasSuffix(".tmp") ? .unknown : .foreign
    case "inputs", "trees", "disks", "boot", "vms", "warm": return .unknown
    case "leases", "locks": return .frame
    case "ingest": return .unfinished
    case "trash": return .trash
    case "quarantine": return .quarantine
    default: break
    }
    if path.hasPrefix("catalog.") { return .catalog }
    return Self.entries.contains(path) ? .frame : .beside
  }
}
