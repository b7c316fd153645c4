package import Vocabulary

/// How one list of entries differs from another: of two merged trees, or of two layers with their
/// marks of removal.
package struct TreeDifference: Sendable, Hashable {
  /// What of an entry differs. The raw values are part of the JSON output.
  package enum Field: String, Sendable, CaseIterable {
    case kind
    case content
    /// Where a link leads, or which device a node is.
    case target
    case mode
    case owner
    case attributes
    case time
  }

  package enum Kind: String, Sendable { case added, removed, changed }

  package struct Change: Sendable, Hashable {
    /// `nil` for what was added.
    package var before: TableOfContents.Item?
    /// `nil` for what was removed.
    package var after: TableOfContents.Item?
    /// In the order of `Field`; empty unless something is changed.
    package var fields: [Field]

    package var kind: Kind { before == nil ? .added : after == nil ? .removed : .changed }

    /// What is there now, else what was there.
    package var entry: LayerEntry {
      guard let item = after ?? before else { preconditionFailure("a change is of something") }
      return item.entry
    }
  }

  /// In the order of a tar.
  package private(set) var changes: [Change] = []
  /// Contents of files that are new or changed, as they are now and as they were: what is there
  /// now is what was there, and the one, without the other. Hard links count nothing.
  package private(set) var addedBytes: ByteCount = .zero
  package private(set) var removedBytes: ByteCount = .zero

  /// Both in the order of a tar.
  package init(from before: [TableOfContents.Item], to after: [TableOfContents.Item]) {
    var (left, right) = (before.startIndex, after.startIndex)
    while left < before.endIndex || right < after.endIndex {
      if right == after.endIndex
        || (left < before.endIndex && LayerEntry.isBefore(before[left].entry, after[right].entry))
      {
        add(before[left], nil)
        left += 1
      } else if left == before.endIndex
        || LayerEntry.isBefore(after[right].entry, before[left].entry)
      {
        add(nil, after[right])
        right += 1
      } else {
        add(before[left], after[right])
        left += 1
        right += 1
      }
    }
  }

  package var isEmpty: Bool { changes.isEmpty }

  private mutating func add(_ before: TableOfContents.Item?, _ after: TableOfContents.Item?) {
    var fields: [Field] = []
    if let before, let after {
      fields = Self.fields(before, after)
      if fields.isEmpty { return }
    }
    changes.append(Change(before: before, after: after, fields: fields))
    guard fields.isEmpty || fields.contains(.kind) || fields.contains(.content) else { return }
    addedBytes += after?.entry.size ?? .zero
    removedBytes += before?.entry.size ?? .zero
  }

  private static func fields(
    _ before: TableOfContents.Item, _ after: TableOfContents.Item
  ) -> [Field] {
    let (old, new) = (before.entry, after.entry)
    // Most are the same.
    if old == new && before.digest == after.digest { return [] }
    var fields: [Field] = []
    switch (old.kind, new.kind) {
    case (.file, .file):
      if before.digest != after.digest || old.kind != new.kind { fields.append(.content) }
    case (.hardLink, .hardLink):
      if before.digest != after.digest { fields.append(.content) }
      if old.kind != new.kind { fields.append(.target) }
    case (.symlink, .symlink), (.characterDevice, .characterDevice), (.blockDevice, .blockDevice):
      if old.kind != new.kind { fields.append(.target) }
    default: if old.kind != new.kind { fields.append(.kind) }
    }
    if old.mode != new.mode { fields.append(.mode) }
    if (old.uid, old.gid) != (new.uid, new.gid) { fields.append(.owner) }
    if old.attributes != new.attributes { fields.append(.attributes) }
    if old.modified != new.modified { fields.append(.time) }
    return fields
  }
}

extension LayerEntry {
  /// Of a file's contents; nothing else has any.
  package var size: ByteCount {
    if case .file(let size) = kind { return ByteCount(size) }
    return .zero
  }
}
