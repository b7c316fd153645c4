internal import ArgumentParser
internal import Catalog
internal import Pipeline
internal import Vocabulary

struct ImagesVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "images", abstract: "List the images in the store.",
    discussion: """
      INSIDE is the age of the newest thing inside that has a date; MADE, of the image in this store.
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var output: FormatOption

  func run() throws {
    var listing = Listing(
      kind: "images",
      columns: [
        .init("tags"), .init("image"), .init("layers", alignsRight: true),
        .init("size", alignsRight: true), .init("stored", alignsRight: true), .init("inside"),
        .init("made"),
      ], nothing: "no images yet; `hutch build base` makes one")
    let session = try common.session()
    for image in try session.images() {
      let date = session.contentsDate(of: image.id)
      listing.add(
        [
          (image.tags.isEmpty ? "-" : image.tags.joined(separator: " "))
            + (image.impure ? " (impure)" : ""),
          image.id.digest.short, "\(image.layers.count)", "\(image.size)",
          "\(image.compressedSize)", date.map { Age.text(of: $0.seconds) } ?? "-",
          Age.text(of: image.recordedAt),
        ],
        [
          "image": .string(image.id.description), "tags": .array(image.tags.map(JSON.string)),
          "chain": .string(image.chain.description), "impure": .bool(image.impure),
          "architecture": .string(image.architecture.rawValue),
          "manifest": .string(image.manifest.description),
          "layers": .array(image.layers.map { .string($0.description) }),
          "size_bytes": .integer(image.size.bytes),
          "compressed_bytes": .integer(image.compressedSize.bytes),
          "contents_at": .optional(date?.rfc3339),
          "recorded_at": .string(SourceDate(image.recordedAt).rfc3339),
        ])
    }
    listing.print(as: output.format)
  }
}

struct LayersVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "layers", abstract: "List layers, of one image or of the whole store.")

  @OptionGroup var common: CommonOptions
  @OptionGroup var output: FormatOption
  @Argument(help: "An image: its layers, the lowest first.") var image: String?

  func run() throws {
    var listing = Listing(
      kind: "layers",
      columns: [
        .init("layer"), .init("made by"), .init("images", alignsRight: true),
        .init("size", alignsRight: true), .init("stored", alignsRight: true), .init("state"),
      ], nothing: "no layers")
    for layer in try common.session().layers(of: image) {
      listing.add(
        [
          layer.id.digest.short, (layer.madeBy ?? "-") + (layer.impure ? " (impure)" : ""),
          "\(layer.images)", "\(layer.size)", "\(layer.compressedSize)", layer.state.rawValue,
        ],
        [
          "layer": .string(layer.id.description), "made_by": .optional(layer.madeBy),
          "images": .integer(Int64(layer.images)), "impure": .bool(layer.impure),
          "state": .string(layer.state.rawValue), "size_bytes": .integer(layer.size.bytes),
          "compressed_bytes": .integer(layer.compressedSize.bytes),
          "allocated_bytes": .integer(layer.allocated.bytes),
          "created_at": .string(SourceDate(layer.createdAt).rfc3339),
        ])
    }
    listing.print(as: output.format)
  }
}

struct VMsVerb: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "vms", abstract: "List VMs.")

  @OptionGroup var common: CommonOptions
  @OptionGroup var output: FormatOption

  func run() throws {
    try Listing.vms(try common.session().vms()).print(as: output.format)
  }
}

extension Listing {
  static func vms(_ vms: [VMRecord]) throws -> Listing {
    var listing = Listing(
      kind: "vms",
      columns: [
        .init("name"), .init("state"), .init("image"), .init("cpus", alignsRight: true),
        .init("memory", alignsRight: true), .init("disk", alignsRight: true), .init("made"),
      ], nothing: "no VMs; `hutch clone IMAGE` makes one")
    for vm in vms {
      listing.add(
        [
          vm.name, vm.state.rawValue + (vm.unsynced ? ", holds work" : ""),
          vm.image?.digest.short ?? "-", "\(vm.cpus)", "\(vm.memory)", "\(vm.diskSize)",
          Age.text(of: vm.createdAt),
        ],
        [
          "name": .string(vm.name), "state": .string(vm.state.rawValue),
          "image": .optional(vm.image?.description), "cpus": .integer(Int64(vm.cpus)),
          "memory_bytes": .integer(vm.memory.bytes), "disk_bytes": .integer(vm.diskSize.bytes),
          "tools": .array(vm.tools.map { .string($0.name) }),
          "credentials": .array(vm.credentials.map { .string($0) }),
          "unsynced": .bool(vm.unsynced), "ephemeral": .bool(vm.ephemeral),
          "created_at": .string(SourceDate(vm.createdAt).rfc3339),
        ])
    }
    return listing
  }
}
