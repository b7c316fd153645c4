package import Recipes
package import Vocabulary

/// What only the whole can say: which verb met which other thing in its way.
package enum PipelineError: Failure {
  /// Something went wrong with this step of a recipe.
  case step(StepID, any Failure)
  case storeOfAnotherUser(path: String, uid: UInt32)
  case noSuchImage(String)
  case noSuchImageOrLayer(String)
  /// An image was named, and nothing to compare it with.
  case nothingToCompare(String)
  case noSuchRecipe(name: String, lookedIn: [String])
  case noSuchVM(String)
  case vmExists(String)
  case storeInUse(purpose: String, pid: Int32)
  case badVMName(String)
  case vmIsRunning(String)
  case vmIsNotRunning(String)
  case vmIsPaused(String)
  case vmIsMade(String)
  case lockIsStale(recipe: String, reasons: [String])
  case noRoom(needed: ByteCount, free: ByteCount, collectable: ByteCount, path: String)
  case guestProgramMissing(path: String)
  case guestProgramChanged(path: String)
  case noKernel(String)
  case holdsWork(String)
  case noWork(String)
  case badVariable(String)
  case badDirectory(String)
  case badSecret(reason: String)
  case secretsMissing(StepID, names: [String], command: String)
  /// A step with network made another layer than the lock says.
  case notPinned(StepID, pinned: DiffID, made: DiffID)
  case overlayMissing(String)
  /// A file of the disk that a VM stands on.
  case diskMissing(path: String)
  case unsafeRuntimeDirectory(path: String)
  case notStarted(name: String, reason: String)
  case workspaceNotADirectory(String)
  case workspaceTransfer(what: String, reason: String)
  case workNotFetched(String)
  case notCopied(String, to: String, reason: String)
  case wouldReplace(String)
  case noSecureShell(String)
  case noCheck(String)
  case noLock(String, path: String)
  case noProject
  case noSuchPath(String, image: String)
  case notInLock(String, recipes: [String], near: [String])
  case notBuilt(String)
  case notATool(String)
  case noSuchAgent(String)
  case keepsNoLogIn(String)
  case oneFileOfTwo(String, String, String)
  case notLoggedIn(String, status: Int32)
  case noLogIn(String)
  case toolLeavesHome(String, paths: [String], count: Int)
  case toolMissing(String, of: String)
  case tooManyTools(Int)
  case damagedConfiguration(ImageID)
  case fileExists(String)
  case recipeExists(String)
  case notABundle(String)
  case notPinnable(String)
  case belowFloor(floor: ByteCount, free: ByteCount, collectable: ByteCount, path: String)

  package var kind: FailureKind {
    switch self {
    case .step(_, let error): error.kind
    case .noSuchImage, .noSuchImageOrLayer, .noSuchRecipe, .noSuchVM, .notBuilt, .noKernel,
      .toolMissing, .noLogIn, .noLock, .noProject, .noSuchPath, .notInLock:
      .notFound
    case .vmExists, .vmIsRunning, .vmIsNotRunning, .vmIsPaused, .vmIsMade, .workNotFetched,
      .storeInUse,
      .holdsWork,
      .noWork, .fileExists, .recipeExists, .wouldReplace:
      .inUse
    case .lockIsStale, .badVMName, .workspaceNotADirectory, .badVariable,
      .badDirectory, .notABundle, .badSecret, .secretsMissing,
      .noSuchAgent, .keepsNoLogIn, .oneFileOfTwo,
      .notPinnable, .noCheck, .notATool, .toolLeavesHome, .tooManyTools:
      .badInput
    case .nothingToCompare: .usage
    case .noRoom, .belowFloor: .noSpace
    case .notPinned: .verificationDiffers
    case .guestProgramMissing, .storeOfAnotherUser: .missingHostTool
    case .guestProgramChanged, .notStarted, .workspaceTransfer, .notCopied, .noSecureShell,
      .unsafeRuntimeDirectory, .notLoggedIn:
      .failed
    case .damagedConfiguration, .overlayMissing, .diskMissing: .storeDamaged
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
    case .nothingToCompare(let name):
      "\"\(name)\" is an image: only a VM is compared with what it was made from"
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
    case .vmIsPaused(let name): "the VM \"\(name)\" is paused"
    case .vmIsMade(let name):
      "the VM \"\(name)\" is there: its processors, memory and disk stay as they were made"
    case .lockIsStale(let recipe, let reasons):
      "the lock of \"\(recipe)\" does not fit it: \(reasons.joined(separator: "; "))"
    case .noRoom(let needed, let free, _, let path):
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
    case .badSecret(let reason): "a value of --secret can't be used: \(reason)"
    case .secretsMissing(let step, let names, _):
      "step \(step.ordinal) of \"\(step.recipe)\" needs "
        + (names.count == 1 ? "the secret " : "the secrets ")
        + names.map { "\"\($0)\"" }.joined(separator: ", ")
    case .notPinned(let step, let pinned, let made):
      "step \(step.ordinal) of \"\(step.recipe)\" has the network and made the layer \(made), "
        + "but the lock pins \(pinned)"
    case .overlayMissing(let name): "the disk of the VM \"\(name)\" is gone"
    case .diskMissing(let path): "\"\(path)\" is gone, which VMs stand on"
    case .unsafeRuntimeDirectory(let path):
      "\"\(path)\" is not a directory of yours alone, so sockets can't be kept there"
    case .notStarted(let name, let reason): "the VM \"\(name)\" did not start: \(reason)"
    case .workspaceNotADirectory(let path): "the workspace \"\(path)\" is not a directory"
    case .workspaceTransfer(let what, let reason):
      "the workspace could not be \(what) the VM: \(reason)"
    case .workNotFetched(let name):
      "the changes of the VM \"\(name)\" are still in it: they could not be fetched"
    case .notCopied(let source, let target, let reason):
      "\"\(source)\" could not be copied to \"\(target)\": \(reason)"
    case .noSecureShell(let name): "the VM \"\(name)\" has no OpenSSH server"
    case .noLock(let name, let path): "the recipe \"\(name)\" has no lock \"\(path)\""
    case .noProject: "there is no project's recipe (hutch.toml) in this directory"
    case .noSuchPath(let path, let image): "there is no \"\(path)\" in the image \"\(image)\""
    case .notInLock(let name, let recipes, _):
      "no lock of " + recipes.map { "\"\($0)\"" }.joined(separator: ", ")
        + " holds anything called \"\(name)\""
    case .noCheck(let name): "the recipe \"\(name)\" has no `check`"
    case .wouldReplace(let path):
      "\"\(path)\" is in the way: a directory is neither replaced nor merged"
    case .notBuilt(let name): "the image \"\(name)\" is not built, and --no-build was given"
    case .notATool(let name): "\"\(name)\" is not a tool"
    case .noSuchAgent(let name): "the VM has no agent \"\(name)\""
    case .keepsNoLogIn(let name): "\"\(name)\" keeps no log-in in files"
    case .oneFileOfTwo(let file, let first, let second):
      "\"\(file)\" would be of the log-ins of both \"\(first)\" and \"\(second)\""
    case .notLoggedIn(let name, let status):
      "\"\(name)\" left no log-in"
        + (status == 0 ? "" : ", and its command ended with status \(status)")
    case .noLogIn(let name): "there is no log-in of \"\(name)\""
    case .toolLeavesHome(let name, let paths, let count):
      "the tool \"\(name)\" may hold files below /opt/\(name) and links to them in "
        + "/usr/local/bin only, not " + paths.joined(separator: ", ")
        + (count > paths.count ? " and \(count - paths.count) more" : "")
    case .toolMissing(let tool, let image):
      "the tool \"\(tool)\" of the image \"\(image)\" is not in the store any more"
    case .tooManyTools(let count):
      "\(count) tools are more than the \(RecipeParser.toolLimit) that a VM can have"
    case .fileExists(let path), .recipeExists(let path): "\"\(path)\" exists already"
    case .notABundle(let path): "\"\(path)\" is not a whole bundle of inputs"
    case .notPinnable(let name): "the VM \"\(name)\" can't be pinned"
    case .belowFloor(let floor, let free, _, let path):
      "\(free) are free on the file system of \"\(path)\", and \(floor) are to stay free"
    case .damagedConfiguration(let image): "the configuration of image \(image) is damaged"
    }
  }

  package var hint: String? {
    switch self {
    case .step(_, let error): error.hint
    case .storeOfAnotherUser: "choose a store of your own with --store or HUTCH_STORE"
    case .noSuchImage: "`hutch images` lists images; recipes are named by their file name or path"
    case .noSuchImageOrLayer: "`hutch images` and `hutch layers` list them"
    case .nothingToCompare(let name): "name another image: `hutch diff \(name) IMAGE`"
    case .noSuchVM, .vmIsNotRunning: "`hutch vms` lists them"
    case .vmExists: "choose another name, or remove it with `hutch rm`"
    case .vmIsRunning(let name): "`hutch stop \(name)` first"
    case .vmIsMade: "make another one with `hutch clone IMAGE`"
    case .vmIsPaused(let name): "`hutch resume \(name)` first"
    case .lockIsStale: "build without --locked to complete the lock"
    case .noRoom(let needed, _, let collectable, _):
      Self.hint(forFree: needed, collectable)
    case .guestProgramMissing: "run `make build`, or `make install`, which puts it in place"
    case .workNotFetched(let name):
      "`hutch start \(name)`, then look at /workspace with `hutch exec \(name)`"
    case .notBuilt(let name), .noKernel(let name), .toolMissing(_, let name):
      "`hutch build \(name)`"
    case .notATool: "its recipe needs `tool = true`; an image is begun with by `from`"
    case .noSuchAgent(let name): "--with \(name) gives it one"
    case .keepsNoLogIn: "pass it a key, as with --env OPENAI_API_KEY"
    case .noLogIn: "`hutch login` makes one"
    case .toolLeavesHome: "let its steps put everything below its own directory"
    case .holdsWork(let name):
      "`hutch sync \(name)` shows it; remove the VM all the same with `hutch rm --force \(name)`"
    case .guestProgramChanged: "try again"
    case .noSecureShell: "add the package \"openssh-server\" to its recipe"
    case .noLock: "`hutch lock` or `hutch build` makes it"
    case .noProject: "name a recipe with -r"
    case .notInLock(_, _, let near) where !near.isEmpty:
      "did you mean " + near.map { "\"\($0)\"" }.joined(separator: " or ") + "?"
    case .noCheck: "give it a shell script that shows that the image does what it is for"
    case .wouldReplace: "name another target, or remove it"
    case .recipeExists: "edit it, or replace it with --force"
    case .fileExists: "give another name with --output, or remove it"
    case .notPinnable: "VMs stay until they are removed"
    case .belowFloor(let floor, _, let collectable, _): Self.hint(forFree: floor, collectable)
    case .notABundle: "make one with `hutch export --inputs`"
    case .secretsMissing(_, let names, let command):
      "`hutch \(command) " + names.map { "--secret \($0)=FILE" }.joined(separator: " ") + "`"
    case .notPinned:
      "what it takes from the network is not what it was; if you want it as it is now, "
        + "build with --repin"
    case .overlayMissing(let name): "remove what is left with `hutch rm --force \(name)`"
    case .diskMissing: "`hutch verify --repair` makes it again, if its layers are still there"
    case .unsafeRuntimeDirectory: "set XDG_RUNTIME_DIR to a directory of your own"
    default: nil
    }
  }

  package var path: String? {
    switch self {
    case .step(_, let error): error.path
    case .storeOfAnotherUser(let path, _), .guestProgramMissing(let path),
      .workspaceNotADirectory(let path), .fileExists(let path), .recipeExists(let path),
      .notABundle(let path):
      path
    default: nil
    }
  }

  private static func hint(forFree wanted: ByteCount, _ collectable: ByteCount) -> String {
    if collectable == .zero { return "remove VMs or tags, then run `hutch gc --now`" }
    return "`hutch gc --min-free \(wanted.asArgument)` can free up to \(collectable)"
  }
}
