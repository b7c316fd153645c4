package import Layers
package import Vocabulary

/// Which software is installed in an image, and which file came with which of it: read from what
/// dpkg, pip and npm leave behind. All of that may have been written by anybody; what can't be
/// read is named and left out.
package struct SoftwareInventory {
  /// Sorted.
  package private(set) var software: [Software] = []
  package private(set) var distribution = Distribution("")
  /// What should say which software there is, and does not. Sorted.
  package private(set) var unreadable: [GuestPath] = []
  /// For each item of the tree an index in `software`; `nil` if it came with none of it.
  package private(set) var owners: [Int?]

  let tree: MergedTree
  let read: (GuestPath) throws -> [UInt8]?

  /// - Parameter read: the contents of a file of the tree; `nil` if it is none or too large.
  package init(of tree: MergedTree, read: @escaping (GuestPath) throws -> [UInt8]?) throws {
    self.tree = tree
    self.read = read
    owners = [Int?](repeating: nil, count: tree.items.count)
    if let place = GuestPath("etc/os-release").flatMap(tree.resolve), let bytes = try read(place) {
      distribution = Distribution(String(decoding: bytes, as: UTF8.self))
    }
    try addDebian()
    try addPython()
    try addNode()
    sort()
  }

  /// Bytes of the files that came with each software, and of those that came with none.
  package func sizes() -> (software: [Int64], other: Int64) {
    var sizes = [Int64](repeating: 0, count: software.count)
    var other: Int64 = 0
    for (item, owner) in zip(tree.items, owners) {
      guard case .file(let size) = item.entry.kind else { continue }
      if let owner { sizes[owner] += size } else { other += size }
    }
    return (sizes, other)
  }

  // MARK: For what fills it

  mutating func add(_ found: Software) -> Int {
    software.append(found)
    return software.count - 1
  }

  mutating func refuse(_ path: GuestPath) { unreadable.append(path) }

  /// What has an owner keeps it: what Debian installs is described there best.
  mutating func own(_ path: GuestPath, by owner: Int) {
    guard let index = tree.index(of: path) else { return }
    own(index, by: owner)
  }

  mutating func own(_ index: Int, by owner: Int) {
    guard owners[index] == nil, tree.items[index].entry.kind != .directory else { return }
    owners[index] = owner
  }

  /// What is inside a package of its own belongs to that one.
  mutating func replace(_ index: Int, by owner: Int) {
    if tree.items[index].entry.kind != .directory { owners[index] = owner }
  }

  private mutating func sort() {
    let order = software.indices.sorted { software[$0] < software[$1] }
    var positions = [Int](repeating: 0, count: order.count)
    for (position, index) in order.enumerated() { positions[index] = position }
    software = order.map { software[$0] }
    owners = owners.map { $0.map { positions[$0] } }
    unreadable.sort()
  }
}
