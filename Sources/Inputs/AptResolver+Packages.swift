internal import Host
internal import Recipes
internal import Vocabulary

extension AptResolver {
  /// One line of `apt-get --print-uris`: `'URI' name_version_arch.deb size SHA256:hex`.
  struct PrintedURI: Equatable {
    var name: String
    var version: String
    var architecture: String
    var path: String
    var size: Int64
    var digest: Digest?

    init?(_ line: some StringProtocol) {
      let fields = line.split(separator: " ")
      guard fields.count >= 3, fields[0].hasPrefix("'"), fields[0].hasSuffix("'"),
        let path = Percent.decode(fields[0].dropFirst().dropLast()),
        let size = Int64(fields[2]), fields[1].hasSuffix(".deb"),
        let file = Percent.decode(fields[1].dropLast(4))
      else { return nil }
      let parts = file.split(separator: "_", omittingEmptySubsequences: false)
      guard parts.count == 3 else { return nil }
      (name, version, architecture) = (String(parts[0]), String(parts[1]), String(parts[2]))
      self.path = path
      self.size = size
      if fields.count > 3, fields[3].hasPrefix("SHA256:") {
        digest = Digest(hex: fields[3].dropFirst("SHA256:".count))
      }
    }
  }

  /// Looks every package up in the signed lists: digest and pool path come from there.
  func describe(_ lines: [Substring]) throws(InputsError) -> [LockedPackage] {
    var printed: [PrintedURI] = []
    for line in lines {
      guard let uri = PrintedURI(line) else {
        throw .unreadableToolOutput(tool: "apt-get", what: "what it would fetch")
      }
      printed.append(uri)
    }
    if printed.isEmpty { return [] }
    let names = printed.map { "\($0.name):\($0.architectureForCache(architecture))=\($0.version)" }
    let command = root.command("apt-cache", ["show"] + names)
    let result = try onHost { () throws(HostError) in try Processes.runChecked(command) }
    var known: [String: [ControlStanza]] = [:]
    for stanza in ControlStanza.parse(result.text) {
      guard let name = stanza["Package"], let version = stanza["Version"],
        let architecture = stanza["Architecture"]
      else { continue }
      known["\(name)_\(version)_\(architecture)", default: []].append(stanza)
    }
    var packages: [LockedPackage] = []
    for uri in printed {
      let stanzas = known["\(uri.name)_\(uri.version)_\(uri.architecture)"] ?? []
      let package = stanzas.lazy.compactMap { uri.package(describedBy: $0) }.first
      guard let package else { throw .listsDisagree(package: uri.name) }
      packages.append(package)
    }
    return packages.sorted()
  }

  /// Why apt could not do it; a package that does not exist is the common case.
  func refusal(of wanted: [String], said result: CommandResult) -> InputsError {
    for line in result.errorTail.split(separator: "\n") {
      if line.hasPrefix("E: Unable to locate package ") {
        let name = String(line.dropFirst("E: Unable to locate package ".count))
        return .unknownPackage(name, near: near(name))
      }
      // "E: Package 'x' has no installation candidate"
      let quoted = line.split(separator: "'", omittingEmptySubsequences: false)
      if line.hasSuffix(" has no installation candidate"), quoted.count == 3 {
        return .unknownPackage(String(quoted[1]), near: near(String(quoted[1])))
      }
    }
    let said = explanation(in: result.text) ?? Apt.complaint(result.errorTail)
    return .unsolvable(packages: wanted, said: said)
  }

  /// What depends on what: it stands on the standard output, behind one line.
  func explanation(in text: String) -> String? {
    let explained = text.split(separator: "\n")
      .drop(while: { !$0.hasPrefix("The following packages have unmet") }).dropFirst()
      .prefix(4).map { $0.drop(while: \.isWhitespace) }.joined(separator: "; ")
    return explained.isEmpty ? nil : explained
  }

  private func near(_ name: String) -> [String] {
    let command = root.command("apt-cache", ["pkgnames"])
    guard let result = try? Processes.run(command), result.status.isSuccess else { return [] }
    return NearNames.of(name, in: result.text.split(separator: "\n"))
  }
}

extension AptResolver.PrintedURI {
  /// apt's cache holds packages for all architectures under the native one.
  fileprivate func architectureForCache(_ native: Architecture) -> String {
    architecture == "all" ? native.rawValue : architecture
  }

  /// `nil` if the stanza is about other bytes.
  fileprivate func package(describedBy stanza: ControlStanza) -> LockedPackage? {
    guard let pool = stanza["Filename"], let digest = stanza["SHA256"].flatMap({ Digest(hex: $0) }),
      let size = stanza["Size"].flatMap({ Int64($0) }), size == self.size,
      self.digest == nil || self.digest == digest, path.hasSuffix("/" + pool),
      PoolPath.isUsable(pool)
    else { return nil }
    return LockedPackage(
      name: name, version: version, architecture: architecture, path: pool,
      size: ByteCount(size), digest: digest)
  }
}

/// Pool paths come from lists and locks, and become parts of addresses and file names.
enum PoolPath {
  static func isUsable(_ path: String) -> Bool {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    return path.utf8.count <= 512 && path.hasSuffix(".deb")
      && parts.allSatisfy { part in
        !part.isEmpty && !part.hasPrefix(".")
          && part.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
              UInt8(ascii: "0")...UInt8(ascii: "9"):
              true
            default: "+-._~".utf8.contains(byte)
            }
          }
      }
  }
}

/// Percent-encoding, as apt uses it in addresses and file names (RFC 3986, section 2.1).
enum Percent {
  static func decode(_ text: some StringProtocol) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      let digits = String(decoding: rest.prefix(2), as: UTF8.self).lowercased()
      guard let decoded = Hex.decode(digits), decoded.count == 1 else { return nil }
      bytes += decoded
      rest = rest.dropFirst(2)
    }
    return String(validating: bytes, as: UTF8.self)
  }
}
