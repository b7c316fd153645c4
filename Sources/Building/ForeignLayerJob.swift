internal import Layers
package import Vocabulary

/// A layer that others made, to be made one of ours.
package struct ForeignLayerJob: Sendable, Hashable {
  package var archive: String
  /// Of the uncompressed tar.
  package var diff: Digest
  /// Tables of contents of the layers below, that of the lowest first.
  package var tables: [String]
  /// A directory of this job's own.
  package var directory: String
  /// Of directories that no layer describes.
  package var date: SourceDate

  package init(
    archive: String, diff: Digest, tables: [String], directory: String, date: SourceDate
  ) {
    self.archive = archive
    self.diff = diff
    self.tables = tables
    self.directory = directory
    self.date = date
  }

  /// The layer as it was packed, and its table of contents.
  package var layerFile: String { directory + "/layer" }
  package var tableFile: String { directory + "/toc" }

  var json: JSON {
    .object([
      "job": .string("foreign-layer"), "archive": .string(archive),
      "diff": .string(diff.description), "tables": .array(tables.map(JSON.string)),
      "directory": .string(directory), "date": .integer(date.seconds),
    ])
  }

  init(json: JSON) throws(BuildingError) {
    guard let archive = json["archive"]?.string,
      let diff = json["diff"]?.string.flatMap({ Digest($0) }),
      let tables = json["tables"]?.array?.compactMap(\.string),
      let directory = json["directory"]?.string, let date = json["date"]?.integer
    else { throw .unexpectedAnswer("a layer of others without its place") }
    self.init(
      archive: archive, diff: diff, tables: tables, directory: directory, date: SourceDate(date))
  }

  /// No rule and no check of ours is applied: nobody who builds on it can change it.
  func perform() throws -> JSON {
    let layer = try ForeignLayer(
      archive, diff: diff, over: LowerTree(tables: tables, date: date),
      spool: directory + "/spool")
    return StepAnswer(layer: try layer.pack(blob: layerFile, table: tableFile), findings: []).json
  }
}
