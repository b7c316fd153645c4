package import Host
package import Vocabulary

/// Why an archive that somebody else made is not read (any further).
package enum ArchivesError: Failure {
  case host(HostError)
  /// libarchive can't go on; `entry` is the last one it came to.
  case unreadable(archive: String, entry: String?, reason: String)
  case tooManyEntries(archive: String, limit: Int)
  /// What comes out of it in all.
  case tooLarge(archive: String, limit: ByteCount)
  /// Out of all proportion to what went in.
  case bomb(archive: String, ratio: Int)
  /// An entry without a usable name.
  case badName(archive: String, number: Int)
  case entryTooLarge(archive: String, entry: String, limit: ByteCount)
  case noSuchMember(archive: String, name: String)

  package var kind: FailureKind {
    switch self {
    case .host(let error): error.kind
    case .noSuchMember: .notFound
    default: .badInput
    }
  }

  package var message: String {
    switch self {
    case .host(let error): error.message
    case .unreadable(let archive, let entry?, let reason):
      "the archive \"\(archive)\" can't be read after \"\(entry)\": \(reason)"
    case .unreadable(let archive, nil, let reason):
      "the archive \"\(archive)\" can't be read: \(reason)"
    case .tooManyEntries(let archive, let limit):
      "the archive \"\(archive)\" has more than \(limit) entries"
    case .tooLarge(let archive, let limit):
      "the archive \"\(archive)\" holds more than \(limit)"
    case .bomb(let archive, let ratio):
      "the archive \"\(archive)\" unpacks to more than \(ratio) times its size"
    case .badName(let archive, let number):
      "entry \(number) of the archive \"\(archive)\" has no usable name"
    case .entryTooLarge(let archive, let entry, let limit):
      "\"\(entry)\" in the archive \"\(archive)\" is larger than \(limit)"
    case .noSuchMember(let archive, let name):
      "the archive \"\(archive)\" has no member \"\(name)\""
    }
  }

  package var hint: String? {
    if case .host(let error) = self { return error.hint }
    return nil
  }

  package var path: String? {
    switch self {
    case .host(let error): error.path
    case .unreadable(let archive, _, _), .tooManyEntries(let archive, _),
      .tooLarge(let archive, _), .bomb(let archive, _), .badName(let archive, _),
      .entryTooLarge(let archive, _, _), .noSuchMember(let archive, _):
      archive
    }
  }
}
