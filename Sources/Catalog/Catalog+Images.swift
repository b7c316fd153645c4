internal import GRDB
package import Vocabulary

/// An image as it is recorded.
package struct ImageRecord: Sendable, Hashable {
  package let id: ImageID
  package let chain: ChainID
  package let architecture: Architecture
  /// One of its steps had network.
  package let impure: Bool
  /// The blob of its newest manifest.
  package let manifest: Digest
  /// From the base upwards.
  package let layers: [DiffID]
  /// Sum of its layers' uncompressed and compressed sizes.
  package let size: ByteCount
  package let compressedSize: ByteCount
  package let recordedAt: Int64
  /// Sorted.
  package let tags: [String]
}

/// A layer as listings show it.
package struct LayerRecord: Sendable, Hashable {
  package let id: DiffID
  package let state: ObjectState
  package let size: ByteCount
  package let compressedSize: ByteCount
  package let allocated: ByteCount
  /// How many images hold it.
  package let images: Int
  /// The recipe and step that last gave it, as in `python 2`, if a step did.
  package let madeBy: String?
  package let impure: Bool
  package let createdAt: Int64
}

extension Catalog {
  /// Records that these layers, in this order, under this configuration, are an image, with one
  /// manifest of it. The manifest, the configuration and the layers must be ready; the
  /// manifest's blobs are those named (one per layer, in order).
  ///
  /// The image is then kept for the lease; tag it before releasing that.
  package func recordImage(
    _ image: ImageID, manifest: Digest, layers: [DiffID], blobs: [Digest],
    architecture: Architecture, impure: Bool, inputs: [Digest] = [], _ lease: Lease
  ) throws(CatalogError) {
    guard let chain = ChainID(of: layers), blobs.count == layers.count else {
      throw .unknownImage(image.description)
    }
    try write { database in
      let now = clock()
      let key = ObjectKey.image(image)
      let manifestID = try requireReady(.manifest(manifest), database)
      // One that was set aside has its place in the index again.
      if try record(key, database)?.state == .quarantined { try bumpIndex(database) }
      try database.run(
        """
        INSERT INTO object (kind, key, state, architecture, created_at, last_used_at)
        VALUES ('image', ?1, 'ready', ?2, ?3, ?3)
        ON CONFLICT (kind, key) DO UPDATE SET state = 'ready', last_used_at = ?3
        """, [key.id, architecture.rawValue, now])
      let id = try requireReady(key, database)
      try refer(lease, to: id, database)
      try database.run(
        """
        INSERT OR IGNORE INTO image (object, chain, architecture, impure, recorded_at)
        VALUES (?, ?, ?, ?, ?)
        """, [id, chain.description, architecture.rawValue, impure, now])
      // The newest manifest is the one that counts; an older encoding may then go.
      try database.run("DELETE FROM edge WHERE holder = ?", [id])
      var needed = [Edge("manifest", .manifest(manifest)), Edge("config", .config(image))]
      needed += layers.enumerated().map { Edge("layer", .layer($1), at: $0) }
      for edge in needed {
        try database.run(
          "INSERT INTO edge (holder, role, position, needed) VALUES (?, ?, ?, ?)",
          [id, edge.role, edge.position, try requireReady(edge.needed, database)])
      }
      try recordBlobs(blobs, layers, of: manifestID, database)
      try database.run("DELETE FROM soft_edge WHERE holder = ? AND role = 'input'", [id])
      for input in inputs {
        try add(SoftEdge("input", holder: key, wanted: .input(input)), database)
      }
      try database.run(
        """
        INSERT OR IGNORE INTO soft_edge (holder, role, wanted)
        SELECT ?, 'disk', object FROM disk WHERE chain = ?
        """, [id, chain.description])
    }
  }

  private func recordBlobs(
    _ blobs: [Digest], _ layers: [DiffID], of manifest: Int64, _ database: Database
  ) throws {
    try database.run("DELETE FROM manifest_blob WHERE manifest = ?", [manifest])
    for (position, (blob, layer)) in zip(blobs, layers).enumerated() {
      let encoding = try database.integer(
        """
        SELECT encoding.id FROM encoding JOIN object ON object.id = encoding.object
        WHERE encoding.blob = ? AND object.kind = 'layer' AND object.key = ?
        """, [blob.description, layer.description])
      guard let encoding else { throw CatalogError.unknownObject(.layer(layer)) }
      try database.run(
        "INSERT INTO manifest_blob (manifest, position, encoding) VALUES (?, ?, ?)",
        [manifest, position, encoding])
    }
  }

  /// All images, oldest first.
  package func images() throws(CatalogError) -> [ImageRecord] {
    try read { database in
      let layers = try layersByID(database)
      var chains: [Int64: [Int64]] = [:]
      let edges = try Row.fetchCursor(
        database,
        sql: "SELECT holder, needed FROM edge WHERE role = 'layer' ORDER BY holder, position")
      while let row = try edges.next() { chains[row[0], default: []].append(row[1]) }
      var tags: [Int64: [String]] = [:]
      for row in try database.rows("SELECT image, name FROM tag ORDER BY name") {
        tags[row[0], default: []].append(row[1])
      }
      let rows = try database.rows(
        """
        SELECT object.id, chain, image.architecture, impure, recorded_at,
          (SELECT key FROM edge JOIN object ON object.id = needed
           WHERE holder = image.object AND role = 'manifest'), object.key
        FROM image JOIN object ON object.id = image.object
        WHERE object.state = 'ready' ORDER BY image.recorded_at, object.id
        """)
      return rows.compactMap { row in
        let id: Int64 = row[0]
        let parts = (chains[id] ?? []).compactMap { layers[$0] }
        return ImageID(row[6] as String).flatMap {
          Self.imageRecord($0, row, parts, tags: tags[id] ?? [])
        }
      }
    }
  }

  /// A layer as part of images.
  private struct LayerPart {
    var id: DiffID
    var size: Int64
    var compressedSize: Int64
  }

  private func layersByID(_ database: Database) throws -> [Int64: LayerPart] {
    var layers: [Int64: LayerPart] = [:]
    let rows = try Row.fetchCursor(
      database,
      sql: """
        SELECT object.id, key, size,
          (SELECT csize FROM encoding WHERE encoding.object = object.id
           ORDER BY encoding.id DESC LIMIT 1)
        FROM object WHERE kind = 'layer'
        """)
    while let row = try rows.next() { layers[row[0]] = Self.layerPart(row) }
    return layers
  }

  private static func layerPart(_ row: Row) -> LayerPart? {
    DiffID(row[1] as String).map {
      LayerPart(id: $0, size: row[2], compressedSize: (row[3] as Int64?) ?? 0)
    }
  }

  /// Of columns as `images` and `imageRecord` ask for them.
  private static func imageRecord(
    _ image: ImageID, _ row: Row, _ layers: [LayerPart], tags: [String]
  ) -> ImageRecord? {
    guard let chain = ChainID(row[1] as String),
      let architecture = Architecture(rawValue: row[2]),
      let manifest = (row[5] as String?).flatMap({ Digest($0) })
    else { return nil }
    return ImageRecord(
      id: image, chain: chain, architecture: architecture, impure: row[3], manifest: manifest,
      layers: layers.map(\.id), size: ByteCount(layers.reduce(0) { $0 + $1.size }),
      compressedSize: ByteCount(layers.reduce(0) { $0 + $1.compressedSize }),
      recordedAt: row[4], tags: tags)
  }

  package func image(_ id: ImageID) throws(CatalogError) -> ImageRecord {
    guard let record = try read({ try imageRecord(id, $0) }) else {
      throw .unknownImage(id.description)
    }
    return record
  }

  func imageRecord(_ image: ImageID, _ database: Database) throws -> ImageRecord? {
    let row = try database.row(
      """
      SELECT object.id, chain, image.architecture, impure, recorded_at,
        (SELECT key FROM edge JOIN object ON object.id = needed
         WHERE holder = image.object AND role = 'manifest')
      FROM image JOIN object ON object.id = image.object
      WHERE object.key = ? AND object.kind = 'image' AND object.state = 'ready'
      """, [image.description])
    guard let row else { return nil }
    let id: Int64 = row[0]
    let layers = try database.rows(
      """
      SELECT object.id, object.key, object.size,
        (SELECT encoding.csize FROM encoding WHERE encoding.object = object.id
         ORDER BY encoding.id DESC LIMIT 1)
      FROM edge JOIN object ON object.id = edge.needed
      WHERE edge.holder = ? AND edge.role = 'layer' ORDER BY edge.position
      """, [id])
    return Self.imageRecord(
      image, row, layers.compactMap(Self.layerPart),
      tags: try database.texts("SELECT name FROM tag WHERE image = ? ORDER BY name", [id]))
  }

  /// All layers, oldest first.
  package func layers() throws(CatalogError) -> [LayerRecord] {
    try read { database in
      try database.rows(
        """
        SELECT object.key, state, size, allocated, created_at,
          (SELECT csize FROM encoding WHERE encoding.object = object.id
           ORDER BY id DESC LIMIT 1),
          (SELECT COUNT(DISTINCT holder) FROM edge JOIN image ON image.object = edge.holder
           WHERE needed = object.id),
          (SELECT recipe || ' ' || ordinal FROM step WHERE layer = object.id
           ORDER BY built_at, rowid LIMIT 1),
          EXISTS (SELECT 1 FROM step WHERE layer = object.id AND impure)
        FROM object WHERE kind = 'layer' ORDER BY created_at, object.id
        """
      ).compactMap { row in
        guard let id = DiffID(row[0] as String), let state = ObjectState(rawValue: row[1])
        else { return nil }
        return LayerRecord(
          id: id, state: state, size: ByteCount(row[2] as Int64),
          compressedSize: ByteCount((row[5] as Int64?) ?? 0),
          allocated: ByteCount(row[3] as Int64), images: row[6], madeBy: row[7], impure: row[8],
          createdAt: row[4])
      }
    }
  }
}
