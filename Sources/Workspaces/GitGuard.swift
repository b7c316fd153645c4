/// Knows what git takes for a repository. Its configuration names programs that git runs, so
/// nothing in one is ever taken from a guest.
enum GitGuard {
  private static let gitName = [UInt8](".git".utf8)

  /// Whether a name is `.git` to git or to some file system: in any case, with the dots and blanks
  /// that FAT and NTFS drop or a stream's name behind it, by its short name `git~1`, and with
  /// characters in it that case-folding ext4 and HFS+ ignore.
  static func isGitName(_ name: some Collection<UInt8>) -> Bool {
    // Cheap for the names that most files have.
    guard name.count >= 4, name.contains(where: { $0 | 0x20 == UInt8(ascii: "g") }) else {
      return false
    }
    var plain = folded(name)
    if let colon = plain.firstIndex(of: UInt8(ascii: ":")) { plain.removeSubrange(colon...) }
    while plain.last == UInt8(ascii: ".") || plain.last == UInt8(ascii: " ") {
      plain.removeLast()
    }
    return plain == gitName || plain == [UInt8]("git~1".utf8)
  }

  /// Whether a part of the path is such a name; its length down to that part then.
  static func guardedPrefix(of path: [UInt8]) -> Int? {
    path.split(separator: Paths.slash).first(where: isGitName)?.endIndex
  }

  static func isGuarded(_ path: [UInt8]) -> Bool { guardedPrefix(of: path) != nil }

  /// ASCII letters made small, characters that take no room left out.
  static func folded(_ name: some Collection<UInt8>) -> [UInt8] {
    var plain = [UInt8](name)
    if plain.contains(where: { $0 >= 0x80 }),
      let text = String(validating: plain, as: UTF8.self)
    {
      var kept = String.UnicodeScalarView()
      kept.append(
        contentsOf: text.unicodeScalars.filter { !$0.properties.isDefaultIgnorableCodePoint })
      plain = [UInt8](String(kept).utf8)
    }
    return plain.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
  }
}

/// What of a repository's marks a directory holds. git takes any directory with these for one,
/// whatever its name is ("bare"), and reads the configuration in it.
struct RepositoryMarks: OptionSet, Sendable {
  let rawValue: UInt8

  static let head = RepositoryMarks(rawValue: 1)
  static let objects = RepositoryMarks(rawValue: 2)
  static let references = RepositoryMarks(rawValue: 4)
  /// Names another directory that has the objects and references.
  static let commonDirectory = RepositoryMarks(rawValue: 8)

  /// What an entry of that name is to its directory.
  init(name: some Collection<UInt8>) {
    guard let first = name.first, first >= 0x80 || Self.initials.contains(first | 0x20) else {
      self = []
      return
    }
    switch String(decoding: GitGuard.folded(name), as: UTF8.self) {
    case "head": self = .head
    case "objects": self = .objects
    case "refs": self = .references
    case "commondir": self = .commonDirectory
    default: self = []
    }
  }

  private static let initials = [UInt8]("horc".utf8)

  init(rawValue: UInt8) { self.rawValue = rawValue }

  var isRepository: Bool {
    contains(.head) && (contains([.objects, .references]) || contains(.commonDirectory))
  }
}
