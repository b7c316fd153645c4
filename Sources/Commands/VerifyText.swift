internal import Catalog
internal import Pipeline
internal import Vocabulary

/// A verification of a store as people read it.
enum VerifyText {
  static func text(_ outcome: VerifyOutcome) -> String {
    var lines = outcome.damages.flatMap(Self.lines)
    if !outcome.unknown.isEmpty {
      lines += outcome.unknown.map { "unknown file: \($0)" }
      lines.append("  no row knows it: `hutch gc` takes what is not another program's blob")
    }
    let looked = outcome.isQuick ? "looked at" : "read"
    var last = "\(looked) \(outcome.files) files"
    if !outcome.isQuick { last += ", \(outcome.bytes)" }
    let open = outcome.damages.filter(\.isOpen).count
    if outcome.damages.isEmpty {
      last += ": all as the catalog says"
    } else if !outcome.isRepair {
      last += ": \(open) damaged"
    } else {
      last += ": \(outcome.damages.count) damaged, \(open) not repaired"
    }
    lines.append(last)
    if let quarantine = outcome.quarantine {
      lines.append("what was damaged is in \"\(quarantine)\" of the store; delete it when you like")
    }
    return ProgressDisplay.cleanLines(lines.joined(separator: "\n") + "\n")
  }

  private static func lines(_ damage: StoreDamage) -> [String] {
    var lines = ["\(damage.kind.rawValue): \(Tally.shortened(damage.subject))"]
    if damage.subject != damage.path { lines[0] += "  (\(damage.path))" }
    lines.append("  \(damage.detail)")
    let touched = damage.touched
    if !touched.images.isEmpty {
      lines.append("  images: " + touched.images.joined(separator: ", "))
    }
    if !touched.vms.isEmpty { lines.append("  VMs: " + touched.vms.joined(separator: ", ")) }
    switch damage.outcome {
    case .found: break
    case .repaired: lines.append("  repaired")
    case .madeWhenNeeded: lines.append("  set aside: it is had again when it is next needed")
    case .inUse(let vms):
      lines.append("  not touched: in use by " + vms.joined(separator: ", "))
    case .left(let reason): lines.append("  not repaired: \(reason)")
    }
    if damage.isOpen, let command = damage.command { lines.append("  hint: `\(command)`") }
    return lines
  }
}

extension Listing {
  init(_ outcome: VerifyOutcome) {
    self.init(kind: "damages", columns: [], nothing: "")
    items = outcome.damages.map { damage in
      var item: [String: JSON] = [
        "damage": .string(damage.kind.rawValue), "subject": .string(damage.subject),
        "path": .string(damage.path), "detail": .string(damage.detail),
        "images": .array(damage.touched.images.map(JSON.string)),
        "vms": .array(damage.touched.vms.map(JSON.string)),
        "command": .optional(damage.command), "open": .bool(damage.isOpen),
      ]
      switch damage.outcome {
      case .found: item["outcome"] = .string("found")
      case .repaired: item["outcome"] = .string("repaired")
      case .madeWhenNeeded: item["outcome"] = .string("made-when-needed")
      case .inUse: item["outcome"] = .string("in-use")
      case .left(let reason):
        item["outcome"] = .string("left")
        item["reason"] = .string(reason)
      }
      return .object(item)
    }
    members = [
      "whole": .bool(outcome.isWhole), "unknown": .array(outcome.unknown.map(JSON.string)),
      "files": .integer(Int64(outcome.files)), "bytes": .integer(outcome.bytes.bytes),
      "quick": .bool(outcome.isQuick), "repair": .bool(outcome.isRepair),
      "quarantine": .optional(outcome.quarantine),
      "milliseconds": .integer(Int64(outcome.milliseconds)),
    ]
  }
}
