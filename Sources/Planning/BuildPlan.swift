package import Recipes
package import Vocabulary

/// What a build will do, worked out before anything is done.
package struct BuildPlan: Sendable, CustomStringConvertible {
  /// All steps in the order in which they run.
  package let steps: [PlannedStep]
  /// The layers of the first steps, which are known already.
  package let cachedPrefix: [DiffID]
  /// The records of the steps of `cachedPrefix`.
  package let cachedRecords: [StepRecord]

  /// The steps after `cachedPrefix`. The record of the first one is known now, that of each later
  /// one when its parent has been built; it may turn out to be known then.
  package var stepsToRun: ArraySlice<PlannedStep> { steps[cachedPrefix.count...] }

  /// The chain that the first step to run is built over; `nil` if that is the base.
  package var cachedChain: ChainID? { ChainID(of: cachedPrefix) }

  /// Whether a step has the network.
  package var isImpure: Bool { steps.contains(where: \.isImpure) }

  /// The date of the image: that of its last step.
  package var date: SourceDate { steps.last?.date ?? .constant }

  /// The record of the first step to run; `nil` if there is none.
  package var firstMiss: StepRecord? { stepsToRun.first?.record(over: cachedChain) }

  /// One line for each step, for `--explain`: whether it is cached, its name, what it does, its key.
  package var description: String {
    var lines: [String] = []
    for (index, step) in steps.enumerated() {
      let isCached = index < cachedPrefix.count
      let key: String
      if isCached {
        key = cachedRecords[index].key.digest.short
      } else if index == cachedPrefix.count, let firstMiss {
        key = firstMiss.key.digest.short
      } else {
        key = "follows the step before"
      }
      lines.append("\(isCached ? "cached" : "run   ")  \(step.id)  \(step.title)  [\(key)]")
    }
    return lines.joined(separator: "\n")
  }
}

/// One step with all that is needed to run it.
package struct PlannedStep: Sendable {
  package let id: StepID
  package let action: PlannedAction
  package let options: StepOptions
  /// `SOURCE_DATE_EPOCH`, and the newest time that a file of the layer may have.
  package let date: SourceDate
  /// One line for people.
  package let summary: String
  /// As listings show it.
  package var title: String { summary + (isImpure ? " (impure)" : "") }
  /// Places where a file that looks like a secret is none.
  package let sealAllowances: [GuestPath]
  /// All of the record but the parent.
  let values: [String: String]
  /// What the recipes and the base set for it.
  package let environment: [String: String]

  /// Whether the result depends on more than the record says.
  package var isImpure: Bool { options.network }

  /// What the layer depends on, now that its parent is known; `nil` is the parent of the base.
  package func record(over parent: ChainID?) -> StepRecord {
    var values = values
    values["parent"] = parent?.description ?? "none"
    return StepRecord(values)
  }
}

/// What to do, with the inputs to do it with.
package enum PlannedAction: Sendable, Hashable {
  /// A fresh Debian of exactly these packages.
  case bootstrap(suite: String, packages: [LockedPackage])
  /// One layer of an image that others made.
  case layer(ForeignImage, index: Int)
  /// `packages` are what must be there to install what `request` asks for, dependencies included;
  /// what the parents have already is not among them.
  case apt(AptRequest, packages: [LockedPackage])
  /// `files` are sorted by path.
  case copy(CopyRequest, files: [CopiedFile])
  case fetch(FetchRequest, file: LockedFile)
  /// `tarballs` are what has to be added to what the parents have below the prefix.
  case npm(NpmRequest, tarballs: [LockedFile])
  /// `wheels` are what has to be added to what the parents have in the environment.
  case pip(PipRequest, wheels: [LockedFile])
  case run(RunRequest)
}

/// An image that others made: where it was, and what it is.
package struct ForeignImage: Sendable, Hashable {
  /// A layout's path is the recipe's directory and what the recipe says.
  package let reference: OCIReference
  package let blobs: ImageBlobs

  /// The layer at `index`, from 0, and what its uncompressed tar is to have.
  package func layer(_ index: Int) -> (file: LockedFile, diff: Digest) {
    let file = blobs.layers[index]
    guard let diff = file.blob?.diff else { preconditionFailure("a locked layer has its digest") }
    return (file, diff)
  }
}
