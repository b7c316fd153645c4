package import Host
package import Vocabulary

/// What can go wrong with the catalog.
package enum CatalogError: Failure {
  /// The schema is of a version that this program does not know.
  case newerStore(path: String, found: Int, known: Int)
  /// A file stands where the catalog should be, and it is not one.
  case notCatalog(path: String)
  case foreignStore(path: String, owner: UInt32)
  /// SQLite found its own structure broken.
  case damaged(path: String, detail: String)
  /// Another process held the write lock for longer than we wait.
  case busy(path: String)
  case noSpace(path: String)
  /// SQLite refused: what is deleted is needed by something.
  case stillNeeded(subject: String)
  case database(path: String, code: Int32, detail: String)
  case host(HostError)

  case unknownObject(ObjectKey)
  case notReady(ObjectKey, ObjectState)
  /// Publishing without having begun, or after somebody else took over.
  case notWriting(ObjectKey)
  /// Two objects claim the same file.
  case pathTaken(path: String, by: ObjectKey)
  /// Not a plain path below the store.
  case badPath(String)
  case leaseEnded(purpose: String)

  case unknownImage(String)
  case ambiguousImage(String, [ImageID])
  case ambiguousLayer(String, [DiffID])
  case unknownReference(String)
  case unknownKind(String)
  case ambiguousReference(String, [ObjectKey])
  case unknownTag(String)
  case badTag(String)
  case unknownVM(String)
  case nameTaken(String)
  case badName(String)
  /// The VM is running, or has a live supervisor.
  case virtualMachineInUse(String)

  package var kind: FailureKind {
    switch self {
    case .newerStore, .notCatalog, .damaged: .storeDamaged
    case .foreignStore: .missingHostTool
    case .busy, .stillNeeded, .pathTaken, .nameTaken, .virtualMachineInUse: .inUse
    case .noSpace: .noSpace
    case .database, .notReady, .notWriting, .badPath, .leaseEnded: .failed
    case .host(let error): error.kind
    case .unknownObject, .unknownImage, .unknownTag, .unknownVM, .unknownReference: .notFound
    case .ambiguousImage, .ambiguousLayer, .ambiguousReference, .badTag, .badName, .unknownKind:
      .usage
    }
  }

  package var message: String {
    switch self {
    case .newerStore(_, let found, let known):
      "the store was made by a newer version: its catalog is version \(found), known is \(known)"
    case .notCatalog(let path): "\"\(path)\" is not a catalog of a store"
    case .foreignStore(let path, let owner):
      "the store \"\(path)\" belongs to another user (uid \(owner))"
    case .damaged(let path, let detail): "the catalog \"\(path)\" is damaged: \(detail)"
    case .busy(let path): "the catalog \"\(path)\" is locked by another process"
    case .noSpace(let path): "no space left for the catalog \"\(path)\""
    case .stillNeeded(let subject): "\"\(subject)\" is still needed by something in the store"
    case .database(let path, let code, let detail):
      "the catalog \"\(path)\" can't do that: SQLite \(code), \(detail)"
    case .host(let error): error.message
    case .unknownObject(let key): "there is no \(key.kind.rawValue) \"\(key.id)\" in the store"
    case .notReady(let key, let state): "\(key) is not ready but \(state.rawValue)"
    case .notWriting(let key): "\(key) is not being written by this process"
    case .pathTaken(let path, let key): "\"\(path)\" already belongs to \(key)"
    case .badPath(let path): "\"\(path)\" is not a path below the store"
    case .leaseEnded(let purpose): "the lease for \"\(purpose)\" has ended"
    case .unknownImage(let name): "there is no image \"\(name)\""
    case .ambiguousImage(let prefix, let images):
      "\"\(prefix)\" could mean \(images.count) images: "
        + images.map(\.digest.short).joined(separator: ", ")
    case .ambiguousLayer(let prefix, let layers):
      "\"\(prefix)\" could mean \(layers.count) layers: "
        + layers.map(\.digest.short).joined(separator: ", ")
    case .unknownReference(let name): "there is nothing \"\(name)\" in the store"
    case .unknownKind(let name): "\"\(name)\" is no kind of thing in a store"
    case .ambiguousReference(let prefix, let keys):
      "\"\(prefix)\" could mean \(keys.count) things: "
        + keys.map { "\($0.kind.rawValue) \($0.id)" }.joined(separator: ", ")
    case .unknownTag(let name): "there is no tag \"\(name)\""
    case .badTag(let name): "\"\(name)\" is not a tag name"
    case .unknownVM(let name): "there is no VM \"\(name)\""
    case .nameTaken(let name): "a VM \"\(name)\" exists already"
    case .badName(let name): "\"\(name)\" is not a VM name"
    case .virtualMachineInUse(let name): "the VM \"\(name)\" is running"
    }
  }

  package var hint: String? {
    switch self {
    case .newerStore: "update hutch, or choose another store with --store"
    case .notCatalog: "choose another store with --store"
    case .foreignStore: "choose a store of your own with --store or HUTCH_STORE"
    case .damaged: "run: hutch reindex"
    case .busy: "try again when the other hutch commands have finished"
    case .noSpace: "run: hutch gc"
    case .host(let error): error.hint
    case .unknownImage, .unknownTag: "hutch images lists what there is"
    case .unknownReference: "a tag, a VM, or 8 or more digits as `hutch df --all` shows them"
    case .unknownKind:
      "one of vm, " + ObjectKind.allCases.map(\.rawValue).joined(separator: ", ")
    case .ambiguousReference: "give more digits, or the kind before them"
    case .ambiguousImage, .ambiguousLayer: "give more digits"
    case .badTag: "name or name:version, the name from a-z, 0-9 and -, beginning with a-z or 0-9"
    case .unknownVM: "hutch vms lists what there is"
    case .nameTaken: "choose another name, or remove it with hutch rm"
    case .badName: "up to 63 of a-z, 0-9 and -, beginning with a-z or 0-9"
    case .virtualMachineInUse(let name): "run: hutch stop \(name)"
    default: nil
    }
  }

  package var path: String? {
    switch self {
    case .newerStore(let path, _, _), .notCatalog(let path), .foreignStore(let path, _),
      .damaged(let path, _), .busy(let path), .noSpace(let path), .database(let path, _, _),
      .pathTaken(let path, _):
      path
    case .host(let error): error.path
    default: nil
    }
  }
}
