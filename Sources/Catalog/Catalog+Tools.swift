internal import GRDB
package import Vocabulary

/// A tool that a VM is to have: the image that it is part of, and the disk that holds it alone.
package struct NewTool: Sendable, Hashable {
  package var name: String
  package var image: ImageID
  package var disk: ObjectKey

  package init(name: String, image: ImageID, disk: ObjectKey) {
    self.name = name
    self.image = image
    self.disk = disk
  }
}

/// A tool that a VM has.
package struct ToolRecord: Sendable, Hashable {
  package let name: String
  package let image: ImageID
  package let disk: ObjectKey
  /// The files of its disk, below the store, the topmost first.
  package let diskFiles: [String]
}

extension Catalog {
  /// Says which images the tools of an image are parts of, by their names: the newest word counts.
  /// They then stay while the image does.
  package func setTools(
    _ tools: [String: ImageID], of image: ImageID, _ lease: Lease
  ) throws(CatalogError) {
    if try self.tools(of: image) == tools { return }
    try write { database in
      let holder = try requireReady(.image(image), database)
      try database.run(
        "DELETE FROM soft_edge WHERE holder = ? AND role GLOB 'tool/*'", [holder])
      for (name, tool) in tools {
        try add(
          SoftEdge(Self.toolRole + name, holder: .image(image), wanted: .image(tool)), database)
      }
    }
  }

  /// What `setTools` said, as far as it is still there.
  package func tools(of image: ImageID) throws(CatalogError) -> [String: ImageID] {
    try read { database in
      let rows = try database.rows(
        """
        SELECT role, wanted.key FROM soft_edge
        JOIN object AS holder ON holder.id = soft_edge.holder
        JOIN object AS wanted ON wanted.id = soft_edge.wanted
        WHERE holder.kind = 'image' AND holder.key = ? AND role GLOB 'tool/*'
          AND wanted.state = 'ready'
        """, [image.description])
      var tools: [String: ImageID] = [:]
      for row in rows {
        let role: String = row[0]
        tools[String(role.dropFirst(Self.toolRole.count))] = ImageID(row[1] as String)
      }
      return tools
    }
  }

  private static let toolRole = "tool/"

  /// Keeps a disk that was made for an image while the image stays, until space is short.
  package func keep(disk: ObjectKey, for image: ImageID) throws(CatalogError) {
    try write { database in
      try add(SoftEdge("disk", holder: .image(image), wanted: disk), database)
    }
  }

  /// In the order in which they were asked for.
  func tools(ofVM vm: Int64, _ database: Database) throws -> [ToolRecord] {
    try database.rows(
      """
      SELECT name, image.key, disk.kind, disk.key, vm_tool.disk FROM vm_tool
      JOIN object AS image ON image.id = vm_tool.image
      JOIN object AS disk ON disk.id = vm_tool.disk
      WHERE vm = ? ORDER BY position
      """, [vm]
    ).compactMap { row in
      guard let image = ImageID(row[1] as String), let kind = ObjectKind(rawValue: row[2])
      else { return nil }
      return ToolRecord(
        name: row[0], image: image, disk: ObjectKey(kind, row[3]),
        diskFiles: try diskFiles(row[4], database))
    }
  }
}
