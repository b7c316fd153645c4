package import Catalog
internal import Host
package import Inventory
package import Layers
package import Planning
package import Recipes
package import Vocabulary

/// A layer of an image with what made it.
package struct InspectedLayer: Sendable {
  package var layer: LayerRecord
  /// `nil` if no step of this store made it.
  package var step: StepID?
  /// `apt python3 python3-venv`
  package var summary: String?
}

/// Software of an image with what it takes there.
package struct InspectedSoftware: Sendable {
  package var software: Software
  /// Of its files.
  package var size: ByteCount
}

package struct ImageInspection: Sendable {
  package var image: ImageRecord
  package var configuration: ImageConfiguration
  /// The lowest first.
  package var layers: [InspectedLayer]
  /// The largest first; `nil` if it was not asked for.
  package var software: [InspectedSoftware]?
  /// Of files that came with no software.
  package var otherSize: ByteCount
}

package struct PathInspection: Sendable {
  /// After symbolic links.
  package var path: GuestPath
  package var entry: LayerEntry
  /// Of a file's contents.
  package var contents: Digest?
  package var layer: InspectedLayer
  /// What it came with.
  package var software: Software?
  /// The file that the software came in.
  package var input: Digest?
  /// The signed lists that vouched for it when it was locked; empty if the lock that the image was
  /// built with does not say, or is not there any more.
  package var archives: [LockedArchive]
}

extension Session {
  /// - Parameter measures: whether to say which software takes how much.
  package func inspect(_ name: String, measures: Bool) throws -> ImageInspection {
    let lease = try catalog.lease(for: "inspect \(name)")
    defer { lease.release() }
    let image = try catalog.resolve(name, lease)
    var outcome = ImageInspection(
      image: image, configuration: try configuration(of: image.id),
      layers: try inspectedLayers(of: image), software: nil, otherSize: .zero)
    if measures {
      var timings = Timings()
      let inventory = try report.stage("read \(name)", &timings) {
        try inspect(image, lease).inventory
      }
      let sizes = inventory.sizes()
      outcome.otherSize = ByteCount(sizes.other)
      outcome.software = zip(inventory.software, sizes.software)
        .map { InspectedSoftware(software: $0, size: ByteCount($1)) }
        .sorted { ($1.size, $0.software) < ($0.size, $1.software) }
    }
    return outcome
  }

  /// Which step, package, input and signer brought a file of an image.
  package func inspect(_ name: String, path: String) throws -> PathInspection {
    let lease = try catalog.lease(for: "inspect \(name):\(path)")
    defer { lease.release() }
    let image = try catalog.resolve(name, lease)
    guard let asked = GuestPath(path) else { throw PipelineError.badDirectory(path) }
    var timings = Timings()
    let found = try report.stage("read \(name)", &timings) { try inspect(image, lease) }
    // A link is looked at itself; what leads to it is followed.
    let folder = asked.parent.flatMap(found.tree.resolve)
    let place = folder.flatMap { $0.appending(asked.name) } ?? asked
    guard let index = found.tree.index(of: place) else {
      throw PipelineError.noSuchPath("\(asked)", image: name)
    }
    let item = found.tree.items[index]
    let software = found.inventory.owners[index].map { found.inventory.software[$0] }
    let input = try software.flatMap { software in
      try inputs(of: image, found.inventory)[SoftwareInput(software)]?.digest
    }
    let layers = try inspectedLayers(of: image)
    return PathInspection(
      path: place, entry: item.entry, contents: item.digest,
      layer: layers[found.tree.origins[index]], software: software, input: input,
      archives: try input.map { try archives(of: image, holding: $0) } ?? [])
  }

  private func inspectedLayers(of image: ImageRecord) throws -> [InspectedLayer] {
    let byID = Dictionary(uniqueKeysWithValues: try catalog.layers().map { ($0.id, $0) })
    let records = try catalog.records(of: image.layers)
    return image.layers.compactMap { id in
      guard let layer = byID[id] else { return nil }
      guard let recorded = records[id] else {
        return InspectedLayer(layer: layer, step: nil, summary: nil)
      }
      return InspectedLayer(
        layer: layer, step: StepID(recipe: recorded.recipe, ordinal: recorded.ordinal),
        summary: StepRecord(text: recorded.record)?.summary)
    }
  }

  /// Of Debian's packages: what the lock says that the image was built with.
  private func archives(
    of image: ImageRecord, holding input: Digest
  ) throws -> [LockedArchive] {
    for tag in try catalog.tags() where tag.image == image.id {
      guard let recipe = tag.recipe, let found = try? recipes.find(recipe),
        let lock = try? readLock(found)
      else { continue }
      let holds = lock.steps.contains { step in step.packages.contains { $0.digest == input } }
      if holds { return lock.archives }
    }
    return []
  }
}
