package import Host
package import Layers
package import Vocabulary

/// What can go wrong with disks and overlays.
package enum DisksError: Failure {
  case host(HostError)
  case layers(LayersError)
  /// The format has one size, and what the chain holds is more.
  case diskTooSmall(what: String)
  /// Not a multiple of 512 bytes, or outside of what an overlay may have.
  case unusableVirtualSize(bytes: Int64)
  /// QEMU would not take the name for a file beside the overlay.
  case unusableBackingName(String)
  case refusedImage(path: String, reason: QCOW2Refusal)
  case unusableChain(path: String, reason: ChainRefusal)
  /// There is no such place on the disk.
  case outsideOfDisk(path: String, offset: Int64, count: Int)
  /// Something in a file system is not as any kernel would have written it, or is of a kind that
  /// is not read.
  case unreadableFileSystem(path: String, place: Ext4Reader.Place, fault: Ext4Reader.Fault)

  package var kind: FailureKind {
    switch self {
    case .host(let error): error.kind
    case .layers(let error): error.kind
    case .diskTooSmall: .badInput
    case .unusableVirtualSize, .unusableBackingName: .badInput
    case .refusedImage: .storeDamaged
    default: .failed
    }
  }

  package var message: String {
    switch self {
    case .host(let error): error.message
    case .layers(let error): error.message
    case .diskTooSmall(let what): "the layers hold more than a disk's \(what)"
    case .unusableVirtualSize(let bytes):
      "a disk can't have \"\(bytes)\" bytes: at least 1 MiB, at most 16 TiB, in steps of 512"
    case .unusableBackingName(let name):
      "\"\(name)\" can't be the backing file of an overlay: a relative path of 1 to 1,023 bytes "
        + "without a colon is needed"
    case .refusedImage(let path, let reason):
      "\"\(path)\" is not an overlay of ours: \(reason)"
    case .unusableChain(let path, let reason): "\"\(path)\" can't be read as a disk: \(reason)"
    case .outsideOfDisk(let path, let offset, let count):
      "the disk \"\(path)\" has no \(count) bytes at \(offset)"
    case .unreadableFileSystem(let path, let place, let fault):
      "the file system of \"\(path)\" can't be read: \(place): \(fault)"
    }
  }

  package var hint: String? {
    switch self {
    case .host(let error): error.hint
    case .layers(let error): error.hint
    case .diskTooSmall: "leave out what the image does not need, or build its layers afresh"
    case .refusedImage: "look at the store with `hutch verify`"
    default: nil
    }
  }

  package var path: String? {
    switch self {
    case .host(let error): error.path
    case .layers(let error): error.path
    case .refusedImage(let path, _), .unusableChain(let path, _),
      .outsideOfDisk(let path, _, _), .unreadableFileSystem(let path, _, _):
      path
    default: nil
    }
  }
}

/// Runs `body`, with the machine's errors as ours.
func onHost<Result: ~Copyable>(
  _ body: () throws(HostError) -> Result
) throws(DisksError) -> Result {
  do {
    return try body()
  } catch {
    throw .host(error)
  }
}
