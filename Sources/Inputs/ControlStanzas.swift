/// Paragraphs of Debian control files (`deb-control(5)`, Debian Policy section 5.1): `Packages`,
/// `status`, `Release` and the control file of a package.
package struct ControlStanza: Sendable {
  /// As they stand there, in order; folded lines keep their line breaks.
  private(set) var fields: [(name: String, value: String)]

  /// The value without the space around it; names are compared without case.
  package subscript(name: String) -> String? {
    let wanted = name.lowercased()
    return fields.first { $0.name.lowercased() == wanted }?.value
  }

  /// Lines that are neither a field nor the continuation of one are left out.
  package static func parse(_ text: String) -> [ControlStanza] {
    var stanzas: [ControlStanza] = []
    var fields: [(name: String, value: String)] = []
    func close() {
      if !fields.isEmpty { stanzas.append(ControlStanza(fields: fields)) }
      fields = []
    }
    // In UTF-8 a scan for line breaks needs no look at characters.
    for bytes in text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false) {
      guard let first = bytes.first, first != 0x0D else {
        close()
        continue
      }
      let line = String(decoding: bytes, as: UTF8.self)
      if first == UInt8(ascii: " ") || first == UInt8(ascii: "\t") {
        if let last = fields.indices.last { fields[last].value += "\n" + line }
      } else if first != UInt8(ascii: "#"), let colon = line.utf8.firstIndex(of: 0x3A) {
        let value = line[line.index(after: colon)...]
        let trimmed = value.drop(while: { $0 == " " || $0 == "\t" })
        fields.append((String(line[..<colon]), String(trimmed)))
      }
    }
    close()
    return stanzas
  }
}

/// What of a `dpkg` status file is asked: which version of which package is installed.
package struct InstalledPackages: Sendable {
  private let versions: [String: String]

  /// - Parameter status: `/var/lib/dpkg/status`.
  package init(status: [UInt8]) {
    var versions: [String: String] = [:]
    for stanza in ControlStanza.parse(String(decoding: status, as: UTF8.self)) {
      guard let name = stanza["Package"], let version = stanza["Version"],
        stanza["Status"]?.hasSuffix(" installed") == true
      else { continue }
      versions[name] = version
    }
    self.versions = versions
  }

  /// The version of an installed package.
  package subscript(name: String) -> String? { versions[name] }

  /// Sorted.
  package var names: [String] { versions.keys.sorted() }
}
