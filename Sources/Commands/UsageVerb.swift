internal import ArgumentParser
internal import Catalog
internal import Pipeline
internal import Vocabulary

struct UsageVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "df", abstract: "Show what takes space, who shares it, and what would free it.",
    discussion: """
      ON DISK is what is allocated for a thing and all that is kept for it; ALONE, the part that is \
      kept for nothing else; FREES, what is free again once it is removed (an image: untagged) and \
      `hutch gc --now` has run. The total is what `du` says of the store.
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var output: FormatOption
  @Flag(help: "Each thing on a line of its own, also where there are many of a kind.") var all =
    false
  @Flag(help: "Draw images with their layers, disks and VMs.") var tree = false

  func run() throws {
    let session = try common.session()
    let account = try session.account()
    if tree && output.format == .table {
      Output.write(
        UsageTree(account.account, try session.images(), try session.vms()).text)
    } else {
      Listing.usage(account, all: all, for: output.format).print(as: output.format)
    }
    if output.format == .table { summarise(account) }
  }

  private func summarise(_ account: StoreAccount) {
    var lines = StoreAccount.Part.allCases.compactMap { part in
      account.parts[part].flatMap { $0 == .zero ? nil : "\(part.words): \($0)" }
    }
    lines.append("in all: \(account.total), \(account.free) are free")
    let garbage = account.account.garbage + (account.parts[.unknown] ?? .zero)
    if garbage > .zero { lines.append("nothing needs \(garbage) of it: `hutch gc`") }
    if account.mayShareBlocks {
      lines.append("the file system may keep blocks once for several files: all are upper bounds")
    }
    for line in lines { Output.line(line) }
  }
}

extension StoreAccount.Part {
  /// As the last lines of `hutch df` name it.
  fileprivate var words: String {
    switch self {
    case .catalog: "catalog"
    case .frame: "directories and small files of the store"
    case .unfinished: "unfinished work and package lists"
    case .trash: "deleted, not yet removed"
    case .quarantine: "damaged files set aside"
    case .unknown: "files that nothing knows"
    case .foreign: "blobs of others"
    case .beside: "files beside the store's own"
    }
  }
}

extension Listing {
  /// Kinds of which a person wants to see each, while they are not too many.
  private static let shown: Set = ["image", "layer", "disk", "boot", "warm", "checkpoint", "vm"]
  private static let many = 100

  /// Rows or items, whichever the form shows: there may be very many.
  static func usage(_ account: StoreAccount, all: Bool, for format: OutputFormat) -> Listing {
    var listing = Listing(
      kind: "usage",
      columns: [
        .init("what"), .init("size", alignsRight: true), .init("on disk", alignsRight: true),
        .init("shared", alignsRight: true), .init("alone", alignsRight: true),
        .init("frees", alignsRight: true),
      ], nothing: "nothing yet")
    let entries = account.account.entries
    if format == .json {
      listing.items = entries.map(\.json)
    } else {
      var kinds = Dictionary(grouping: entries, by: \.kindName)
      for kind in ["image", "boot", "checkpoint", "disk", "layer", "warm", "vm"]
        + kinds.keys.sorted()
      {
        guard let those = kinds.removeValue(forKey: kind) else { continue }
        if all || shown.contains(kind) && those.count <= many {
          listing.rows += those.map { entry in
            [entry.title, "\(entry.logical)"] + figures(entry.total, entry.exclusive, entry.frees)
          }
        } else {
          listing.rows.append(sum(those, kind))
        }
      }
    }
    let parts = account.parts.map { ($0.key.rawValue + "_bytes", JSON.integer($0.value.bytes)) }
    listing.members = [
      "parts": .object(Dictionary(uniqueKeysWithValues: parts)),
      "total_bytes": .integer(account.total.bytes), "free_bytes": .integer(account.free.bytes),
      "garbage_bytes": .integer(account.account.garbage.bytes),
      "may_share_blocks": .bool(account.mayShareBlocks),
    ]
    return listing
  }

  private static func figures(
    _ total: ByteCount, _ alone: ByteCount, _ frees: ByteCount
  ) -> [String] {
    ["\(total)", "\(ByteCount(total.bytes - alone.bytes))", "\(alone)", "\(frees)"]
  }

  /// One line for many of a kind. Each is counted for itself: one may hold another.
  private static func sum(_ entries: [Account.Entry], _ kind: String) -> [String] {
    func sum(_ value: KeyPath<Account.Entry, ByteCount>) -> ByteCount {
      entries.reduce(.zero) { $0 + $1[keyPath: value] }
    }
    return [
      "\(entries.count) \(kind)\(entries.count == 1 ? "" : "s")", "\(sum(\.logical))",
      "\(sum(\.allocated))", "-", "-", "\(sum(\.frees))",
    ]
  }
}

extension Account.Entry {
  /// As people know it.
  var title: String {
    guard case .object(let key) = subject else { return subject.description }
    let notes =
      switch key.kind {
      case .image: images
      case .layer: [madeBy].compactMap { $0 }
      default: isGarbage ? [] : images
      }
    let text = notes.isEmpty ? "" : " (\(notes.joined(separator: " ")))"
    return Tally.shortened(key.description) + text + (isGarbage ? ", of nothing" : "")
  }

  var kindName: String { subject.kind?.rawValue ?? "vm" }

  var json: JSON {
    let name =
      switch subject {
      case .object(let key): key.id
      case .vm(let name): name
      case .encoding, .file: subject.description
      }
    return .object([
      "kind": .string(kindName), "name": .string(name), "logical_bytes": .integer(logical.bytes),
      "allocated_bytes": .integer(allocated.bytes), "total_bytes": .integer(total.bytes),
      "shared_bytes": .integer(shared.bytes), "exclusive_bytes": .integer(exclusive.bytes),
      "frees_bytes": .integer(frees.bytes), "garbage": .bool(isGarbage),
      "images": .array(images.map(JSON.string)), "image_count": .integer(Int64(imageCount)),
      "made_by": .optional(madeBy),
      "used_at": .string(SourceDate(lastUsedAt).rfc3339),
    ])
  }
}
