package import Recipes
package import Vocabulary

/// Why an image is not built again, or could not be.
package enum RebuildError: Failure {
  /// No build of this store gave the image its name.
  case recipeUnknown(image: String)
  case recipeGone(image: String, path: String)
  case lockGone(image: String, path: String)
  /// Recipe, lock or copied files have changed since it was built.
  case imageIsOlder(image: String, recipe: String, reason: String)
  /// Steps that took something from the network.
  case impure(image: String, steps: [StepID])
  /// It was begun, and the other build failed: as what, and with which words.
  case notRebuilt(String, reason: String, kind: FailureKind)

  package var kind: FailureKind {
    switch self {
    case .recipeUnknown, .recipeGone, .lockGone: .notFound
    case .imageIsOlder, .impure: .badInput
    case .notRebuilt(_, _, let kind): kind
    }
  }

  package var message: String {
    switch self {
    case .recipeUnknown(let image): "no build says which recipe the image \"\(image)\" came from"
    case .recipeGone(let image, let path):
      "the recipe of the image \"\(image)\" is gone: \"\(path)\""
    case .lockGone(let image, let path):
      "the lock of the image \"\(image)\" is gone: \"\(path)\""
    case .imageIsOlder(let image, _, let reason):
      "the image \"\(image)\" is not what its recipe gives now: \(reason)"
    case .impure(let image, let steps):
      "the image \"\(image)\" can't be built again: "
        + steps.map { "step \($0.ordinal) of \"\($0.recipe)\"" }.joined(separator: ", ")
        + " had the network"
    case .notRebuilt(let name, let reason, _):
      "\"\(name)\" could not be built again: \(reason)"
    }
  }

  package var hint: String? {
    switch self {
    case .recipeUnknown: "build it by its recipe: `hutch build RECIPE`"
    case .recipeGone: "put it back where it was, or build the image from where it is now"
    case .lockGone(let image, _):
      "put it back where it was; without it nobody knows what went into \"\(image)\""
    case .imageIsOlder(_, let recipe, _):
      "`hutch build --explain \(recipe)` says more, `hutch build \(recipe)` brings it up to date"
    case .impure: "what a step takes from the network is fixed nowhere; take `network = true` out"
    case .notRebuilt: nil
    }
  }

  package var path: String? {
    switch self {
    case .recipeGone(_, let path), .lockGone(_, let path), .imageIsOlder(_, let path, _): path
    case .recipeUnknown, .impure, .notRebuilt: nil
    }
  }
}
