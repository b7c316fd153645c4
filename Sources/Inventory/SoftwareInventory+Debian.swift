internal import Inputs
internal import Layers
internal import Vocabulary

extension SoftwareInventory {
  /// `/var/lib/dpkg`: `status` says what is installed (`dpkg-query(1)`), `info/*.list` which paths
  /// each package brought.
  mutating func addDebian() throws {
    guard let status = GuestPath("var/lib/dpkg/status"), tree.index(of: status) != nil else {
      return
    }
    guard let bytes = try read(status) else { return refuse(status) }
    for stanza in ControlStanza.parse(String(decoding: bytes, as: UTF8.self)) {
      guard stanza["Status"]?.hasSuffix(" installed") == true else { continue }
      guard let name = stanza["Package"], let version = stanza["Version"],
        let architecture = stanza["Architecture"]
      else {
        refuse(status)
        continue
      }
      let owner = add(
        Software(
          kind: .deb, name: name, version: version, architecture: architecture,
          maker: stanza["Maintainer"],
          source: source(stanza["Source"], of: name, version),
          summary: stanza["Description"]?.split(separator: "\n").first.map(String.init),
          place: status))
      try addPaths(of: name, architecture, owner)
    }
  }

  /// `Source: NAME (VERSION)`, both left out where they are those of the package
  /// (`deb-control(5)`).
  private func source(_ field: String?, of name: String, _ version: String) -> String {
    let words = (field ?? name).split(separator: " ")
    let own = words.count > 1 ? words[1].dropFirst().dropLast() : version[...]
    return "\(words.first ?? name[...]) \(own)"
  }

  private mutating func addPaths(of name: String, _ architecture: String, _ owner: Int) throws {
    for file in ["\(name).list", "\(name):\(architecture).list"] {
      guard let path = GuestPath("var/lib/dpkg/info/\(file)"), tree.index(of: path) != nil else {
        continue
      }
      guard let bytes = try read(path) else {
        refuse(path)
        continue
      }
      own(path, by: owner)
      for line in bytes.split(separator: 0x0A) {
        guard let listed = GuestPath(line) else { continue }
        // Packages speak of /bin where that is a link to /usr/bin.
        own(tree.index(of: listed) == nil ? tree.resolve(listed) ?? listed : listed, by: owner)
      }
      for suffix in [
        "md5sums", "postinst", "preinst", "postrm", "prerm", "triggers", "shlibs",
        "symbols", "conffiles", "templates", "config",
      ] {
        let base = file.dropLast("list".count)
        if let path = GuestPath("var/lib/dpkg/info/\(base)\(suffix)") { own(path, by: owner) }
      }
    }
  }
}
