internal import Catalog
package import Inputs
package import Layers
package import Vocabulary

/// One of the two things that are compared.
package struct DiffSide: Sendable, Hashable {
  /// What the person called it.
  package var name: String
  /// `nil` for a single layer.
  package var image: ImageID?
  /// The lowest first.
  package var layers: [DiffID]
}

package struct DiffOutcome: Sendable {
  package var before: DiffSide
  package var after: DiffSide
  /// By name. `nil` if nobody can say: a single layer that installs nothing knows no packages.
  package var packages: [PackageChange]?
  package var files: TreeDifference
}

extension Session {
  private static let packageStatus = GuestPath("var/lib/dpkg/status")
  /// A hundred times that of a desktop.
  private static let largestStatus = 256 << 20

  /// Two images, as somebody in them would see them, or layers, with what they remove. Nothing is
  /// unpacked.
  package func diff(_ before: String, _ after: String) throws -> DiffOutcome {
    let lease = try catalog.lease(for: "diff \(before) \(after)")
    defer { lease.release() }
    let (left, right) = (try side(before, lease), try side(after, lease))
    let tables = LayerTables(self, lease)
    // What both stand on is merged once.
    let shared = zip(left.layers, right.layers).prefix { $0 == $1 }.count
    var base = MergedTree()
    for layer in left.layers[..<shared] { base.add(try tables.table(of: layer)) }
    let (old, new) = (try tree(left, over: base, tables), try tree(right, over: base, tables))
    return DiffOutcome(
      before: left, after: right,
      packages: try packages(of: left, old, tables).flatMap { installed in
        try packages(of: right, new, tables).map(installed.changes)
      },
      files: TreeDifference(
        from: try items(of: left, old, tables), to: try items(of: right, new, tables)))
  }

  private func side(_ name: String, _ lease: Lease) throws -> DiffSide {
    do {
      let image = try catalog.resolve(name, lease)
      return DiffSide(name: name, image: image.id, layers: image.layers)
    } catch .unknownImage {
      guard let layer = try catalog.layer(named: name, lease) else {
        throw PipelineError.noSuchImageOrLayer(name)
      }
      return DiffSide(name: name, image: nil, layers: [layer])
    }
  }

  private func tree(
    _ side: DiffSide, over base: MergedTree, _ tables: LayerTables
  ) throws -> MergedTree {
    var tree = base
    for layer in side.layers[base.layers...] { tree.add(try tables.table(of: layer)) }
    return tree
  }

  private func items(
    of side: DiffSide, _ tree: MergedTree, _ tables: LayerTables
  ) throws -> [TableOfContents.Item] {
    side.image == nil ? try tables.table(of: side.layers[0]).items : tree.items
  }

  private func packages(
    of side: DiffSide, _ tree: MergedTree, _ tables: LayerTables
  ) throws -> InstalledPackages? {
    let status = try Self.packageStatus.flatMap {
      try tables.file($0, in: tree, of: side.layers, limit: Self.largestStatus)
    }
    if status == nil && side.image == nil { return nil }
    return InstalledPackages(status: status ?? [])
  }
}
