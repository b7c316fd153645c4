package import Vocabulary

/// A bill of materials (SPDX Specification 2.3, JSON). The same values give the same bytes.
package struct SPDXDocument {
  private let image: ImageID
  private let created: SourceDate
  private let creator: String
  private let inventory: SoftwareInventory
  private let inputs: [SoftwareInput: Digest]

  /// - Parameters:
  ///   - created: the image's own date, so that it is the same whenever it is asked for.
  ///   - creator: name and version of the tool, `hutch-0.1.0`.
  ///   - inputs: the files that software was installed from.
  package init(
    image: ImageID, created: SourceDate, creator: String, inventory: SoftwareInventory,
    inputs: [SoftwareInput: Digest]
  ) {
    self.image = image
    self.created = created
    self.creator = creator
    self.inventory = inventory
    self.inputs = inputs
  }

  private static let imageName = "SPDXRef-Image"
  private static let unknown = JSON.string("NOASSERTION")

  package var json: JSON {
    let packages = self.packages
    var members: [String: JSON] = [
      "spdxVersion": .string("SPDX-2.3"),
      "dataLicense": .string("CC0-1.0"),
      "SPDXID": .string("SPDXRef-DOCUMENT"),
      "name": .string("image-\(image.digest.hex)"),
      // Unique for this document and nobody's address (section 6.5).
      "documentNamespace": .string("urn:hutch:sbom:sha256:\(image.digest.hex)"),
      "creationInfo": .object([
        "created": .string(created.rfc3339),
        "creators": .array([.string("Tool: \(creator)")]),
      ]),
      "documentDescribes": .array([.string(Self.imageName)]),
      "packages": .array([imagePackage] + packages.map(\.json)),
      "relationships": .array(
        [relationship("SPDXRef-DOCUMENT", "DESCRIBES", Self.imageName)]
          + packages.map { relationship(Self.imageName, "CONTAINS", $0.id) }),
    ]
    if !inventory.unreadable.isEmpty {
      let paths = inventory.unreadable.map(\.description).joined(separator: ", ")
      members["comment"] = .string("Could not be read and may name more software: \(paths)")
    }
    return .object(members)
  }

  private func relationship(_ from: String, _ type: String, _ to: String) -> JSON {
    .object([
      "spdxElementId": .string(from), "relationshipType": .string(type),
      "relatedSpdxElement": .string(to),
    ])
  }

  private var imagePackage: JSON {
    .object([
      "SPDXID": .string(Self.imageName), "name": .string("image-\(image.digest.short)"),
      "versionInfo": .string(image.description),
      "primaryPackagePurpose": .string("CONTAINER"), "downloadLocation": Self.unknown,
      "filesAnalyzed": .bool(false), "licenseConcluded": Self.unknown,
      "licenseDeclared": Self.unknown, "copyrightText": Self.unknown,
      "checksums": .array([checksum(image.digest)]),
    ])
  }

  /// One for each version of each software; where one is installed in several places, the first.
  private var packages: [(id: String, json: JSON)] {
    var seen: Set<String> = []
    return inventory.software.compactMap { software in
      let id = Self.id(of: software)
      guard seen.insert(id).inserted else { return nil }
      return (id, package(software, id))
    }
  }

  private func package(_ software: Software, _ id: String) -> JSON {
    var members: [String: JSON] = [
      "SPDXID": .string(id), "name": .string(software.name),
      "versionInfo": .string(software.version), "downloadLocation": Self.unknown,
      "filesAnalyzed": .bool(false), "licenseConcluded": Self.unknown,
      "licenseDeclared": Self.unknown, "copyrightText": Self.unknown,
      "externalRefs": .array([
        .object([
          "referenceCategory": .string("PACKAGE-MANAGER"), "referenceType": .string("purl"),
          "referenceLocator": .string(purl(of: software)),
        ])
      ]),
    ]
    if let maker = software.maker.flatMap(Self.oneLine) {
      members["originator"] = .string("Person: \(maker)")
    }
    if let source = software.source { members["sourceInfo"] = .string("built from: \(source)") }
    if let license = software.license.flatMap(Self.oneLine) {
      members["licenseComments"] = .string("Its own metadata says: \(license)")
    }
    if let summary = software.summary.flatMap(Self.oneLine) {
      members["summary"] = .string(summary)
    }
    if let digest = inputs[SoftwareInput(software)] {
      members["checksums"] = .array([checksum(digest)])
    }
    return .object(members)
  }

  private func checksum(_ digest: Digest) -> JSON {
    .object(["algorithm": .string("SHA256"), "checksumValue": .string(digest.hex)])
  }

  private static func oneLine(_ text: String) -> String? {
    let line = text.split(whereSeparator: \.isNewline).first.map(String.init)?.prefix(1000)
    return line.flatMap { $0.isEmpty ? nil : String($0) }
  }

  /// Letters, digits, dots and dashes (section 7.2); all else as the hex digits of its bytes, so
  /// that two never become one.
  static func id(of software: Software) -> String {
    let words = [software.kind.rawValue, software.name, software.version, software.architecture]
    return "SPDXRef-"
      + words.compactMap { $0.map(escaped) }.joined(separator: "-")
  }

  private static func escaped(_ text: String) -> String {
    text.utf8.map { byte in
      isPlain(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
        ? String(UnicodeScalar(byte)) : "." + hex(byte) + "."
    }.joined()
  }

  /// A package URL ("Package URL specification", package-url.org).
  func purl(of software: Software) -> String {
    let version = Self.percent(software.version)
    switch software.kind {
    case .deb:
      var qualifiers = ["arch=\(Self.percent(software.architecture ?? "all"))"]
      if let codename = inventory.distribution.codename {
        qualifiers.append("distro=\(Self.percent(codename))")
      }
      let name = "\(Self.percent(inventory.distribution.id))/\(Self.percent(software.name))"
      return "pkg:deb/\(name)@\(version)?\(qualifiers.joined(separator: "&"))"
    case .pypi: return "pkg:pypi/\(Self.percent(software.name))@\(version)"
    case .npm:
      let parts = software.name.split(separator: "/").map { Self.percent(String($0)) }
      return "pkg:npm/\(parts.joined(separator: "/"))@\(version)"
    }
  }

  private static func percent(_ text: String) -> String {
    text.utf8.map { byte in
      isPlain(byte) || "-._~".utf8.contains(byte)
        ? String(UnicodeScalar(byte)) : "%" + hex(byte).uppercased()
    }.joined()
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      return true
    default: return false
    }
  }

  private static func hex(_ byte: UInt8) -> String {
    (byte < 16 ? "0" : "") + String(byte, radix: 16)
  }
}

/// What a file installs, by which the two are brought together.
package struct SoftwareInput: Sendable, Hashable {
  package var kind: Software.Kind
  package var name: String
  package var version: String
  package var architecture: String?

  package init(
    kind: Software.Kind, name: String, version: String, architecture: String? = nil
  ) {
    self.kind = kind
    self.name = name
    self.version = version
    self.architecture = architecture
  }

  package init(_ software: Software) {
    self.init(
      kind: software.kind, name: software.name, version: software.version,
      architecture: software.architecture)
  }
}
