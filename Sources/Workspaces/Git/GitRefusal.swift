package import Vocabulary

/// Why commits out of a VM are of no use; what the guest has as files may still be had.
package enum GitRefusal: Sendable, Equatable, CustomStringConvertible {
  /// It is not one line and a pack.
  case noAnswer
  case tooLarge(ByteCount)
  case tooManyObjects(Int)
  case tooMuchUnpacked(ByteCount)
  /// git found an object that is damaged, or that it does not let in; its words.
  case badObjects(String)
  /// What the guest calls its last commit is none, or did not come.
  case noCommit
  /// A tree holds a name that git takes for its own.
  case gitPath([UInt8])

  package var description: String {
    switch self {
    case .noAnswer: "it is not what git was asked for"
    case .tooLarge(let limit): "they are larger than \(limit)"
    case .tooManyObjects(let limit): "they are more than \(limit) objects"
    case .tooMuchUnpacked(let limit): "they are larger than \(limit) unpacked"
    case .badObjects(let said): "git does not let them in: \(said)"
    case .noCommit: "what the VM calls its last commit is none"
    case .gitPath(let path): "\"\(PathText.of(path))\" is git's own name"
    }
  }
}
