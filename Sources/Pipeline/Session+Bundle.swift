internal import Catalog
internal import Host
internal import Inputs
internal import Recipes
package import Vocabulary

package struct ExportRequest: Sendable {
  /// A recipe's name or path.
  package var recipe: String
  /// The file that is made; it must not exist.
  package var output: String
  /// Refuses to change the lock.
  package var isLocked: Bool

  package init(recipe: String, output: String, isLocked: Bool = false) {
    self.recipe = recipe
    self.output = output
    self.isLocked = isLocked
  }
}

/// What went into a bundle of inputs, or came out of it.
package struct BundleOutcome: Sendable {
  package var path: String
  package var inputs: Int
  package var bytes: ByteCount
}

extension Session {
  /// Recipe → lock → every input in the store → one file with all of them.
  package func exportInputs(_ request: ExportRequest) throws -> BundleOutcome {
    if Files.exists(request.output) { throw PipelineError.fileExists(request.output) }
    var timings = Timings()
    let (chain, found) = try loadChain(request.recipe, isLocked: request.isLocked)
    let lease = try catalog.lease(for: "export \(found.name)")
    defer { lease.release() }
    let files = try CopySources.read(chain)
    let terms = BuildTerms(pins: StepPins(request.isLocked ? .require : .keep))
    let locked = try completeLock(
      chain, found, files: files, isLocked: request.isLocked, terms, lease, &timings)
    try fetchAll(of: locked, chain, files: files, terms, lease, &timings)
    let bytes = locked.inputs.reduce(ByteCount.zero) { $0 + $1.size }
    let aside = "\(request.output).\(Hex.encode(Randomness.bytes(6))).tmp"
    do {
      try report.stage("write \"\(request.output)\"", &timings) {
        try InputBundle.write(
          to: aside, recipe: chain.leaf.text, lock: locked, from: inputStore
        ) { report(.bytes(done: $0, total: bytes)) }
        try Files.rename(aside, to: request.output, replacing: false)
        try Files.syncDirectory(Files.parent(of: request.output))
      }
    } catch {
      try? Files.remove(aside)
      throw error
    }
    return BundleOutcome(path: request.output, inputs: locked.inputs.count, bytes: bytes)
  }

  /// One file → verified inputs → the store, each with its row.
  package func importInputs(_ path: String) throws -> BundleOutcome {
    var timings = Timings()
    let lease = try catalog.lease(for: "import \(Files.name(of: path))")
    defer { lease.release() }
    return try report.stage("read \"\(path)\"", &timings) {
      try withJobDirectory { directory in
        let lock = try InputBundle.read(path, into: directory) {
          report(.bytes(done: $0, total: nil))
        }
        let store = inputStore
        try obtain(lock.inputs, lease) { inputs in
          for input in inputs where !store.holds(input.digest, size: input.size) {
            try store.adopt("\(directory)/\(input.digest.hex)", as: input.digest)
          }
          try store.sync()
        }
        return BundleOutcome(
          path: path, inputs: lock.inputs.count,
          bytes: lock.inputs.reduce(.zero) { $0 + $1.size })
      }
    }
  }
}
