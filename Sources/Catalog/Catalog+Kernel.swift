internal import GRDB
package import Vocabulary

extension Catalog {
  /// Says which fetched package holds the kernel for VMs of an image: the newest word counts. The
  /// package then stays while the image does.
  package func setKernel(
    _ package: Digest, of image: ImageID, _ lease: Lease
  ) throws(CatalogError) {
    if try kernel(of: image, lease) == package { return }
    try write { database in
      let holder = try requireReady(.image(image), database)
      try database.run(
        "DELETE FROM soft_edge WHERE holder = ? AND role = 'kernel'", [holder])
      try add(
        SoftEdge("kernel", holder: .image(image), wanted: .input(package)), database)
    }
  }

  /// The kernel package of an image, if it is in the store; kept for the lease from this moment on.
  package func kernel(of image: ImageID, _ lease: Lease) throws(CatalogError) -> Digest? {
    try writeFleeting { database in
      let row = try database.row(
        """
        SELECT wanted.id, wanted.key FROM soft_edge
        JOIN object AS holder ON holder.id = soft_edge.holder
        JOIN object AS wanted ON wanted.id = soft_edge.wanted
        WHERE holder.kind = 'image' AND holder.key = ? AND role = 'kernel'
          AND wanted.state = 'ready'
        """, [image.description])
      guard let row, let digest = Digest(row[1] as String) else { return nil }
      try refer(lease, to: row[0], database)
      return digest
    }
  }
}
