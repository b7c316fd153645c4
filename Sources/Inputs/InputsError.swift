package import Host
package import Recipes
package import Vocabulary

/// What can go wrong while inputs are resolved and fetched.
package enum InputsError: Failure {
  case host(HostError)
  /// The host's apt knows no mirror of Debian.
  case noDebianMirror
  case missingKeyring
  /// Paths with such characters can't be written into apt's configuration.
  case unusablePath(String)
  case listsNotUpdated(suite: String, said: String)
  case badSignature(file: String, said: String)
  case unusablePackageName(String)
  case unknownPackage(String, near: [String])
  case unsolvable(packages: [String], said: String)
  /// A package of the parents would have to change.
  case wouldUpgrade(package: String, from: String, to: String)
  /// Packages of one lock don't go together.
  case wouldBreak(said: String)
  case unreadableToolOutput(tool: String, what: String)
  /// The signed lists and apt's answer don't agree about a package.
  case listsDisagree(package: String)
  case notFetched(package: String, path: String, digest: Digest, said: String)
  case addressNotFetched(url: String, said: String)
  /// What lies at an address is not what the recipe wants.
  case wrongFile(url: String, expected: Digest, found: Digest, size: ByteCount)
  /// A name that no input of ours has.
  case unusableFile(String)
  /// The image lacks the program that a step needs.
  case toolMissing(name: String, package: String)
  /// There is no wheel of it for the image's Python.
  case onlySource(package: String)
  /// `keeps`: what the parents have stands against it.
  case unresolved(kind: String, packages: [String], said: String, keeps: Bool)
  /// A package needs something that no registry has.
  case notInRegistry(package: String, wants: String)
  /// What a registry sends is not what it says of itself.
  case badIntegrity(said: String)
  case filesNotFetched(files: [String], said: String)
  /// The image's own tool found something else than what is locked.
  case filesDiffer(files: [String], said: String)
  case damagedPackage(path: String, what: String)
  case sameFileName(String)
  /// There is nothing at the place that a recipe names.
  case noImage(OCIReference, reason: String)
  /// What is there can't be the base of an image.
  case badImage(OCIReference, reason: String)
  case imageNotFetched(OCIReference, said: String)
  /// A blob has other bytes than its digest says.
  case blobDiffers(OCIReference, file: String, digest: Digest)
  /// An `apt` step on an image that has no apt of Debian's.
  case notDebian(reason: String)

  package var kind: FailureKind {
    switch self {
    case .host(let error): error.kind
    case .noDebianMirror, .missingKeyring: .missingHostTool
    case .listsNotUpdated, .notFetched, .addressNotFetched, .filesNotFetched, .imageNotFetched:
      .fetchFailed
    case .noImage: .notFound
    case .badSignature, .listsDisagree, .wrongFile, .filesDiffer, .badIntegrity, .blobDiffers:
      .verificationDiffers
    case .toolMissing, .onlySource, .unresolved, .notInRegistry, .unusablePath,
      .unusablePackageName,
      .unknownPackage, .unsolvable, .wouldUpgrade, .wouldBreak, .badImage, .notDebian:
      .badInput
    case .damagedPackage: .storeDamaged
    case .unreadableToolOutput, .sameFileName, .unusableFile: .failed
    }
  }

  package var message: String {
    switch self {
    case .host(let error): error.message
    case .noDebianMirror: "apt on this machine is not configured with a mirror of Debian"
    case .missingKeyring: "the keys that Debian signs with are not on this machine"
    case .unusablePath(let path): "apt can't work in \"\(path)\": its name holds a quote"
    case .listsNotUpdated(let suite, let said):
      "the package lists of \"\(suite)\" could not be fetched: \(said)"
    case .badSignature(let file, let said):
      "\"\(file)\" is not signed by a key of Debian: \(said)"
    case .unusablePackageName(let name): "\"\(name)\" is not the name of a Debian package"
    case .unknownPackage(let name, _): "there is no package \"\(name)\""
    case .unsolvable(let packages, let said):
      "\"\(packages.joined(separator: " "))\" can't be installed: \(said)"
    case .wouldUpgrade(let package, let from, let to):
      "the step needs \"\(package)\" \(to), but its parents hold \(from)"
    case .wouldBreak(let said): "the packages would not go together: \(said)"
    case .unreadableToolOutput(let tool, let what): "\"\(tool)\" did not say \(what)"
    case .listsDisagree(let package):
      "the signed lists of packages say something else about \"\(package)\" than apt"
    case .notFetched(let package, let path, _, let said):
      "no source has \"\(package)\" (\(path)) any more: \(said)"
    case .addressNotFetched(let url, let said): "\"\(url)\" could not be fetched: \(said)"
    case .wrongFile(let url, let expected, let found, let size):
      expected == found
        ? "what lies at \"\(url)\" has \(size), which is not what the lock says"
        : "what lies at \"\(url)\" has the sha256 \(found.hex) (\(size)), not \(expected.hex)"
    case .unusableFile(let name): "\"\(name)\" is not the name of a file that can be locked"
    case .toolMissing(let name, _): "there is no \"\(name)\" in the image at this step"
    case .onlySource(let package):
      "there are only source distributions of \"\(package)\", and no wheel for the image's Python"
    case .unresolved(let kind, let packages, let said, _):
      "\(kind) can't resolve \"\(packages.joined(separator: " "))\": \(said)"
    case .notInRegistry(let package, let wants):
      "\"\(package)\" needs \"\(wants)\", which is not a version in a registry"
    case .badIntegrity(let said): "what the registry sent is not what it says of itself: \(said)"
    case .filesNotFetched(let files, let said):
      "no source has \"\(files.joined(separator: " "))\" any more: \(said)"
    case .filesDiffer(let files, let said):
      "\"\(files.joined(separator: " "))\" is not what was locked: \(said)"
    case .damagedPackage(let path, let what):
      "\"\(path)\" is not a whole Debian package: \(what)"
    case .sameFileName(let name):
      "two different packages have the file name \"\(name)\""
    case .noImage(let reference, let reason): "there is no image \"oci:\(reference)\": \(reason)"
    case .badImage(let reference, let reason):
      "the image \"oci:\(reference)\" can't be used: \(reason)"
    case .imageNotFetched(let reference, let said):
      "the image \"oci:\(reference)\" could not be fetched: \(said)"
    case .blobDiffers(let reference, let file, let digest):
      "\"\(file)\" of the image \"oci:\(reference)\" is not the blob \(digest)"
    case .notDebian(let reason):
      "the image that the step stands on is no Debian with apt: \(reason)"
    }
  }

  package var hint: String? {
    switch self {
    case .host(let error): error.hint
    case .noDebianMirror: "add one to /etc/apt/sources.list.d"
    case .missingKeyring:
      "install Debian's package \"debian-archive-keyring\", or run `make setup`"
    case .listsNotUpdated: "look at what `apt-get update` says"
    case .unknownPackage(_, let near) where !near.isEmpty:
      "did you mean " + near.map { "\"\($0)\"" }.joined(separator: " or ") + "?"
    case .wouldUpgrade:
      "update the parent with `hutch update`, or set `upgrade = true` in the step"
    case .wouldBreak: "name those packages, too, or none to update all"
    case .notFetched: "`hutch update` locks versions that can be fetched"
    case .toolMissing(_, let package): "put an apt step with \"\(package)\" before it"
    case .onlySource: "build a wheel of it, and name its directory in pip's `find-links`"
    case .unresolved(_, _, _, let keeps) where keeps:
      "the parents' packages are kept; set `upgrade = true` in the step to replace them"
    case .badIntegrity: "look at the registry, or at what stands between it and this machine"
    case .notDebian: "install what is needed in a `run` step, or begin with \"debian:SUITE\""
    case .filesNotFetched: "`hutch update` locks versions that can be fetched"
    case .wrongFile: "find out why it changed before you write the new digest into the recipe"
    case .damagedPackage: "look at the store with `hutch verify --repair`"
    default: nil
    }
  }

  package var path: String? {
    switch self {
    case .host(let error): error.path
    case .badSignature(let path, _), .damagedPackage(let path, _), .unusablePath(let path): path
    default: nil
    }
  }
}

/// Runs `body`, with the machine's errors as ours.
func onHost<Result: ~Copyable>(
  _ body: () throws(HostError) -> Result
) throws(InputsError) -> Result {
  do {
    return try body()
  } catch {
    throw .host(error)
  }
}
