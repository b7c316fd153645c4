internal import Glibc

/// What a tree takes on its disk, as `du(1)` counts it: allocated blocks, so that holes are not
/// there, and each file once, however many names it has.
package struct DiskUsage: Sendable, Hashable {
  /// By path relative to the root, the root's own being empty. An entry of a divided folder stands
  /// for all that is below it; a divided folder stands for itself alone.
  package private(set) var bytes: [String: Int64] = [:]

  package var total: Int64 { bytes.values.reduce(0, +) }

  package init(bytes: [String: Int64] = [:]) { self.bytes = bytes }

  /// - Parameters:
  ///   - divided: folders whose entries are told apart, relative to the root; the root is one.
  ///   - last: entries of the root that are looked at after the others. A file with names in
  ///     several places counts where it is met first.
  /// - Throws: `EACCES` for a directory that this process may not enter.
  package static func measure(
    _ root: String, divided: Set<String>, last: Set<String> = []
  ) throws(HostError) -> DiskUsage {
    var walk = Walk(divided: divided)
    let directory = try OwnedDescriptor.open(root, .directory)
    walk.usage.bytes[""] = try directory.status().allocated
    let names = try directory.entries()
    let isLast = names.map { last.contains(String(decoding: $0, as: UTF8.self)) }
    for late in [false, true] {
      for (name, isLast) in zip(names, isLast) where isLast == late {
        try walk.visit(name, in: directory, path: "")
      }
    }
    return walk.usage
  }

  /// Of these alone, each with all that is below it; what is not there takes nothing.
  package static func measure(
    _ root: String, paths: [String]
  ) throws(HostError) -> DiskUsage {
    var walk = Walk(divided: [])
    for path in paths {
      guard let status = Files.status("\(root)/\(path)") else { continue }
      let directory = try OwnedDescriptor.open(Files.parent(of: "\(root)/\(path)"), .directory)
      walk.usage.bytes[path] = try walk.sum(
        Array(Files.name(of: path).utf8), status, in: directory)
    }
    return walk.usage
  }

  private struct Inode: Hashable {
    var device: UInt64
    var number: UInt64
  }

  private struct Walk {
    let divided: Set<String>
    var usage = DiskUsage()
    var seen: Set<Inode> = []

    init(divided: Set<String>) { self.divided = divided }

    mutating func visit(
      _ name: [UInt8], in directory: borrowing OwnedDescriptor, path: String
    ) throws(HostError) {
      guard let status = try directory.statusIfPresent(of: name) else { return }
      let text = String(decoding: name, as: UTF8.self)
      let path = path.isEmpty ? text : "\(path)/\(text)"
      guard status.kind == .directory, divided.contains(path) else {
        usage.bytes[path, default: 0] += try sum(name, status, in: directory)
        return
      }
      usage.bytes[path] = status.allocated
      let folder = try directory.openBeneath(name, .directory)
      for entry in try folder.entries() { try visit(entry, in: folder, path: path) }
    }

    mutating func sum(
      _ name: [UInt8], _ status: FileStatus, in directory: borrowing OwnedDescriptor
    ) throws(HostError) -> Int64 {
      guard status.kind == .directory else {
        guard status.links > 1 else { return status.allocated }
        let inode = Inode(device: status.device, number: status.inode)
        return seen.insert(inode).inserted ? status.allocated : 0
      }
      var total = status.allocated
      guard let folder = try opened(name, in: directory) else { return total }
      for entry in try folder.entries() {
        guard let below = try folder.statusIfPresent(of: entry) else { continue }
        total += try sum(entry, below, in: folder)
      }
      return total
    }

    /// `nil` if it went meanwhile: a store may be in use while it is measured.
    private func opened(
      _ name: [UInt8], in directory: borrowing OwnedDescriptor
    ) throws(HostError) -> OwnedDescriptor? {
      do {
        return try directory.openBeneath(name, .directory)
      } catch {
        if case .system(_, _, ENOENT) = error { return nil }
        throw error
      }
    }
  }
}
