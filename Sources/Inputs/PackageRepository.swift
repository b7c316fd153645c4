internal import Host
package import Recipes
package import Vocabulary

/// A flat repository of exactly the packages of a step, for `apt-get` and `mmdebstrap` without
/// network: `deb [trusted=yes] copy:DIRECTORY ./`. The signatures were checked when the lock was
/// made, and every file against the lock when it came into the store.
///
/// The packages are hard links to the store: whoever shows the directory to a step must mount it
/// read-only.
package enum PackageRepository {
  /// What a repository says of its contents.
  package struct Summary: Sendable, Equatable {
    /// The newest time in its packages: the date of the step that installs them.
    package let date: SourceDate
    /// Every package as `dpkg` would have it in its status once it is installed.
    package let status: [UInt8]
  }

  /// Makes `directory`, which must not exist. The same packages give the same bytes.
  ///
  /// - Parameter suite: stands in `Release`; without it mmdebstrap finds no essential packages.
  package static func make(
    _ packages: [LockedPackage], from store: InputStore, at directory: String, suite: String
  ) throws(InputsError) -> Summary {
    var index = ""
    var names: Set<String> = []
    let (described, summary) = try describe(packages, in: store)
    for (package, control) in described {
      let name = try fileName(of: package)
      guard names.insert(name).inserted else { throw .sameFileName(name) }
      index += control
      index += "\nFilename: ./\(name)\nSize: \(package.size.bytes)\n"
      index += "SHA256: \(package.digest.hex)\n\n"
    }
    let bytes = Array(index.utf8)
    let release = release(suite: suite, date: summary.date, packages: bytes)
    try onHost { () throws(HostError) in
      try Files.makeDirectories(Files.parent(of: directory))
      let parent = try OwnedDescriptor.open(Files.parent(of: directory), .directory)
      try parent.makeDirectory(Array(Files.name(of: directory).utf8), mode: 0o755)
      for (package, _) in described {
        let name = Files.name(of: package.path)
        try Files.link(store.path(of: package.digest), to: "\(directory)/\(name)")
      }
      try Files.write("\(directory)/Packages", bytes, durable: false)
      try Files.write("\(directory)/Release", Array(release.utf8), durable: false)
    }
    return summary
  }

  /// The date of packages in the store and the status that they would have, without making
  /// anything: what locking needs to resolve a step over one that has not been built.
  package static func summary(
    _ packages: [LockedPackage], in store: InputStore
  ) throws(InputsError) -> Summary {
    try describe(packages, in: store).summary
  }

  private static func describe(
    _ packages: [LockedPackage], in store: InputStore
  ) throws(InputsError) -> (described: [(LockedPackage, String)], summary: Summary) {
    var described: [(LockedPackage, String)] = []
    var date: SourceDate?
    var status = ""
    for package in packages.sorted() {
      let path = store.path(of: package.digest)
      let archive = try DebianArchive(path: path)
      let stanza = ControlStanza.parse(archive.control)[0]
      guard stanza["Package"] == package.name, stanza["Version"] == package.version,
        stanza["Architecture"] == package.architecture
      else { throw .damagedPackage(path: path, what: "it is not \(package)") }
      for field in ["Filename", "Size", "SHA256", "Status"] where stanza[field] != nil {
        throw .damagedPackage(path: path, what: "its control file has a field \"\(field)\"")
      }
      date = max(date ?? archive.date, archive.date)
      status += archive.control + "\nStatus: install ok installed\n\n"
      described.append((package, archive.control))
    }
    return (described, Summary(date: date ?? .constant, status: Array(status.utf8)))
  }

  /// As in the archive's pool: without the epoch, whose colon apt would encode.
  private static func fileName(of package: LockedPackage) throws(InputsError) -> String {
    guard PoolPath.isUsable(package.path) else { throw .unusablePath(package.path) }
    return Files.name(of: package.path)
  }

  private static func release(suite: String, date: SourceDate, packages: [UInt8]) -> String {
    """
    Origin: Hutch
    Label: Hutch
    Suite: \(suite)
    Codename: \(suite)
    Date: \(MailDate.text(date))
    SHA256:
     \(Digest.of(packages).hex) \(packages.count) Packages

    """
  }
}
