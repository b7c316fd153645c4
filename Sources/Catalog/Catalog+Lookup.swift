internal import GRDB
internal import Vocabulary

extension Catalog {
  /// What a person means: a tag or a VM by its name, a path in the store, else the first 8 or more
  /// digits of what names an image, layer, disk, input, …, or a blob. Where things of several
  /// kinds have one name, as an image and its configuration, the first of them is meant; with a
  /// kind, that one.
  package func lookUp(
    _ reference: String, kind: String? = nil
  ) throws(CatalogError) -> Subject {
    let kinds = try Self.kinds(kind)
    return try read { database in
      if kind == nil || kind == "image",
        let row = try database.row(
          "SELECT object.key FROM tag JOIN object ON object.id = tag.image WHERE tag.name = ?",
          [reference])
      {
        return .object(ObjectKey(.image, row[0]))
      }
      if kind == nil || kind == "vm",
        try database.truth("SELECT EXISTS (SELECT 1 FROM vm WHERE name = ?)", [reference]) == true
      {
        return .vm(reference)
      }
      if let found = try byPath(reference, database) { return .object(found) }
      if let found = try byDigits(reference, among: kinds, database) { return .object(found) }
      throw CatalogError.unknownReference(reference)
    }
  }

  private static func kinds(_ name: String?) throws(CatalogError) -> [ObjectKind] {
    guard let name, name != "vm" else { return ObjectKind.byImportance }
    guard let kind = ObjectKind(rawValue: name) else { throw .unknownKind(name) }
    return [kind]
  }

  private func byPath(_ path: String, _ database: Database) throws -> ObjectKey? {
    guard path.contains("/") else { return nil }
    let row = try database.row(
      """
      SELECT object.kind, object.key FROM file JOIN object ON object.id = file.object
      WHERE file.path = ?
      """, [path])
    return row.flatMap { row in
      ObjectKind(rawValue: row[0]).map { ObjectKey($0, row[1]) }
    }
  }

  private func byDigits(
    _ reference: String, among kinds: [ObjectKind], _ database: Database
  ) throws -> ObjectKey? {
    let digits = reference.hasPrefix("sha256:") ? String(reference.dropFirst(7)) : reference
    let isDigits = digits.prefix(64).utf8.allSatisfy {
      (0x30...0x39).contains($0) || (0x61...0x66).contains($0)
    }
    // A disk's name goes on behind its digits.
    guard digits.utf8.count >= 8, isDigits else { return nil }
    var found: [ObjectKey] = []
    for kind in kinds {
      let keys = try database.texts(
        """
        SELECT key FROM object WHERE kind = ?2 AND key >= ?1 AND key < ?1 || 'g' ORDER BY key
        LIMIT 20
        """, ["sha256:" + digits, kind.rawValue])
      for key in keys where !found.contains(where: { $0.id.prefix(71) == key.prefix(71) }) {
        found.append(ObjectKey(kind, key))
      }
    }
    if found.isEmpty {
      found = try database.texts(
        """
        SELECT DISTINCT object.key FROM encoding JOIN object ON object.id = encoding.object
        WHERE blob >= ?1 AND blob < ?1 || 'g' LIMIT 20
        """, ["sha256:" + digits]
      ).map { ObjectKey(.layer, $0) }
    }
    guard found.count < 2 else { throw CatalogError.ambiguousReference(reference, found) }
    return found.first
  }
}

extension ObjectKind {
  /// What a person means first by a name that several things have.
  fileprivate static let byImportance: [ObjectKind] = [
    .image, .layer, .disk, .input, .boot, .warm, .checkpoint, .manifest, .config, .tree, .toc,
    .sbom, .provenance, .signature, .bundle, .log,
  ]
}
