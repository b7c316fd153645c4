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

/// Dates as mail and `Release` files have them: `Sat, 21 Nov 2026 09:15:44 UTC`
/// (RFC 5322, section 3.3).
enum MailDate {
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// Seconds since 1970-01-01T00:00:00Z; `nil` for other spellings and zones but UTC.
  static func seconds(_ text: String) -> Int64? {
    let words = text.split(whereSeparator: { " ,".contains($0) })
    guard words.count == 6, let day = Int64(words[1]), (1...31).contains(day),
      let month = months.firstIndex(of: String(words[2])), let year = Int64(words[3]),
      (1970...9999).contains(year), ["UTC", "GMT", "+0000"].contains(words[5])
    else { return nil }
    let time = words[4].split(separator: ":").map { Int64($0) }
    guard time.count == 3, let hour = time[0], let minute = time[1], let second = time[2],
      (0...23).contains(hour), (0...59).contains(minute), (0...60).contains(second)
    else { return nil }
    // Days from a civil date, after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    let shiftedYear = month < 2 ? year - 1 : year
    let era = shiftedYear / 400
    let yearOfEra = shiftedYear - era * 400
    let monthFromMarch = Int64((month + 10) % 12)
    let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
    let days =
      era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    return days * 86_400 + hour * 3600 + minute * 60 + second
  }
}
