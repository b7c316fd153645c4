internal import ArgumentParser
internal import Inputs
internal import Layers
internal import Pipeline
internal import Vocabulary

struct DiffVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract: "Say in which packages and files two images or layers differ, or a VM and its image.",
    discussion: """
      Images are compared as they look inside, layers with what they remove. A layer is named by \
      the first 8 or more digits of its digest, as `hutch layers` prints them.

      A VM alone is compared with the image that it was made from, as it would find its files at \
      its next start. It must not run. What systems write for themselves when they start is listed \
      with the rest; what tools bring is not part of a VM's disk.
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var output: FormatOption
  @Flag(
    help: "List everything: also what is in new and removed directories, and times of directories.")
  var all = false
  @Argument(help: "An image or a layer; or a VM, alone.") var before: String
  @Argument(help: "The image or layer to compare it with.") var after: String?

  func run() throws {
    let session = try common.session()
    let outcome = try after.map { try session.diff(before, $0) } ?? session.diff(vm: before)
    switch output.format {
    case .json: Listing(outcome).print(as: .json)
    case .table: Output.write(DiffText.text(outcome, all: all))
    }
  }
}

extension Listing {
  fileprivate init(_ outcome: DiffOutcome) {
    self.init(kind: "differences", columns: [], nothing: "")
    items = outcome.files.changes.map(JSON.init)
    members = [
      "before": JSON(outcome.before), "after": JSON(outcome.after),
      "added_bytes": .integer(outcome.files.addedBytes.bytes),
      "removed_bytes": .integer(outcome.files.removedBytes.bytes),
      "packages": outcome.packages.map { packages in
        .array(
          packages.map {
            .object([
              "change": .string($0.kind.rawValue), "name": .string($0.name),
              "before": .optional($0.before), "after": .optional($0.after),
            ])
          })
      } ?? .null,
    ]
  }
}

extension JSON {
  fileprivate init(_ side: DiffSide) {
    self = .object([
      "name": .string(side.name), "image": .optional(side.image?.description),
      "vm": .optional(side.vm),
      "layers": .array(side.layers.map { .string($0.description) }),
    ])
  }

  /// One file that differs.
  init(_ change: TreeDifference.Change) {
    self = .object([
      "change": .string(change.kind.rawValue),
      "path": .string(change.entry.path.description),
      "fields": .array(change.fields.map { .string($0.rawValue) }),
      "before": change.before.map(JSON.init) ?? .null,
      "after": change.after.map(JSON.init) ?? .null,
    ])
  }

  private init(_ item: TableOfContents.Item) {
    let entry = item.entry
    var size: Int64?
    if case .file(let bytes) = entry.kind { size = bytes }
    self = .object([
      "kind": .string(entry.kind.name), "mode": .string(entry.octalMode),
      "uid": .integer(Int64(entry.uid)), "gid": .integer(Int64(entry.gid)),
      "modified_at": .string(SourceDate(entry.modified).rfc3339),
      "size_bytes": size.map(JSON.integer) ?? .null,
      "digest": .optional(item.digest?.description),
      "target": .optional(entry.kind.target),
      "attributes": .object(
        Dictionary(
          entry.attributes.map {
            (String(decoding: $0.name, as: UTF8.self), .string(Hex.encode($0.value)))
          }, uniquingKeysWith: { first, _ in first })),
    ])
  }
}

extension LayerEntry {
  /// Four digits.
  var octalMode: String {
    let octal = String(mode, radix: 8)
    return String(repeating: "0", count: max(0, 4 - octal.count)) + octal
  }
}

extension LayerEntry.Kind {
  /// As in JSON, and for people.
  var name: String {
    switch self {
    case .directory: "directory"
    case .file: "file"
    case .symlink: "symbolic-link"
    case .hardLink: "hard-link"
    case .fifo: "fifo"
    case .characterDevice: "character-device"
    case .blockDevice: "block-device"
    case .whiteout: "removal"
    case .opaque: "opaque-mark"
    }
  }

  /// Where a link leads; the numbers of a device.
  var target: String? {
    switch self {
    case .symlink(let target): String(decoding: target, as: UTF8.self)
    case .hardLink(let target): target.description
    case .characterDevice(let major, let minor), .blockDevice(let major, let minor):
      "\(major):\(minor)"
    default: nil
    }
  }
}
