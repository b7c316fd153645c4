package import Recipes
package import Vocabulary

/// What only the whole can say: which verb met which other thing in its way.
package enum PipelineError: Failure {
  /// Something went wrong with this step of a recipe.
  case step(StepID, any Failure)
  case storeOfAnotherUser(path: String, uid: UInt32)
  case noSuchImage(String)
  case noSuchImageOrLayer(String)
  case noSuchRecipe(name: String, lookedIn: [String])
  case noSuchVM(String)
  case vmExists(String)
  case storeInUse(purpose: String, pid: Int32)
  case badVMName(String)
  case vmIsRunning(String)
  case vmIsNotRunning(String)
  case lockIsStale(recipe: String, reasons: [String])
  case noRoom(needed: ByteCount, free: ByteCount, path: String)
  case guestProgramMissing(path: String)
  case guestProgramChanged(path: String)
  case noKernel(String)
  case holdsWork(String)
  case noWork(String)
  case badVariable(String)
  case badDirectory(String)
  case overlayMissing(String)
  case unsafeRuntimeDirectory(path: String)
  case notStarted(name: String, reason: String)
  case workspaceNotADirectory(String)
  case workspaceTransfer(what: String, reason: String)
  case workNotFetched(String)
  case notBuilt(String)
  case damagedConfiguration(ImageID)
  /// No build of this store gave the image its name.
  case recipeUnknown(image: String)
  case recipeGone(image: String, path: String)
  case lockGone(image: String, path: String)
  /// Recipe, lock or copied files have changed since it was built.
  case imageIsOlder(image: String, recipe: String, reason: String)
  case impure(image: String, steps: [StepID])
  /// The build of the same in another place failed.
  case notRebuilt(String, reason: String, kind: FailureKind)

  package var kind: FailureKind {
    switch self {
    case .step(_, let error): error.kind
    case .recipeUnknown, .recipeGone, .lockGone, .noSuchImage, .noSuchImageOrLayer, .noSuchRecipe,
      .noSuchVM, .notBuilt, .noKernel:
      .notFound
    case .vmExists, .vmIsRunning, .vmIsNotRunning, .workNotFetched, .storeInUse, .holdsWork,
      .noWork:
      .inUse
    case .imageIsOlder, .impure, .lockIsStale, .badVMName, .workspaceNotADirectory, .badVariable,
      .badDirectory:
      .badInput
    case .noRoom: .noSpace
    case .notRebuilt(_, _, let kind): kind
    case .guestProgramMissing, .storeOfAnotherUser: .missingHostTool
    case .guestProgramChanged, .notStarted, .workspaceTransfer,
      .unsafeRuntimeDirectory:
      .failed
    case .damagedConfiguration, .overlayMissing: .storeDamaged
    }
  }

  package var message: String {
    switch self {
    case .step(let step, let error):
      "step \(step.ordinal) of \"\(step.recipe)\": \(error.message)"
    case .storeOfAnotherUser(let path, let uid):
      "the store \"\(path)\" belongs to another user (uid \(uid))"
    case .noSuchImage(let name): "there is no image and no recipe \"\(name)\""
    case .noSuchImageOrLayer(let name): "there is no image and no layer \"\(name)\""
    case .noSuchRecipe(let name, let places):
      "there is no recipe \"\(name)\"; looked in \(places.joined(separator: ", "))"
    case .noSuchVM(let name): "there is no VM \"\(name)\""
    case .storeInUse(let purpose, let pid):
      "the store is in use by \"\(purpose)\" (process \(pid))"
    case .vmExists(let name): "there is a VM \"\(name)\" already"
    case .badVMName(let name):
      "\"\(name)\" is no name for a VM: small letters, digits and dashes, 63 at most, no dash first"
    case .vmIsRunning(let name): "the VM \"\(name)\" is running"
    case .vmIsNotRunning(let name): "the VM \"\(name)\" is not running"
    case .lockIsStale(let recipe, let reasons):
      "the lock of \"\(recipe)\" does not fit it: \(reasons.joined(separator: "; "))"
    case .noRoom(let needed, let free, let path):
      "about \(needed) are needed and \(free) are free on the file system of \"\(path)\""
    case .guestProgramMissing(let path):
      "the program that runs inside VMs is not there: \"\(path)\""
    case .guestProgramChanged(let path): "\"\(path)\" changed while it was read"
    case .noKernel(let name): "the store has no kernel for VMs of the image \"\(name)\""
    case .holdsWork(let name): "the VM \"\(name)\" holds work that nobody has taken or discarded"
    case .noWork(let name): "the VM \"\(name)\" holds no work"
    case .badVariable(let text):
      "\"\(text)\" is no variable: NAME=VALUE, or NAME for the value here"
    case .badDirectory(let text): "\"\(text)\" is not an absolute path in the VM"
    case .overlayMissing(let name): "the disk of the VM \"\(name)\" is gone"
    case .unsafeRuntimeDirectory(let path):
      "\"\(path)\" is not a directory of yours alone, so sockets can't be kept there"
    case .notStarted(let name, let reason): "the VM \"\(name)\" did not start: \(reason)"
    case .workspaceNotADirectory(let path): "the workspace \"\(path)\" is not a directory"
    case .workspaceTransfer(let what, let reason):
      "the workspace could not be \(what) the VM: \(reason)"
    case .workNotFetched(let name):
      "the changes of the VM \"\(name)\" are still in it: they could not be fetched"
    case .notBuilt(let name): "the image \"\(name)\" is not built, and --no-build was given"
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
    case .damagedConfiguration(let image): "the configuration of image \(image) is damaged"
    }
  }

  package var hint: String? {
    switch self {
    case .step(_, let error): error.hint
    case .storeOfAnotherUser: "choose a store of your own with --store or HUTCH_STORE"
    case .noSuchImage: "`hutch images` lists images; recipes are named by their file name or path"
    case .noSuchImageOrLayer: "`hutch images` and `hutch layers` list them"
    case .noSuchVM, .vmIsNotRunning: "`hutch vms` lists them"
    case .vmExists: "choose another name, or remove it with `hutch rm`"
    case .vmIsRunning(let name): "`hutch stop \(name)` first"
    case .lockIsStale: "build without --locked to complete the lock"
    case .noRoom: "make room, for example with `hutch gc --now`"
    case .guestProgramMissing: "run `make build`, or `make install`, which puts it in place"
    case .workNotFetched(let name):
      "`hutch start \(name)`, then look at /workspace with `hutch exec \(name)`"
    case .notBuilt(let name), .noKernel(let name): "`hutch build \(name)`"
    case .holdsWork(let name):
      "`hutch sync \(name)` shows it; remove the VM all the same with `hutch rm --force \(name)`"
    case .recipeUnknown: "build it by its recipe: `hutch build RECIPE`"
    case .recipeGone: "put it back where it was, or build the image from where it is now"
    case .lockGone(let image, _):
      "put it back where it was; without it nobody knows what went into \"\(image)\""
    case .imageIsOlder(_, let recipe, _):
      "`hutch build --explain \(recipe)` says more, `hutch build \(recipe)` brings it up to date"
    case .impure: "what a step takes from the network is fixed nowhere; take `network = true` out"
    case .guestProgramChanged: "try again"
    case .overlayMissing(let name): "remove what is left with `hutch rm --force \(name)`"
    case .unsafeRuntimeDirectory: "set XDG_RUNTIME_DIR to a directory of your own"
    default: nil
    }
  }

  package var path: String? {
    switch self {
    case .step(_, let error): error.path
    case .storeOfAnotherUser(let path, _), .guestProgramMissing(let path),
      .recipeGone(_, let path), .lockGone(_, let path), .imageIsOlder(_, let path, _),
      .workspaceNotADirectory(let path):
      path
    default: nil
    }
  }
}
