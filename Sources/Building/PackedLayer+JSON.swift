package import Layers
package import Vocabulary

/// A packed layer on its way from the worker that packed it.
extension PackedLayer {
  var json: JSON {
    .object([
      "layer": .string(layer.description), "blob": .string(blob.description),
      "blob_bytes": .integer(blobSize.bytes), "bytes": .integer(size.bytes),
      "codec": .string(codec), "entries": .integer(Int64(entries)),
      "table": .string(table.description), "table_bytes": .integer(tableSize.bytes),
    ])
  }

  package init(answer json: JSON) throws(BuildingError) {
    guard let layer = json["layer"]?.string.flatMap({ DiffID($0) }),
      let blob = json["blob"]?.string.flatMap({ Digest($0) }),
      let blobSize = json["blob_bytes"]?.integer, let size = json["bytes"]?.integer,
      let codec = json["codec"]?.string, let entries = json["entries"]?.integer,
      let table = json["table"]?.string.flatMap({ Digest($0) }),
      let tableSize = json["table_bytes"]?.integer
    else { throw .unexpectedAnswer("a packed layer: \(json)") }
    self.init(
      layer: layer, blob: blob, blobSize: ByteCount(blobSize), size: ByteCount(size),
      codec: codec, entries: Int(entries), table: table, tableSize: ByteCount(tableSize))
  }
}
