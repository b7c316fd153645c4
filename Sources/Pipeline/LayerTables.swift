internal import Catalog
internal import Layers
internal import Vocabulary

/// Tables of contents of a store's layers, each read once, and single files out of the layers.
/// Whoever uses it keeps the layers with a lease.
final class LayerTables {
  /// Half a million files take about 60 MB.
  private static let largest = 512 << 20

  private let session: Session
  private let lease: Lease
  private var known: [DiffID: TableOfContents] = [:]
  private var readers: [DiffID: LayerReader] = [:]

  init(_ session: Session, _ lease: Lease) {
    self.session = session
    self.lease = lease
  }

  func table(of layer: DiffID) throws -> TableOfContents {
    if let table = known[layer] { return table }
    guard let digest = try session.catalog.find(.toc(layer), lease)?.digest else {
      throw CatalogError.unknownObject(.toc(layer))
    }
    let blobs = BlobStore(root: session.layout.root)
    let table = try TableOfContents(decoding: try blobs.read(digest, limit: Self.largest))
    known[layer] = table
    return table
  }

  /// The contents of a file as the layer has it, without unpacking the rest; `nil` if it has none.
  func file(_ path: GuestPath, in layer: DiffID, limit: Int) throws -> [UInt8]? {
    try reader(of: layer).file(path, limit: limit)
  }

  /// Kept: the next file often lies in the part that was decoded for the last one.
  private func reader(of layer: DiffID) throws -> LayerReader {
    if let reader = readers[layer] { return reader }
    let encoding = try session.catalog.newestEncoding(of: layer)
    let reader = try LayerReader(
      blob: "\(session.layout.root)/\(encoding.path)", table: try table(of: layer))
    readers[layer] = reader
    return reader
  }

  /// The contents of a file as the chain shows it; `nil` if it has none.
  func file(
    _ path: GuestPath, in tree: MergedTree, of layers: [DiffID], limit: Int
  ) throws -> [UInt8]? {
    guard let index = tree.index(of: path) else { return nil }
    var name = path
    if case .hardLink(let target) = tree.items[index].entry.kind { name = target }
    return try file(name, in: layers[tree.origins[index]], limit: limit)
  }
}
