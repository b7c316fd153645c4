package import Vocabulary

/// What everything in a store takes, and what would be free without it.
package struct Account: Sendable {
  package struct Entry: Sendable {
    package let subject: Subject
    /// As it is used: of a layer, its tar; of a disk or VM, what a guest sees.
    package let logical: ByteCount
    /// Allocated: of its own files.
    package let allocated: ByteCount
    /// Allocated: of all that is kept for it, itself included.
    package let total: ByteCount
    /// The part of `total` that is kept for nothing else.
    package let exclusive: ByteCount
    /// What is free once it is removed (an image: untagged) and collected without grace. Nothing,
    /// while something else can't do without it.
    package let frees: ByteCount
    /// Nothing holds it: the collector takes it.
    package let isGarbage: Bool
    /// Of an image, its tags; of its parts, the first of the images that have them.
    package let images: [String]
    package let imageCount: Int
    /// Of a layer: the recipe and step that gave it.
    package let madeBy: String?
    package let lastUsedAt: Int64

    package var shared: ByteCount { ByteCount(total.bytes - exclusive.bytes) }
  }

  /// VMs last, all others by kind and key.
  package let entries: [Entry]
  package var garbage: ByteCount {
    entries.reduce(.zero) { $0 + ($1.isGarbage ? $1.allocated : .zero) }
  }

  /// Pure.
  package init(_ inventory: Inventory) {
    let graph = HoldingGraph(inventory)
    let exclusive = graph.exclusive()
    var walk = graph.walk()
    entries = graph.bytes.indices.map { index in
      let node = Int32(index)
      let common = graph.describe(node)
      let images = graph.images(of: node)
      return Entry(
        subject: common.subject, logical: common.logical,
        allocated: ByteCount(graph.bytes[index]), total: ByteCount(walk.sum(from: node)),
        exclusive: ByteCount(exclusive[index]),
        frees: graph.isBound(node) ? .zero : ByteCount(exclusive[index]),
        isGarbage: !graph.isHeld[index], images: images.names,
        imageCount: images.count, madeBy: inventory.madeBy[node], lastUsedAt: common.lastUsedAt)
    }.sorted { Self.order($0.subject) < Self.order($1.subject) }
  }

  package subscript(key: ObjectKey) -> Entry? {
    entries.first { $0.subject == .object(key) }
  }

  package func vm(_ name: String) -> Entry? { entries.first { $0.subject == .vm(name) } }

  private static func order(_ subject: Subject) -> (Int, String, String) {
    switch subject {
    case .object(let key): (0, key.kind.rawValue, key.id)
    case .vm(let name): (1, name, "")
    case .encoding, .file: (2, subject.description, "")
    }
  }
}
