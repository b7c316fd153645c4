internal import Host
package import Recipes
internal import Vocabulary

extension AptResolver {
  /// What the signed lists that are here say of themselves, in the order of the suites.
  package func archives() throws(InputsError) -> [LockedArchive] {
    let directory = "\(root.directory)/lists"
    let names = try onHost { () throws(HostError) in try Files.list(directory) }
    var archives: [LockedArchive] = []
    for suite in sources.suites(of: suite) {
      // The rest of the name is the address.
      guard let name = names.first(where: { $0.hasSuffix("_dists_\(suite)_InRelease") }) else {
        throw .listsNotUpdated(suite: suite, said: "there is no InRelease file")
      }
      let path = "\(directory)/\(name)"
      let bytes = try onHost { () throws(HostError) in try Files.read(path, limit: 16 << 20) }
      let stanzas = ControlStanza.parse(String(decoding: bytes, as: UTF8.self))
      let date = stanzas.lazy.compactMap { $0["Date"] }.first.flatMap { MailDate.seconds($0) }
      guard let date else {
        throw .unreadableToolOutput(tool: path, what: "its date")
      }
      archives.append(
        LockedArchive(
          suite: suite, components: ["main"], date: SourceDate(date), inRelease: Digest.of(bytes),
          signers: try signers(of: path)))
    }
    return archives
  }

  /// Checks the signature once more and says whose it is. apt itself needs one of the two tools.
  private func signers(of path: String) throws(InputsError) -> [String] {
    var fingerprints: Set<String> = []
    let said: String
    if Processes.find("gpgv") != nil {
      let command = Command(
        "gpgv", ["--status-fd", "1", "--keyring", keyring, "--output", "/dev/null", path])
      let result = try onHost { () throws(HostError) in try Processes.run(command) }
      said = Processes.tail(result.errorTail)
      // DETAILS of GnuPG, "VALIDSIG": the tenth field behind it is the primary key's.
      for line in result.text.split(separator: "\n") where line.hasPrefix("[GNUPG:] VALIDSIG ") {
        if let last = line.split(separator: " ").last { fingerprints.insert(String(last)) }
      }
    } else if Processes.find("sqv") != nil {
      let command = Command("sqv", ["--keyring", keyring, "--cleartext", path])
      let result = try onHost { () throws(HostError) in try Processes.run(command) }
      said = Processes.tail(result.errorTail)
      if result.status.isSuccess {
        for line in result.text.split(separator: "\n") where line.utf8.count >= 40 {
          fingerprints.insert(String(line))
        }
      }
    } else {
      throw .host(.missingTool(name: "gpgv", debianPackage: "gpgv"))
    }
    let valid = fingerprints.filter { Hex.decode($0.lowercased()) != nil }
    guard !valid.isEmpty else { throw .badSignature(file: path, said: said) }
    return valid.sorted()
  }
}
