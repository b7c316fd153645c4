internal import Vocabulary

/// Whom the loss of something in a store touches.
package struct Touched: Sendable, Hashable {
  /// Tags of images that need it; an image without a tag by its first digits. Sorted.
  package var images: [String] = []
  /// VMs that need it, sorted.
  package var vms: [String] = []

  package var isNobody: Bool { images.isEmpty && vms.isEmpty }

  package init(images: [String] = [], vms: [String] = []) {
    self.images = images
    self.vms = vms
  }
}

/// Who holds what in a store, asked from below.
package struct HoldingIndex: Sendable {
  private let inventory: Inventory
  private var numbers: [ObjectKey: Int32] = [:]
  private var needing: [Int32: [Int32]] = [:]
  private var wanting: [Int32: [Int32]] = [:]
  private var tags: [Int32: [String]] = [:]

  package init(_ inventory: Inventory) {
    self.inventory = inventory
    for (index, node) in inventory.input.nodes.enumerated() { numbers[node.key] = Int32(index) }
    for edge in inventory.input.hard { needing[edge.to, default: []].append(edge.from) }
    for edge in inventory.input.soft { wanting[edge.to, default: []].append(edge.from) }
    for tag in inventory.tags { tags[tag.image, default: []].append(tag.name) }
  }

  /// An image is touched by whatever it needs or would like to have, be it only for being built
  /// again; a VM by what it needs itself, not by what only its image would like to have.
  package func touched(by key: ObjectKey) -> Touched {
    guard let number = numbers[key] else { return Touched() }
    let holders = holders(of: number) { needing[$0, default: []] + wanting[$0, default: []] }
    let needers = self.holders(of: number) { needing[$0, default: []] }
    var touched = Touched()
    for holder in holders where inventory.input.nodes[Int(holder)].key.kind == .image {
      touched.images += tags[holder] ?? [Self.short(inventory.input.nodes[Int(holder)].key)]
    }
    touched.images.sort()
    touched.vms = inventory.vms.filter { !needers.isDisjoint(with: $0.needed) }.map(\.name)
    return touched
  }

  /// VMs that run and need it.
  package func running(on key: ObjectKey) -> [String] {
    guard let number = numbers[key] else { return [] }
    let needers = holders(of: number) { needing[$0, default: []] }
    return inventory.vms.filter {
      [.running, .paused].contains($0.state) && !needers.isDisjoint(with: $0.needed)
    }.map(\.name)
  }

  private static func short(_ key: ObjectKey) -> String {
    ImageID(key.id)?.digest.short ?? key.id
  }

  /// With itself.
  private func holders(of number: Int32, above: (Int32) -> [Int32]) -> Set<Int32> {
    var seen: Set<Int32> = [number]
    var open = [number]
    while let next = open.popLast() {
      for holder in above(next) where seen.insert(holder).inserted { open.append(holder) }
    }
    return seen
  }
}
