internal import Catalog
internal import Inventory
internal import Inputs
internal import Layers
internal import Planning
internal import Recipes
package import Vocabulary

/// An image's layers over each other, and what is installed there.
struct InspectedTree {
  var tree: MergedTree
  var tables: LayerTables
  var inventory: SoftwareInventory
}

extension Session {
  /// Files with metadata are smaller, by far.
  private static let largestMetadata = 64 << 20

  /// Nothing is unpacked: tables of contents say where metadata lies, and only that is decoded.
  func inspect(_ image: ImageRecord, _ lease: Lease) throws -> InspectedTree {
    let tables = LayerTables(self, lease)
    let tree = MergedTree(try image.layers.map { try tables.table(of: $0) })
    let inventory = try SoftwareInventory(of: tree) { path in
      do {
        return try tables.file(path, in: tree, of: image.layers, limit: Self.largestMetadata)
      } catch LayersError.tooLarge {
        return nil
      }
    }
    return InspectedTree(tree: tree, tables: tables, inventory: inventory)
  }

  /// The files that software of an image was installed from, as the records of its steps say.
  func inputs(
    of image: ImageRecord, _ inventory: SoftwareInventory
  ) throws -> [SoftwareInput: SoftwareOrigin] {
    var inputs: [SoftwareInput: SoftwareOrigin] = [:]
    var tarballs: [String: SoftwareOrigin] = [:]
    for recorded in try catalog.records(of: image.layers).values {
      guard let record = StepRecord(text: recorded.record) else { continue }
      let step = StepID(recipe: recorded.recipe, ordinal: recorded.ordinal)
      let isNpm = record["kind"] == "npm"
      for field in record.fields where field.key.hasPrefix("input.") {
        let name = String(field.key.dropFirst("input.".count))
        let words = field.value.split(separator: " ")
        guard let digest = words.last.flatMap({ Digest($0) }) else { continue }
        let origin = SoftwareOrigin(step: step, digest: digest)
        if isNpm {
          tarballs[name] = origin
        } else if let input = SoftwareInput(name, version: words.first ?? "") {
          inputs[input] = origin
        }
      }
    }
    for software in inventory.software where software.kind == .npm {
      let file = NpmName.file(of: software.name, software.version)
      if let origin = tarballs[file] { inputs[SoftwareInput(software)] = origin }
    }
    return inputs
  }

  /// What is in an image, for programs that know SPDX.
  ///
  /// - Parameter creator: name and version of this program.
  package func billOfMaterials(of name: String, creator: String) throws -> JSON {
    let lease = try catalog.lease(for: "sbom \(name)")
    defer { lease.release() }
    let image = try catalog.resolve(name, lease)
    var timings = Timings()
    return try report.stage("read \(name)", &timings) {
      let inventory = try inspect(image, lease).inventory
      return SPDXDocument(
        image: image.id, created: try configuration(of: image.id).created, creator: creator,
        inventory: inventory, inputs: try inputs(of: image, inventory).mapValues(\.digest)
      ).json
    }
  }
}

/// The file that software came in, and the step that installed it.
struct SoftwareOrigin {
  var step: StepID
  var digest: Digest
}

extension SoftwareInput {
  /// As records of steps name their inputs: `NAME:ARCHITECTURE` of Debian's packages, whose version
  /// stands beside it, or the name of a wheel.
  init?(_ name: String, version: Substring) {
    if let wheel = WheelName(name) {
      self.init(kind: .pypi, name: wheel.package, version: wheel.version)
      return
    }
    let parts = name.split(separator: ":")
    guard parts.count == 2 else { return nil }
    self.init(
      kind: .deb, name: String(parts[0]), version: String(version),
      architecture: String(parts[1]))
  }
}

extension StepRecord {
  /// What the step did, in a few words.
  var summary: String {
    let kind = self["kind"] ?? "?"
    let subject =
      ["bootstrap.suite", "\(kind).packages", "copy.to", "fetch.to", "oci.diff"].lazy
      .compactMap { self[$0] }.first
    return subject.map { "\(kind) \($0)" } ?? kind
  }
}
