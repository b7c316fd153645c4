package import Vocabulary

/// Every outside input of a chain of recipes, with its digest. Names no host: an input may come
/// from any mirror that still has it.
package struct Lock: Sendable, Equatable {
  package let architecture: Architecture
  /// The chain's recipes, root first, the leaf last.
  package let recipes: [LockedRecipe]
  /// The archives that the packages were resolved against, in the order in which apt saw them.
  package let archives: [LockedArchive]
  /// The steps that have inputs, in the order in which they run.
  package let steps: [LockedStep]
  /// The layers of the steps that have the network, in the order in which they run.
  package let pins: [LockedPin]
  /// The packages that the boot bundle's kernel and modules come from, if they are locked.
  package let kernel: LockedKernel?

  package init(
    architecture: Architecture, recipes: [LockedRecipe], archives: [LockedArchive],
    steps: [LockedStep], pins: [LockedPin] = [], kernel: LockedKernel? = nil
  ) {
    self.architecture = architecture
    self.recipes = recipes
    self.archives = archives
    self.steps = steps
    self.pins = pins
    self.kernel = kernel
  }

  /// The same inputs, of recipes that are written otherwise.
  package func with(_ recipes: [LockedRecipe]) -> Lock {
    Lock(
      architecture: architecture, recipes: recipes, archives: archives, steps: steps, pins: pins,
      kernel: kernel)
  }

  /// What `format` must say.
  package static let format: Int64 = 1
  /// A lock has at most so many bytes: some 40,000 packages.
  package static let textLimit = 16 << 20

  /// The parent recipe of that name as it was when the lock was made, for
  /// `RecipeChain.resolve(_:find:)`: with it a build reads no recipe but its own.
  package func lookup(_ name: String) -> RecipeLookup {
    guard let text = recipes.first(where: { $0.name == name })?.text else {
      return .missing(searched: ["the lock"])
    }
    return .found(text: text, path: "\(name).toml (in the lock)")
  }
}

package struct LockedRecipe: Sendable, Equatable {
  package let name: String
  /// Of its text.
  package let digest: Digest
  /// `nil` for the leaf, if it lies beside the lock.
  package let text: String?

  package init(name: String, digest: Digest, text: String?) {
    self.name = name
    self.digest = digest
    self.text = text
  }

  /// The recipes of a chain as its lock holds them.
  ///
  /// - Parameter isBorrowed: the leaf lies elsewhere.
  package static func all(
    of chain: RecipeChain, isBorrowed: Bool = false
  ) -> [LockedRecipe] {
    chain.recipes.enumerated().map { index, recipe in
      LockedRecipe(
        name: recipe.name, digest: recipe.digest,
        text: index == chain.recipes.count - 1 && !isBorrowed ? nil : recipe.text)
    }
  }
}

/// One signed list of packages. A record of where versions came from; no step's key holds it, since
/// it changes every day.
package struct LockedArchive: Sendable, Equatable {
  package let suite: String
  package let components: [String]
  /// `Date` of the Release file.
  package let date: SourceDate
  /// Of the InRelease file.
  package let inRelease: Digest
  /// Fingerprints of the keys that signed it, upper-case hex, sorted.
  package let signers: [String]

  package init(
    suite: String, components: [String], date: SourceDate, inRelease: Digest, signers: [String]
  ) {
    self.suite = suite
    self.components = components
    self.date = date
    self.inRelease = inRelease
    self.signers = signers.sorted()
  }
}

/// The inputs of one step.
package struct LockedStep: Sendable, Equatable {
  package let id: StepID
  /// What was resolved. While it stays the same, so do the inputs.
  package let ask: StepAsk
  /// The newest date among the inputs. The step's date is this or its parents', if that is newer.
  /// `nil` for inputs that have no date of their own.
  package let date: SourceDate?
  /// Of `bootstrap` and `apt`: sorted by name and architecture, each pair once.
  package let packages: [LockedPackage]
  /// Of the other kinds: sorted by name, each once.
  package let files: [LockedFile]
  /// What an image sets for what runs in it; empty for all other kinds.
  package let environment: [String: String]

  package init(
    id: StepID, ask: StepAsk, date: SourceDate? = nil, packages: [LockedPackage] = [],
    files: [LockedFile] = [], environment: [String: String] = [:]
  ) {
    self.id = id
    self.ask = ask
    self.date = date
    self.packages = packages.sorted()
    self.files = files.sorted()
    self.environment = environment
  }
}

package struct LockedKernel: Sendable, Equatable {
  package let date: SourceDate
  /// Sorted by name and architecture, each pair once.
  package let packages: [LockedPackage]

  package init(date: SourceDate, packages: [LockedPackage]) {
    self.date = date
    self.packages = packages.sorted()
  }
}

/// One Debian package file.
package struct LockedPackage: Sendable, Hashable, Comparable, CustomStringConvertible {
  package let name: String
  package let version: String
  /// As in the package's control file: `amd64`, `arm64` or `all`.
  package let architecture: String
  /// `Filename` of the archive's index: relative to the archive's root, `pool/main/…`.
  package let path: String
  package let size: ByteCount
  package let digest: Digest

  package init(
    name: String, version: String, architecture: String, path: String, size: ByteCount,
    digest: Digest
  ) {
    self.name = name
    self.version = version
    self.architecture = architecture
    self.path = path
    self.size = size
    self.digest = digest
  }

  package static func < (left: LockedPackage, right: LockedPackage) -> Bool {
    (left.name, left.architecture, left.version) < (right.name, right.architecture, right.version)
  }

  package var description: String { "\(name) \(version) \(architecture)" }
}

/// One file that is no Debian package.
package struct LockedFile: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// As it is called where it comes from.
  package let name: String
  package let size: ByteCount
  package let digest: Digest
  /// What else an `npm` step has to know of it; all files of such a step have this, no others.
  package let npm: LockedNpm?
  /// What it is in an image; all files of an `oci` step have this, no others.
  package let blob: LockedBlob?

  package init(
    name: String, size: ByteCount, digest: Digest, npm: LockedNpm? = nil, blob: LockedBlob? = nil
  ) {
    self.blob = blob
    self.name = name
    self.size = size
    self.digest = digest
    self.npm = npm
  }

  package static func < (left: LockedFile, right: LockedFile) -> Bool {
    (left.name, left.digest) < (right.name, right.digest)
  }

  package var description: String { name }
}

/// Which package of a registry a tarball is.
package struct LockedNpm: Sendable, Hashable {
  package let package: String
  package let version: String
  /// Whether the recipe asks for it; else it came with another.
  package let isAsked: Bool
  /// What registries know the tarball by.
  package let integrity: Integrity

  package init(package: String, version: String, isAsked: Bool, integrity: Integrity) {
    self.package = package
    self.version = version
    self.isAsked = isAsked
    self.integrity = integrity
  }
}

/// Which part of an image a file is.
package struct LockedBlob: Sendable, Hashable {
  package let mediaType: String
  /// Of a layer: what the image says its uncompressed tar has.
  package let diff: Digest?

  package init(mediaType: String, diff: Digest? = nil) {
    self.mediaType = mediaType
    self.diff = diff
  }
}

/// What a step asks the outside for, without how it is written: the same ask has the same inputs.
package struct StepAsk: Sendable, Hashable {
  /// `bootstrap`, `oci`, or the step's key in its recipe.
  package let kind: String
  /// The suite, the packages, or the digest of the file; sorted.
  package let names: [String]
  /// `option=value`, sorted, those that change what is resolved.
  package let options: [String]

  package init(kind: String, names: [String], options: [String]) {
    self.kind = kind
    self.names = names.sorted()
    self.options = options.sorted()
  }

  /// `nil` for a step that needs nothing from outside.
  package init?(_ action: ChainAction) {
    switch action {
    case .bootstrap(let suite):
      self.init(kind: action.kind, names: [suite], options: [])
    case .image(let reference):
      self.init(kind: action.kind, names: [reference.identity.hex], options: [])
    case .apt(let request):
      self.init(
        kind: action.kind, names: request.packages,
        options: ["recommends=\(request.recommends)", "upgrade=\(request.upgrade)"])
    case .fetch(let request):
      // Where it comes from and where it goes don't change what it is.
      self.init(kind: action.kind, names: [request.digest.hex], options: [])
    case .npm(let request):
      self.init(
        kind: action.kind, names: request.packages,
        options: ["prefix=\(request.prefix)", "upgrade=\(request.upgrade)"])
    case .pip(let request):
      self.init(
        kind: action.kind, names: request.packages,
        options: ["upgrade=\(request.upgrade)", "venv=\(request.venv)"])
    case .copy, .run:
      return nil
    }
  }

  /// The kinds whose inputs are Debian packages.
  package static let packageKinds = ["bootstrap", "apt"]
  /// The kinds whose inputs are files of their own.
  package static let fileKinds = ["oci", "fetch", "npm", "pip"]

  /// Those of them whose files the image's own tools bring.
  package static let toolKinds = ["npm", "pip"]

  package var takesPackages: Bool { Self.packageKinds.contains(kind) }

  /// Of the ask's one spelling.
  package var digest: Digest {
    Digest.of(([kind] + options + names).map { $0 + "\n" }.joined())
  }
}
