package import Catalog
internal import Recipes

/// Why something is there.
package enum WhyAnswer: Sendable {
  case object(Holding)
  /// A VM is held by nothing but its own row.
  case vm(VMRecord)
}

extension Session {
  /// - Parameter kind: `layer`, `disk`, … or `vm`, where one name could mean several things.
  package func why(_ reference: String, kind: String?) throws -> WhyAnswer {
    let inventory = try catalog.inventory()
    switch try catalog.lookUp(reference, kind: kind) {
    case .object(let key):
      let keep = try settings().collection.keep ?? 1
      guard let holding = inventory.holding(of: key, grace: Self.grace, keep: keep) else {
        throw CatalogError.unknownReference(reference)
      }
      return .object(holding)
    case .vm(let name): return .vm(try catalog.vm(named: name))
    case .encoding, .file: throw CatalogError.unknownReference(reference)
    }
  }

  /// Keeps an image, layer, disk, … until it is unpinned; what it needs stays with it.
  ///
  /// - Returns: what was meant.
  package func pin(_ reference: String, kind: String?, reason: String) throws -> Subject {
    let lease = try catalog.lease(for: "pin \(reference)")
    defer { lease.release() }
    let subject = try catalog.lookUp(reference, kind: kind)
    guard case .object(let key) = subject else { throw PipelineError.notPinnable(reference) }
    try catalog.pin(key, reason: reason)
    return subject
  }

  /// - Returns: whether there was a pin.
  package func unpin(_ reference: String, kind: String?) throws -> Bool {
    guard case .object(let key) = try catalog.lookUp(reference, kind: kind) else {
      throw PipelineError.notPinnable(reference)
    }
    return try catalog.unpin(key)
  }
}
