package import Catalog
internal import Vocabulary

/// Images with their layers, disks and VMs, drawn with lines.
package struct UsageTree: Sendable {
  package let text: String

  package init(_ account: Account, _ images: [ImageRecord], _ vms: [VMRecord]) {
    var entries: [Subject: Account.Entry] = [:]
    for entry in account.entries { entries[entry.subject] = entry }
    var text = ""
    for image in images {
      guard let entry = entries[.object(.image(image.id))] else { continue }
      text += Self.line(entry) + "\n"
      let disks = account.entries.filter {
        $0.subject.kind == .disk && $0.subject.isDisk(of: image.chain)
      }
      let layers = image.layers.compactMap { entries[.object(.layer($0))] }
      let parts = layers + disks
      for (index, part) in parts.enumerated() {
        let isLast = index + 1 == parts.count
        let others = part.imageCount - 1
        let shared =
          others < 1
          ? "" : ", shared with \(others == 1 ? "one more image" : "\(others) more images")"
        text += (isLast ? "└─ " : "├─ ") + Self.line(part) + shared + "\n"
        let clones = vms.filter { .object($0.disk) == part.subject && $0.image == image.id }
        for (index, vm) in clones.enumerated() {
          guard let clone = entries[.vm(vm.name)] else { continue }
          text += (isLast ? "   " : "│  ") + (index + 1 == clones.count ? "└─ " : "├─ ")
          text += Self.line(clone) + "\n"
        }
      }
    }
    self.text = text.isEmpty ? "no images yet\n" : text
  }

  private static func line(_ entry: Account.Entry) -> String {
    "\(entry.title)  \(entry.total)"
      + (entry.shared == .zero || entry.exclusive == .zero
        ? "" : ", \(entry.exclusive) of it alone")
  }
}

extension Subject {
  /// A disk is named by its chain and its formatter.
  fileprivate func isDisk(of chain: ChainID) -> Bool {
    guard case .object(let key) = self else { return false }
    return key.id.hasPrefix("\(chain)/")
  }
}
