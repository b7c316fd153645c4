package import Vocabulary

/// What is seen where the layers of a chain lie over each other, worked out from their tables of
/// contents (OCI Image Layer Filesystem Changeset, "Applying Changesets").
package struct MergedTree: Sendable, Hashable {
  /// By the bytes of their paths, each path once, no marks of removal. A hard link has the digest
  /// and the place of its file's contents.
  package private(set) var items: [TableOfContents.Item] = []
  /// For each item the layer that holds its contents: a position in the chain.
  package private(set) var origins: [Int] = []
  /// How many lie over each other.
  package private(set) var layers = 0

  package init() {}

  /// The lowest first.
  package init(_ layers: some Sequence<TableOfContents>) {
    for layer in layers { add(layer) }
  }

  /// Lays one more on top.
  package mutating func add(_ layer: TableOfContents) {
    defer { layers += 1 }
    var hidden = [Bool](repeating: false, count: items.count)
    // Marks speak of lower layers only, wherever they stand in their own.
    for item in layer.items {
      let path = item.entry.path
      switch item.entry.kind {
      case .whiteout:
        if let index = index(of: path) { hidden[index] = true }
        for index in below(path) { hidden[index] = true }
      case .opaque: for index in below(path) { hidden[index] = true }
      default: break
      }
    }
    let lower = self
    items = []
    origins = []
    items.reserveCapacity(lower.items.count + layer.items.count)
    origins.reserveCapacity(lower.items.count + layer.items.count)
    var position = 0
    var links: [Int] = []
    for item in layer.items where !item.entry.isRemoval {
      let path = item.entry.path
      while position < lower.items.count, lower.items[position].entry.path < path {
        if !hidden[position] { take(lower, position) }
        position += 1
      }
      if position < lower.items.count, lower.items[position].entry.path == path {
        // A directory keeps what is in it only if it stays one.
        if lower.items[position].entry.kind == .directory, item.entry.kind != .directory {
          for index in lower.below(path) { hidden[index] = true }
        }
        position += 1
      }
      if case .hardLink = item.entry.kind { links.append(items.count) }
      items.append(item)
      origins.append(layers)
    }
    while position < lower.items.count {
      if !hidden[position] { take(lower, position) }
      position += 1
    }
    for link in links { follow(link) }
  }

  private mutating func take(_ lower: MergedTree, _ position: Int) {
    items.append(lower.items[position])
    origins.append(lower.origins[position])
  }

  private mutating func follow(_ link: Int) {
    guard case .hardLink(let target) = items[link].entry.kind, let file = index(of: target)
    else { return }
    items[link].start = items[file].start
    items[link].digest = items[file].digest
    origins[link] = origins[file]
  }

  // MARK: Looking

  /// The item of that path in `items`.
  package func index(of path: GuestPath) -> Int? {
    let index = firstIndex { !($0 < path) }
    return index < items.count && items[index].entry.path == path ? index : nil
  }

  /// Where a path leads: symbolic links are followed, as they are by somebody who has the tree as
  /// root directory; the last part need not be there. `nil` if it goes round in circles.
  package func resolve(_ path: GuestPath) -> GuestPath? {
    var found = GuestPath.root
    var rest = path.parts.map { Array($0) }[...]
    var links = 0
    while let part = rest.popFirst() {
      if part == Array("..".utf8) {
        found = found.parent ?? .root
        continue
      }
      guard let next = found.appending(part) else { return nil }
      guard let index = index(of: next), case .symlink(let target) = items[index].entry.kind else {
        found = next
        continue
      }
      // As many as the kernel follows (path_resolution(7)).
      links += 1
      if links > 40 { return nil }
      if target.first == 0x2F { found = .root }
      let parts = target.split(separator: 0x2F).filter { !$0.elementsEqual(".".utf8) }
      rest = (parts.map { Array($0) } + rest)[...]
    }
    return found
  }

  /// What is in a directory, at any depth: those whose paths begin with it and a slash, which
  /// stand together.
  package func below(_ directory: GuestPath) -> Range<Int> {
    if directory.isRoot { return 0..<items.count }
    let slash = directory.bytes + [0x2F]
    // The byte after the slash.
    let end = directory.bytes + [0x30]
    let first = firstIndex { !$0.bytes.lexicographicallyPrecedes(slash) }
    return first..<max(first, firstIndex { !$0.bytes.lexicographicallyPrecedes(end) })
  }

  private func firstIndex(where isThere: (GuestPath) -> Bool) -> Int {
    var low = 0
    var high = items.count
    while low < high {
      let middle = (low + high) / 2
      if isThere(items[middle].entry.path) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
