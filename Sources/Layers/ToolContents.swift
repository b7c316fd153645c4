package import Vocabulary

/// What the layers of a tool may hold, so that it fits on any image: files below `/opt/NAME`, and
/// links in `/usr/local/bin` that lead there.
package struct ToolContents: Sendable {
  private let home: GuestPath
  private let shared: Set<GuestPath>
  private let links: GuestPath

  /// - Parameter name: the tool's recipe's.
  package init?(name: String) {
    guard let home = GuestPath("/opt/\(name)"), let links = GuestPath("/usr/local/bin") else {
      return nil
    }
    self.home = home
    self.links = links
    shared = Set(["/opt", "/usr", "/usr/local", "/usr/local/bin"].compactMap { GuestPath($0) })
  }

  /// The paths of what does not belong into a tool, in the order of the layers.
  package func foreign(in layers: some Sequence<TableOfContents>) -> [GuestPath] {
    layers.flatMap { $0.items.map(\.entry).filter { !belongs($0) }.map(\.path) }
  }

  private func belongs(_ entry: LayerEntry) -> Bool {
    let path = entry.path
    if path == home { return entry.kind == .directory || entry.kind == .opaque }
    if path.bytes.starts(with: home.bytes + [0x2F]) { return stays(entry) }
    if path.isRoot || shared.contains(path) { return entry.kind == .directory }
    guard path.parent == links, case .symlink(let target) = entry.kind else { return false }
    return leadsHome(target)
  }

  /// A hard link to a file that is not in the tool would lead nowhere.
  private func stays(_ entry: LayerEntry) -> Bool {
    guard case .hardLink(let target) = entry.kind else { return true }
    return target.bytes.starts(with: home.bytes + [0x2F])
  }

  private func leadsHome(_ target: [UInt8]) -> Bool {
    guard target.first == 0x2F, let path = GuestPath(target) else { return false }
    return path.bytes.starts(with: home.bytes + [0x2F])
  }
}
