package import Host
package import Vocabulary

/// What can go wrong with disks and overlays.
package enum DisksError: Failure {
  case host(HostError)
  /// Not a multiple of 512 bytes, or outside of what an overlay may have.
  case unusableVirtualSize(bytes: Int64)
  /// QEMU would not take the name for a file beside the overlay.
  case unusableBackingName(String)
  case refusedImage(path: String, reason: QCOW2Refusal)
  case unreadableToolOutput(tool: String, what: String)
  /// `debugfs` takes every line and ends with 0 whatever happened; this is what it said.
  case timesNotSet(path: String, said: String)
  case inconsistentFileSystem(path: String, said: String)
  case refusedFileSystem(path: String, reason: Ext4Refusal)

  package var kind: FailureKind {
    switch self {
    case .host(let error): error.kind
    case .unusableVirtualSize, .unusableBackingName: .badInput
    case .refusedImage: .storeDamaged
    default: .failed
    }
  }

  package var message: String {
    switch self {
    case .host(let error): error.message
    case .unusableVirtualSize(let bytes):
      "a disk can't have \"\(bytes)\" bytes: at least 1 MiB, at most 16 TiB, in steps of 512"
    case .unusableBackingName(let name):
      "\"\(name)\" can't be the backing file of an overlay: a relative path of 1 to 1,023 bytes "
        + "without a colon is needed"
    case .refusedImage(let path, let reason):
      "\"\(path)\" is not an overlay of ours: \(reason)"
    case .unreadableToolOutput(let tool, let what):
      "\"\(tool)\" did not say \(what)"
    case .timesNotSet(let path, let said):
      "the times in \"\(path)\" could not be set: \(said)"
    case .refusedFileSystem(let path, let reason):
      "the file system in \"\(path)\" can't be read: \(reason)"
    case .inconsistentFileSystem(let path, let said):
      "the file system in \"\(path)\" is not consistent: \(said)"
    }
  }

  package var hint: String? {
    switch self {
    case .host(let error): error.hint
    case .refusedImage: "look at the store with `hutch verify`"
    case .refusedFileSystem: "the VM's own kernel may repair it: start the VM and stop it again"
    default: nil
    }
  }

  package var path: String? {
    switch self {
    case .host(let error): error.path
    case .refusedImage(let path, _), .timesNotSet(let path, _),
      .inconsistentFileSystem(let path, _), .refusedFileSystem(let path, _):
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
