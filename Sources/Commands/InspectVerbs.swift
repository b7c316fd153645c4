internal import ArgumentParser
internal import Catalog
internal import Inventory
internal import Layers
internal import Pipeline
internal import Planning
internal import Recipes
internal import Vocabulary

struct InspectVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Say what an image is, what is in it, and where it came from.",
    discussion: """
      IMAGE:/PATH tells of one file: its step, its package, the input that the package came in, and \
      who signed the lists that named it. The image is not run, and nothing is unpacked.
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var output: FormatOption
  @Argument(help: ArgumentHelp("An image, or a path in it.", valueName: "image[:/path]"))
  var image: String
  @Flag(help: "Which software takes how much.") var size = false
  @Flag(help: "With --size: all of it, not the largest 20.") var all = false

  func run() throws {
    let session = try common.session()
    if let slash = image.firstRange(of: ":/") {
      if size { throw ValidationError("--size is about images") }
      let path = String(image[slash.lowerBound...].dropFirst())
      let found = try session.inspect(String(image[..<slash.lowerBound]), path: path)
      Facts(found).print(as: output.format)
      return
    }
    let found = try session.inspect(image, measures: size || all)
    switch output.format {
    case .json: Output.write(JSON.inspection(found).indented)
    case .table:
      Output.write(Facts(found).table + "\n" + Listing.layers(of: found).table)
      if let software = Listing.software(of: found, all: all) {
        Output.write("\n" + software.table)
      }
    }
  }
}

struct BillOfMaterialsVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sbom", abstract: "Print which software is in an image, as SPDX.",
    discussion: """
      SPDX 2.3 in JSON, on standard output: packages of dpkg, pip and npm with their versions, the \
      digests of what they were installed from, and package URLs. The same image gives the same bytes.
      """)

  @OptionGroup var common: CommonOptions
  @Argument(help: "An image.") var image: String

  func run() throws {
    let creator = "hutch-\(HutchCommand.version)"
    Output.write(
      try common.session().billOfMaterials(of: image, creator: creator).indented)
  }
}

/// Names with values: what there is to say of one thing.
private struct Facts {
  private var rows: [(name: String, value: String)] = []
  private var members: [String: JSON] = [:]

  func print(as format: OutputFormat) {
    switch format {
    case .table: Output.write(table)
    case .json: Output.write(JSON.object(members).indented)
    }
  }

  var table: String {
    let width = rows.map(\.name.count).max() ?? 0
    return rows.map { name, value in
      name.uppercased() + String(repeating: " ", count: width - name.count + 2) + value + "\n"
    }.joined()
  }

  private mutating func add(_ name: String, _ value: String?) {
    if let value, !value.isEmpty { rows.append((name, value)) }
  }

  init(_ found: ImageInspection) {
    let (image, configuration) = (found.image, found.configuration)
    let machine = configuration.machine
    add("image", image.id.description)
    add("tags", image.tags.joined(separator: " "))
    add("size", "\(image.size), stored in \(image.compressedSize)")
    add("inside", "\(configuration.created.rfc3339) is the date of the newest")
    add("impure", image.impure ? "a step had the network" : nil)
    add("user", machine.user)
    let parts = [
      machine.cpus.map { "\($0) CPUs" }, machine.memory.map { "\($0) of memory" },
      machine.disk.map { "\($0) of disk" }, machine.initSystem?.rawValue,
    ]
    add("machine", parts.compactMap { $0 }.joined(separator: ", "))
    for (name, value) in configuration.environment.sorted(by: { $0.key < $1.key }) {
      add("env", "\(name)=\(value)")
    }
    if let network = configuration.network {
      add("network", ([network.mode.rawValue] + network.allow).joined(separator: " "))
    }
    add("tools", configuration.tools.joined(separator: " "))
  }

  init(_ found: PathInspection) {
    let entry = found.entry
    add("path", found.path.description)
    add("kind", entry.kind.words)
    add("mode", String(entry.mode, radix: 8) + " \(entry.uid):\(entry.gid)")
    add("contents", found.contents?.description)
    let step = found.layer.step.map { "\($0.recipe) \($0.ordinal)" }
    add("step", step.map { $0 + ": " + (found.layer.summary ?? "") } ?? "of no step of this store")
    add("layer", found.layer.layer.id.description)
    add(
      "package",
      found.software.map { software in
        [software.kind.rawValue, software.name, software.version, software.architecture]
          .compactMap { $0 }.joined(separator: " ")
      } ?? "none")
    add("input", found.input?.description)
    for archive in found.archives {
      add(
        "signed",
        "\(archive.suite) of \(archive.date.rfc3339) by " + archive.signers.joined(separator: " "))
    }
    members = [
      "hutch": .integer(1), "kind": .string("file"), "path": .string(found.path.description),
      "type": .string(entry.kind.words), "mode": .integer(Int64(entry.mode)),
      "uid": .integer(Int64(entry.uid)), "gid": .integer(Int64(entry.gid)),
      "contents": .optional(found.contents?.description), "step": .optional(step),
      "summary": .optional(found.layer.summary),
      "layer": .string(found.layer.layer.id.description),
      "package": found.software.map(JSON.software) ?? .null,
      "input": .optional(found.input?.description),
      "archives": .array(
        found.archives.map { archive in
          .object([
            "suite": .string(archive.suite), "date": .string(archive.date.rfc3339),
            "inrelease": .string(archive.inRelease.description),
            "signers": .array(archive.signers.map(JSON.string)),
          ])
        }),
    ]
  }
}

extension Listing {
  fileprivate static func layers(of found: ImageInspection) -> Listing {
    var listing = Listing(
      kind: "layers",
      columns: [
        .init("layer"), .init("step"), .init("size", alignsRight: true),
        .init("stored", alignsRight: true), .init("what it did"),
      ], nothing: "no layers")
    for layer in found.layers {
      listing.add(
        [
          layer.layer.id.digest.short, layer.step.map { "\($0.recipe) \($0.ordinal)" } ?? "-",
          "\(layer.layer.size)", "\(layer.layer.compressedSize)", layer.summary ?? "-",
        ], [:])
    }
    return listing
  }

  fileprivate static func software(of found: ImageInspection, all: Bool) -> Listing? {
    guard let software = found.software else { return nil }
    var listing = Listing(
      kind: "software",
      columns: [
        .init("size", alignsRight: true), .init("kind"), .init("software"), .init("version"),
      ], nothing: "no software that says so")
    let shown = all ? software.count : min(20, software.count)
    for each in software[..<shown] {
      listing.add(
        ["\(each.size)", each.software.kind.rawValue, each.software.name, each.software.version],
        [:])
    }
    let rest = software[shown...].reduce(Int64(0)) { $0 + $1.size.bytes }
    if shown < software.count {
      listing.add(["\(ByteCount(rest))", "", "\(software.count - shown) more", ""], [:])
    }
    listing.add(["\(found.otherSize)", "", "files that came with none of them", ""], [:])
    return listing
  }
}

extension JSON {
  fileprivate static func software(_ software: Software) -> JSON {
    .object([
      "kind": .string(software.kind.rawValue), "name": .string(software.name),
      "version": .string(software.version), "architecture": .optional(software.architecture),
    ])
  }

  fileprivate static func inspection(_ found: ImageInspection) -> JSON {
    let (image, configuration) = (found.image, found.configuration)
    return .object([
      "hutch": .integer(1), "kind": .string("image"), "image": .string(image.id.description),
      "tags": .array(image.tags.map(JSON.string)), "impure": .bool(image.impure),
      "size_bytes": .integer(image.size.bytes),
      "compressed_bytes": .integer(image.compressedSize.bytes),
      "contents_at": .string(configuration.created.rfc3339),
      "user": .optional(configuration.machine.user),
      "environment": .object(configuration.environment.mapValues(JSON.string)),
      "tools": .array(configuration.tools.map(JSON.string)),
      "layers": .array(
        found.layers.map { layer in
          .object([
            "layer": .string(layer.layer.id.description),
            "recipe": .optional(layer.step?.recipe),
            "step": layer.step.map { .integer(Int64($0.ordinal)) } ?? .null,
            "summary": .optional(layer.summary), "size_bytes": .integer(layer.layer.size.bytes),
            "compressed_bytes": .integer(layer.layer.compressedSize.bytes),
          ])
        }),
      "software": found.software.map { software in
        .array(
          software.map { each in
            .object([
              "software": .software(each.software), "size_bytes": .integer(each.size.bytes),
            ])
          })
      } ?? .null,
      "other_bytes": found.software == nil ? .null : .integer(found.otherSize.bytes),
    ])
  }
}

extension LayerEntry.Kind {
  fileprivate var words: String {
    switch self {
    case .directory: "directory"
    case .file(let size): "file of \(size) bytes"
    case .symlink(let target): "link to \(String(decoding: target, as: UTF8.self))"
    case .hardLink(let target): "same file as \(target)"
    case .fifo: "fifo"
    case .characterDevice(let major, let minor): "character device \(major):\(minor)"
    case .blockDevice(let major, let minor): "block device \(major):\(minor)"
    case .whiteout, .opaque: "removal"
    }
  }
}
