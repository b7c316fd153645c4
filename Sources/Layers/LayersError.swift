package import Host
package import Vocabulary

/// Why a tree is no layer, or a layer is not what it says.
package enum LayersError: Failure {
  case host(HostError)
  case socket(GuestPath)
  case deviceNode(GuestPath)
  /// A mark of overlayfs that only makes sense with the same lower trees.
  case overlayMark(GuestPath, attribute: String)
  /// A name that means a removal in a layer.
  case reservedName(GuestPath)
  case changedWhileRead(GuestPath)
  case compression(String)
  /// A blob that can't be decoded, and where.
  case damaged(what: String, reason: String)
  case digestDiffers(what: String, expected: Digest, found: Digest)
  /// A layer that others made, whose tar is not the one that its image names.
  case wrongDiff(archive: String, expected: Digest, found: Digest)
  case unsafeEntry(path: String, reason: String)
  case tooLarge(what: String, limit: Int64)
  case noSuchFile(GuestPath)

  package var kind: FailureKind {
    switch self {
    case .host(let error): error.kind
    case .damaged, .digestDiffers: .storeDamaged
    case .wrongDiff: .verificationDiffers
    case .noSuchFile: .notFound
    case .compression: .failed
    default: .badInput
    }
  }

  package var message: String {
    switch self {
    case .host(let error): error.message
    case .socket(let path): "a step left a socket at \"\(path)\", which a layer can't hold"
    case .deviceNode(let path):
      "a step left a device node at \"\(path)\", which a layer does not hold"
    case .overlayMark(let path, let attribute):
      "\"\(path)\" carries the mark \"\(attribute)\" of another overlay"
    case .reservedName(let path): "\"\(path)\" has a name that means a removal in a layer"
    case .changedWhileRead(let path): "\"\(path)\" changed while it was being packed"
    case .compression(let reason): "zstd failed: \(reason)"
    case .damaged(let what, let reason): "\(what) is damaged: \(reason)"
    case .digestDiffers(let what, let expected, let found):
      "\(what) has the digest \(found), not \(expected)"
    case .wrongDiff(let archive, let expected, let found):
      "the layer \"\(archive)\" unpacks to \(found), but its image says \(expected)"
    case .unsafeEntry(let path, let reason): "the archive's entry \"\(path)\" is refused: \(reason)"
    case .tooLarge(let what, let limit): "\(what) is larger than \(limit) bytes"
    case .noSuchFile(let path): "the layer has no file \"\(path)\""
    }
  }

  package var hint: String? {
    switch self {
    case .host(let error): error.hint
    case .socket, .deviceNode: "remove it at the end of the step"
    default: nil
    }
  }

  package var path: String? {
    if case .host(let error) = self { return error.path }
    return nil
  }
}
