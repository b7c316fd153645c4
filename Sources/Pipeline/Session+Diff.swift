internal import Catalog
internal import Disks
internal import Host
package import Inputs
package import Layers
package import Vocabulary

/// One of the two things that are compared.
package struct DiffSide: Sendable, Hashable {
  /// What the person called it.
  package var name: String
  /// `nil` for a single layer.
  package var image: ImageID?
  /// A VM of that image, with all that it wrote.
  package var vm: String?
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

  /// A VM that does not run and the image that it was made from. Nothing is booted, and nothing
  /// written.
  package func diff(vm name: String) throws -> DiffOutcome {
    let lease = try catalog.lease(for: "diff \(name)")
    defer { lease.release() }
    let vm = try resting(name)
    guard let id = vm.image, try catalog.find(.image(id), lease) != nil else {
      throw PipelineError.noSuchImage(name)
    }
    let image = try catalog.image(id)
    let before = DiffSide(
      name: image.tags.first ?? String(id.digest.short), image: id, layers: image.layers)
    var after = before
    after.name = name
    after.vm = name
    let tables = LayerTables(self, lease)
    let tree = MergedTree(try image.layers.map(tables.table))
    return try report.during("read \(name)") {
      let disk = try openDisk(of: vm)
      let found = try MachineTree(disk, image: tree)
      let outcome = DiffOutcome(
        before: before, after: after,
        packages: try packages(in: disk, before, tree, tables),
        files: TreeDifference(from: tree.items, to: found.items))
      // What was read while a machine wrote to it says nothing.
      guard try resting(name).changedAt == vm.changedAt else {
        throw PipelineError.vmIsRunning(name)
      }
      return outcome
    }
  }

  private func resting(_ name: String) throws -> VMRecord {
    let vm: VMRecord
    do {
      vm = try knownVM(name)
    } catch PipelineError.noSuchVM {
      guard (try? catalog.resolve(name)) != nil else { throw PipelineError.noSuchVM(name) }
      throw PipelineError.nothingToCompare(name)
    }
    if vm.supervised { throw PipelineError.vmIsRunning(name) }
    return vm
  }

  private func packages(
    in disk: MachineDisk, _ before: DiffSide, _ tree: MergedTree, _ tables: LayerTables
  ) throws -> [PackageChange]? {
    guard let path = Self.packageStatus,
      let installed = try packages(of: before, tree, tables)
    else { return nil }
    var status: [UInt8] = []
    if let inode = try disk.now.inode(at: path), inode.kind == .file {
      guard inode.size <= Self.largestStatus else {
        throw HostError.tooLarge(path: "\(path)", limit: ByteCount(Self.largestStatus))
      }
      status = try disk.now.read(inode, at: 0, count: Int(inode.size))
    }
    return installed.changes(to: InstalledPackages(status: status))
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
