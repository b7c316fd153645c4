package import Vocabulary

/// Something with a name and a version that is installed in an image.
package struct Software: Sendable, Hashable, Comparable {
  /// In the words of package URLs ("PURL Types", package-url.org).
  package enum Kind: String, Sendable { case deb, pypi, npm }

  package var kind: Kind
  package var name: String
  package var version: String
  /// Of Debian's packages: `amd64`, `all`.
  package var architecture: String?
  /// Who made it, as it says itself.
  package var maker: String?
  /// Of Debian's packages: name and version of what it was built from.
  package var source: String?
  /// As it says itself; not always one of SPDX's expressions.
  package var license: String?
  package var summary: String?
  /// The file that says all this.
  package var place: GuestPath

  package static func < (left: Software, right: Software) -> Bool {
    (left.kind.rawValue, left.name, left.version, left.architecture ?? "", left.place)
      < (right.kind.rawValue, right.name, right.version, right.architecture ?? "", right.place)
  }
}

/// What an operating system says of itself (`os-release(5)`).
package struct Distribution: Sendable, Hashable {
  /// `debian`
  package var id: String
  /// `trixie`
  package var codename: String?

  init(_ text: String) {
    var values: [Substring: String] = [:]
    for line in text.split(separator: "\n") {
      guard let sign = line.firstIndex(of: "=") else { continue }
      let value = line[line.index(after: sign)...].filter { $0 != "\"" && $0 != "'" }
      values[line[..<sign]] = value
    }
    id = values["ID"] ?? "debian"
    codename = values["VERSION_CODENAME"]
  }
}
